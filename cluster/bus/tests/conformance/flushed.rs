//! A store of Redis whose operations answer when the outbox and the stream agree, so that a test can look at once.

use busker_bus::{Claimed, DeadFilter, DeadPage, End, Lease, RedisStore, Result, Store, Want};
use busker_model::Cid;
use busker_model::bus::{DeadLetter, Envelope, InvocationStatus, LedgerRow, Loss};
use busker_service::BoxFuture;
use bytes::Bytes;
use tokio::sync::watch;

/// It.
#[derive(Debug)]
pub(crate) struct Flushed(pub(crate) RedisStore);

impl Flushed {
    fn then<T: Send + 'static>(
        &self,
        done: BoxFuture<'static, Result<T>>,
    ) -> BoxFuture<'static, Result<T>> {
        let flush = self.0.flush();
        Box::pin(async move {
            let done = done.await;
            flush.await;
            done
        })
    }
}

impl Store for Flushed {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn publish(&self, envelope: Envelope) -> BoxFuture<'static, Result<()>> {
        self.then(self.0.publish(envelope))
    }

    fn claim(&self, wants: Vec<Want>, most: u32) -> BoxFuture<'static, Result<Vec<Claimed>>> {
        self.0.claim(wants, most)
    }

    fn renew(&self, held: Vec<Lease>) -> BoxFuture<'static, Result<()>> {
        self.0.renew(held)
    }

    fn settle(&self, lease: Lease, end: End) -> BoxFuture<'static, Result<()>> {
        self.then(self.0.settle(lease, end))
    }

    fn promote(&self) -> BoxFuture<'static, Result<u32>> {
        self.0.promote()
    }

    fn reclaim(&self) -> BoxFuture<'static, Result<u32>> {
        self.then(self.0.reclaim())
    }

    fn sweep(&self) -> BoxFuture<'static, Result<u32>> {
        self.then(self.0.sweep())
    }

    fn bell(&self) -> watch::Receiver<u64> {
        self.0.bell()
    }

    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>>> {
        self.0.status(cid)
    }

    fn ledger(&self) -> BoxFuture<'static, Result<Vec<LedgerRow>>> {
        self.0.ledger()
    }

    fn losses(&self) -> BoxFuture<'static, Result<Vec<Loss>>> {
        self.0.losses()
    }

    fn checkpoint(&self) -> BoxFuture<'static, Result<()>> {
        self.0.checkpoint()
    }

    fn relay(&self) -> BoxFuture<'static, Result<u32>> {
        self.0.relay()
    }

    fn flush(&self) -> BoxFuture<'static, ()> {
        self.0.flush()
    }

    fn dead_list(&self, filter: DeadFilter) -> BoxFuture<'static, Result<DeadPage>> {
        self.0.dead_list(filter)
    }

    fn dead_get(&self, cid: Cid) -> BoxFuture<'static, Result<DeadLetter>> {
        self.0.dead_get(cid)
    }

    fn dead_edit(&self, cid: Cid, payload: Bytes) -> BoxFuture<'static, Result<()>> {
        self.0.dead_edit(cid, payload)
    }

    fn dead_replay(&self, cid: Cid) -> BoxFuture<'static, Result<()>> {
        self.0.dead_replay(cid)
    }

    fn dead_discard(&self, cid: Cid) -> BoxFuture<'static, Result<()>> {
        self.then(self.0.dead_discard(cid))
    }
}
