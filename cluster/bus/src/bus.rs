//! The face of the bus: what services, the API and the node ask of it, whichever backend keeps it.

use std::sync::Arc;

use busker_model::bus::{Envelope, InvocationStatus};
use busker_model::{Cid, Fault};
use busker_service::{BoxFuture, Bus};

use crate::health::Health;
use crate::store::Store;

/// The bus of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MessageBus {
    store: Arc<dyn Store>,
    health: Health,
}

impl MessageBus {
    /// The bus over a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            health: Health::default(),
        }
    }

    /// What keeps it.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// How it is; its keeper says so.
    #[must_use]
    pub const fn health(&self) -> &Health {
        &self.health
    }
}

impl Bus for MessageBus {
    fn publish(&self, envelope: Envelope) -> BoxFuture<'static, Result<Cid, Fault>> {
        let cid = envelope.cid;
        let kept = self.store.publish(envelope);
        Box::pin(async move {
            kept.await?;
            Ok(cid)
        })
    }

    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>, Fault>> {
        let asked = self.store.status(cid);
        Box::pin(async move { Ok(asked.await?) })
    }
}
