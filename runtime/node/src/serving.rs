//! The two listeners of a node: which routes each has, and its limits.

use std::io;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpServer, Resource, Route};
use busker_admin::{openapi, operations};
use busker_kit::ChildSpec;
use busker_model::Fault;

use crate::api::{self, Api};
use crate::body::BodyLimits;
use crate::boot::Node;
use crate::config::{LimitsSection, Listener};
use crate::front::{self, Front};
use crate::gatekeeper::Gatekeeper;
use crate::listener;
use crate::meter::Meter;
use crate::tls;

/// The child specs, in start order: the API first, so that it can be asked while channels open and close.
pub(crate) fn listeners(node: &Node) -> Result<Vec<ChildSpec>, Fault> {
    Ok(vec![api(node)?, channels(node)?])
}

fn channels(node: &Node) -> Result<ChildSpec, Fault> {
    let limits = node.config.limits;
    let front = Front {
        mount: node.mount.clone(),
        directory: node.directory.clone(),
        board: node.board.clone(),
        meter: Meter::new(&node.metrics),
        limits: BodyLimits {
            bytes: limits.body_bytes,
            time: Duration::from_millis(limits.body_timeout_ms),
        },
    };
    let socket = Socket::new(node, &node.config.http)?;
    let open = move || {
        let front = Data::new(front.clone());
        socket.open(move |routes| {
            routes
                .app_data(front.clone())
                .default_service(web::to(front::serve));
        })
    };
    Ok(listener::spec("http", drain(limits), open))
}

fn api(node: &Node) -> Result<ChildSpec, Fault> {
    let limits = node.config.limits;
    let document = openapi::document(&operations(&node.catalog)).to_string();
    let api = Api {
        gatekeeper: Gatekeeper {
            odb: node.odb.clone(),
            passwords: node.passwords.clone(),
        },
        directory: node.directory.clone(),
        tree: node.tree.clone(),
        feed: node.feed.clone(),
        metrics: node.metrics.clone(),
        board: node.board.clone(),
        revision: node.revision.clone(),
        openapi: document.into(),
        body_time: Duration::from_millis(limits.body_timeout_ms),
    };
    let socket = Socket::new(node, &node.config.admin)?;
    let open = move || {
        let api = Data::new(api.clone());
        socket.open(move |routes| {
            routes
                .app_data(api.clone())
                .service(only(Method::GET, "/healthz", web::to(api::healthz)))
                .service(only(Method::GET, "/readyz", web::to(api::readyz)))
                .service(only(Method::GET, "/metrics", web::to(api::metrics)))
                .service(only(
                    Method::GET,
                    "/api/v1/openapi.json",
                    web::to(api::openapi),
                ))
                .service(only(Method::GET, "/api/v1/events", web::to(api::events)))
                .service(only(
                    Method::POST,
                    "/api/v1/services/{name}",
                    web::to(api::call),
                ))
                .default_service(web::to(api::nothing));
        })
    };
    Ok(listener::spec("api", drain(limits), open))
}

/// A path that takes one method; any other is told which.
fn only(method: Method, path: &str, route: Route) -> Resource {
    let allowed = method.clone();
    web::resource(path)
        .route(route.method(method))
        .default_service(web::to(move |request: HttpRequest| {
            std::future::ready(api::wrong_method(&request, &allowed))
        }))
}

fn drain(limits: LimitsSection) -> Duration {
    Duration::from_millis(limits.drain_timeout_ms)
}

/// Where and how one of them listens.
struct Socket {
    listener: Listener,
    limits: LimitsSection,
    tls: Option<rustls::ServerConfig>,
}

impl Socket {
    fn new(node: &Node, listener: &Listener) -> Result<Self, Fault> {
        let tls = listener
            .tls
            .as_ref()
            .map(|files| tls::server(&node.config, files))
            .transpose()?;
        Ok(Self {
            listener: listener.clone(),
            limits: node.config.limits,
            tls,
        })
    }

    fn open(
        &self,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<Server> {
        let server = HttpServer::new(move || App::new().configure(routes.clone()))
            .workers(self.listener.workers)
            .max_connections(self.listener.max_connections)
            .client_request_timeout(Duration::from_millis(self.limits.head_timeout_ms))
            .shutdown_timeout(self.limits.drain_timeout_ms.div_ceil(1_000))
            .disable_signals();
        let server = match &self.tls {
            Some(tls) => server.bind_rustls_0_23(self.listener.listen, tls.clone())?,
            None => server.bind(self.listener.listen)?,
        };
        Ok(server.run())
    }
}
