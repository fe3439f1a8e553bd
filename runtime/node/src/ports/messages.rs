//! Asynchronous invocations as the admin services see them.

use std::sync::Arc;

use busker_admin::ports::{DeadLetters, Ledger, Messages};
use busker_bus::{DeadFilter, MessageBus};
use busker_model::bus::{DeadLetter, InvocationStatus};
use busker_model::{Cid, Fault, ServiceName};
use busker_service::BoxFuture;
use bytes::Bytes;

/// Asks the store of the bus.
#[derive(Debug)]
pub(crate) struct BusMessages(pub(crate) MessageBus);

impl Messages for BusMessages {
    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>, Fault>> {
        let asked = self.0.store().status(cid);
        Box::pin(async move { Ok(asked.await?) })
    }

    fn ledger(&self) -> BoxFuture<'static, Result<Ledger, Fault>> {
        let store = Arc::clone(self.0.store());
        Box::pin(async move {
            Ok(Ledger {
                rows: store.ledger().await?,
                losses: store.losses().await?,
                store: store.name(),
            })
        })
    }

    fn dead_list(
        &self,
        service: Option<ServiceName>,
        offset: u32,
        limit: u32,
    ) -> BoxFuture<'static, Result<DeadLetters, Fault>> {
        let filter = DeadFilter {
            service,
            offset,
            limit,
        };
        let asked = self.0.store().dead_list(filter);
        Box::pin(async move {
            let page = asked.await?;
            Ok(DeadLetters {
                total: page.total,
                letters: page.letters,
            })
        })
    }

    fn dead_get(&self, cid: Cid) -> BoxFuture<'static, Result<DeadLetter, Fault>> {
        let asked = self.0.store().dead_get(cid);
        Box::pin(async move { Ok(asked.await?) })
    }

    fn dead_edit(&self, cid: Cid, payload: Bytes) -> BoxFuture<'static, Result<(), Fault>> {
        let asked = self.0.store().dead_edit(cid, payload);
        Box::pin(async move { Ok(asked.await?) })
    }

    fn dead_replay(&self, cid: Cid) -> BoxFuture<'static, Result<(), Fault>> {
        let asked = self.0.store().dead_replay(cid);
        Box::pin(async move { Ok(asked.await?) })
    }

    fn dead_discard(&self, cid: Cid) -> BoxFuture<'static, Result<(), Fault>> {
        let asked = self.0.store().dead_discard(cid);
        Box::pin(async move { Ok(asked.await?) })
    }
}
