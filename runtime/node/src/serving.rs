//! The two listeners of a node: which routes each has, and its limits.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, Resource, Route};
use busker_admin::{openapi, operations};
use busker_kit::ChildSpec;
use busker_model::Fault;

use crate::api::{self, Api};
use crate::body::BodyLimits;
use crate::config::{LimitsSection, ZatoFace};
use crate::front::{self, Documents, Front};
use crate::gatekeeper::Gatekeeper;
use crate::listener;
use crate::lockout::Lockout;
use crate::meter::Meter;
use crate::node::Node;
use crate::ports::Nonces;
use crate::soap_api;
use crate::socket::Socket;
use crate::zato::{self, Face};

/// The child specs, in start order: the API first, so that it can be asked while channels open and close.
pub(crate) fn listeners(node: &Node) -> Result<Vec<ChildSpec>, Fault> {
    Ok(vec![api(node)?, channels(node)?])
}

fn channels(node: &Node) -> Result<ChildSpec, Fault> {
    let limits = node.ground.config.limits;
    let front = Front {
        mount: node.ground.mount.clone(),
        directory: node.ground.directory.clone(),
        board: node.ground.board.clone(),
        meter: Meter::new(&node.ground.metrics),
        limits: BodyLimits {
            bytes: limits.body_bytes,
            time: Duration::from_millis(limits.body_timeout_ms),
        },
        nonces: Arc::new(Nonces(node.ground.odb.clone())),
        membership: node.ground.membership.clone(),
        documents: Documents::new(
            node.ground.odb.clone(),
            node.ground.config.http.tls.is_some(),
        ),
        zato: Face::on(node, ZatoFace::Channels),
    };
    let socket = Socket::new(node, &node.ground.config.http)?;
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
    let limits = node.ground.config.limits;
    let operations = operations(&node.catalog);
    let document = openapi::document(&operations).to_string();
    let api = Api {
        gatekeeper: Gatekeeper {
            odb: node.ground.odb.clone(),
            passwords: node.passwords.clone(),
            lockout: Lockout::default(),
            events: node.ground.events.clone(),
        },
        directory: node.ground.directory.clone(),
        tree: node.ground.tree.clone(),
        feed: node.ground.feed.clone(),
        metrics: node.ground.metrics.clone(),
        board: node.ground.board.clone(),
        revision: node.revision.clone(),
        bus: node.ground.bus.health().clone(),
        openapi: document.into(),
        binding: Arc::new(busker_admin::soap::binding(&operations)),
        is_secure: node.ground.config.admin.tls.is_some(),
        body_time: Duration::from_millis(limits.body_timeout_ms),
    };
    let socket = Socket::new(node, &node.ground.config.admin)?;
    let zato = Face::on(node, ZatoFace::Admin);
    let open = move || {
        let api = Data::new(api.clone());
        let zato = zato.clone().map(Data::new);
        socket.open(move |routes| {
            if let Some(face) = &zato {
                let below = web::resource("/zato/{rest:.*}").route(web::to(zato::serve_admin));
                routes.app_data(face.clone()).service(below);
            }
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
                .service(soap())
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
    let allowed = method.to_string();
    taking(web::resource(path).route(route.method(method)), allowed)
}

/// The admin services over SOAP, and their WSDL.
fn soap() -> Resource {
    let resource = web::resource("/api/v1/soap")
        .route(web::post().to(soap_api::call))
        .route(web::get().to(soap_api::wsdl));
    taking(resource, "GET, POST".to_owned())
}

/// Tells other methods which are taken.
fn taking(resource: Resource, allowed: String) -> Resource {
    resource.default_service(web::to(move |request: HttpRequest| {
        std::future::ready(api::wrong_method(&request, &allowed))
    }))
}

fn drain(limits: LimitsSection) -> Duration {
    Duration::from_millis(limits.drain_timeout_ms)
}
