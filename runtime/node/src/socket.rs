//! The HTTP server of one listener: its socket, its limits, and TLS where it is asked for.
//!
//! It is put together of the parts of actix-web's own `HttpServer`, with [`Patient`] between the socket and HTTP.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use actix_web::web::ServiceConfig;
use busker_model::Fault;
use busker_security::ClientCertificate;
use nix::sys::socket::sockopt::TcpUserTimeout;
use nix::sys::socket::{Backlog, setsockopt};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::{LimitsSection, Listener};
use crate::listener::Opened;
use crate::node::Node;
use crate::patience::Patient;
use crate::tls::Certified;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 2_048;
/// Longest silence between an answer and the next request of a connection.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Where and how a listener listens.
pub(crate) struct Socket {
    listener: Listener,
    limits: LimitsSection,
    tls: Option<Arc<Certified>>,
}

impl Socket {
    pub(crate) fn new(node: &Node, listener: &Listener) -> Result<Self, Fault> {
        let tls = listener
            .tls
            .as_ref()
            .map(|files| Certified::open(&node.ground.config, files))
            .transpose()?;
        Ok(Self {
            listener: listener.clone(),
            limits: node.ground.config.limits,
            tls,
        })
    }

    pub(crate) fn open(
        &self,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<Opened> {
        let listener = bind(self.listener.listen, self.limits.write_timeout_ms)?;
        let builder = Server::build()
            .workers(self.listener.workers)
            .max_concurrent_connections(self.listener.max_connections)
            .shutdown_timeout(self.limits.drain_timeout_ms.div_ceil(1_000))
            .disable_signals();
        let (ending, limits) = (builder.graceful_shutdown_signal(), self.limits);
        let head = Duration::from_millis(limits.head_timeout_ms);
        let server = match &self.tls {
            None => builder.listen("http", listener, move || {
                fn_service(move |io: TcpStream| {
                    let peer = io.peer_addr().ok();
                    std::future::ready(Ok((Patient::new(io, KEEP_ALIVE + head), peer)))
                })
                .and_then(http(routes.clone(), head, ending.clone()))
            })?,
            Some(certified) => {
                let tls = certified.server();
                builder.listen("https", listener, move || {
                    Acceptor::new(tls.clone())
                        .map_init_err(drop)
                        .map_err(TlsError::into_service_error)
                        .map(move |io: TlsStream<TcpStream>| {
                            let (socket, session) = io.get_ref();
                            let peer = socket.peer_addr().ok();
                            let shown = session.peer_certificates().and_then(<[_]>::first);
                            let shown = shown.map(|shown| ClientCertificate::of_der(shown));
                            (Patient::new(io, KEEP_ALIVE + head).of(shown), peer)
                        })
                        .and_then(
                            http(routes.clone(), head, ending.clone()).map_err(TlsError::Service),
                        )
                })?
            }
        };
        let follow = self.tls.clone().map(Certified::follow);
        let beside = async move {
            match follow {
                Some(follow) => follow.await,
                None => std::future::pending().await,
            }
        };
        Ok(Opened {
            server: server.run(),
            beside: Box::pin(beside),
        })
    }
}

/// HTTP over connections of any kind.
fn http<T: AsyncRead + AsyncWrite + Unpin + 'static>(
    routes: impl Fn(&mut ServiceConfig),
    head: Duration,
    ending: GracefulShutdownSignal,
) -> impl ServiceFactory<
    (Patient<T>, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> {
    let app = App::new().configure(routes).into_factory();
    let app = app.map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .graceful_shutdown_signal(move || {
            let ending = ending.clone();
            async move { ending.notified().await }
        })
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(head)
        .on_connect_ext(|io: &Patient<T>, data| {
            data.insert(Rc::clone(io.turns()));
            if let Some(certificate) = io.certificate() {
                data.insert(Rc::clone(certificate));
            }
        })
        .h1(map_config(app, |()| AppConfig::default()))
}

/// Binds. The kernel ends a connection whose client takes nothing any more, which actix would wait for without end;
/// connections inherit that from their listener.
fn bind(listen: SocketAddr, write_timeout_ms: u32) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(listen)?;
    setsockopt(&listener, TcpUserTimeout, &write_timeout_ms)?;
    nix::sys::socket::listen(&listener, Backlog::new(BACKLOG)?)?;
    Ok(listener)
}
