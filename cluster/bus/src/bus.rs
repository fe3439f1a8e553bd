//! The face of the bus: what services, the API and the node ask of it, whichever backend keeps it.

use std::sync::Arc;

use busker_model::bus::{Envelope, InvocationStatus};
use busker_model::{Cid, Fault};
use busker_service::{BoxFuture, Bus};

use crate::store::Store;

/// The bus of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MessageBus(Arc<dyn Store>);

impl MessageBus {
    /// The bus over a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// What keeps it.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0
    }
}

impl Bus for MessageBus {
    fn publish(&self, envelope: Envelope) -> BoxFuture<'static, Result<Cid, Fault>> {
        let cid = envelope.cid;
        let kept = self.0.publish(envelope);
        Box::pin(async move {
            kept.await?;
            Ok(cid)
        })
    }

    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>, Fault>> {
        let asked = self.0.status(cid);
        Box::pin(async move { Ok(asked.await?) })
    }
}
