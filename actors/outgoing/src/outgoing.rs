//! The table of connections, and the port through which services send.

use std::fmt;
use std::sync::{Arc, OnceLock};

use busker_model::{Fault, Transport};
use busker_service::{BoxFuture, HttpAnswer, HttpCall, OutgoingHttp, Ping};
use dashmap::DashMap;

use crate::connection::Connection;
use crate::stats::ConnectionStats;

type Table = DashMap<String, Arc<Connection>>;

/// The configuration as it is now, which a node runs a moment after it was written, maybe through another node.
pub trait Latest: Send + Sync + fmt::Debug {
    /// Waits, for a bounded time, until this node runs it.
    fn catch_up(&self) -> BoxFuture<'static, ()>;
}

#[derive(Debug)]
struct Inner {
    component: String,
    plain_http: Table,
    soap: Table,
    latest: OnceLock<Arc<dyn Latest>>,
}

/// All outgoing HTTP connections of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outgoing(Arc<Inner>);

impl Outgoing {
    /// A table without connections. Peers are told in `X-Zato-Component` that `busker/<node>` calls.
    #[must_use]
    pub fn new(node: &str) -> Self {
        Self(Arc::new(Inner {
            component: format!("busker/{node}"),
            plain_http: DashMap::new(),
            soap: DashMap::new(),
            latest: OnceLock::new(),
        }))
    }

    /// Says how to catch up before a connection is called missing; the first one stays.
    pub fn connect(&self, latest: Arc<dyn Latest>) {
        // A second one would be of the same node.
        drop(self.0.latest.set(latest));
    }

    /// The counters of a connection; `None` when there is none of that name.
    #[must_use]
    pub fn stats(&self, name: &str, transport: Transport) -> Option<ConnectionStats> {
        let connection = self.table(transport).get(name)?;
        Some(connection.stats())
    }

    pub(crate) fn component(&self) -> &str {
        &self.0.component
    }

    pub(crate) fn insert(&self, connection: Arc<Connection>) {
        let table = self.table(connection.transport);
        if let Some(old) = table.insert(connection.name.clone(), connection) {
            old.retire();
        }
    }

    /// Takes a connection out, if it is still the one in the table.
    pub(crate) fn remove(&self, connection: &Arc<Connection>) {
        connection.retire();
        let table = self.table(connection.transport);
        table.remove_if(&connection.name, |_, current| {
            Arc::ptr_eq(current, connection)
        });
    }

    fn table(&self, transport: Transport) -> &Table {
        match transport {
            Transport::PlainHttp => &self.0.plain_http,
            Transport::Soap => &self.0.soap,
        }
    }

    fn find(&self, name: &str, transport: Transport) -> Result<Arc<Connection>, Fault> {
        let found = self
            .table(transport)
            .get(name)
            .map(|connection| Arc::clone(&connection));
        found.ok_or_else(|| {
            let group = transport.as_str();
            Fault::not_found(format!(
                "there is no outgoing {group} connection {name:?} on this node"
            ))
            .code("missing-connection")
        })
    }

    /// A second look, once this node has caught up: work may come here faster than the connection that it needs.
    async fn find_late(
        &self,
        name: &str,
        transport: Transport,
        missing: Fault,
    ) -> Result<Arc<Connection>, Fault> {
        let Some(latest) = self.0.latest.get() else {
            return Err(missing);
        };
        latest.catch_up().await;
        self.find(name, transport)
    }
}

impl OutgoingHttp for Outgoing {
    fn send(
        &self,
        connection: &str,
        transport: Transport,
        call: HttpCall,
    ) -> BoxFuture<'static, Result<HttpAnswer, Fault>> {
        match self.find(connection, transport) {
            Ok(found) => Box::pin(found.send(call)),
            Err(missing) => {
                let (table, name) = (self.clone(), connection.to_owned());
                Box::pin(async move {
                    let found = table.find_late(&name, transport, missing).await?;
                    found.send(call).await
                })
            }
        }
    }

    fn ping(
        &self,
        connection: &str,
        transport: Transport,
    ) -> BoxFuture<'static, Result<Ping, Fault>> {
        match self.find(connection, transport) {
            Ok(found) => Box::pin(found.ping()),
            Err(fault) => Box::pin(std::future::ready(Err(fault))),
        }
    }
}
