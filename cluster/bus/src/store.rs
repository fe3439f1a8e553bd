//! The port: what a backend keeps and what it must never lose.
//!
//! Every operation is one transaction of the backend, and moves the ledger with the message. `tests/conformance` is the
//! contract in runnable form.

use std::fmt;
use std::time::Duration;

use busker_model::bus::{
    DeadLetter, DeadSummary, Envelope, Failure, InvocationStatus, LedgerRow, Loss,
};
use busker_model::invocation::ReplyBody;
use busker_model::{Cid, Delivery, ServiceName};
use busker_service::BoxFuture;
use bytes::Bytes;
use tokio::sync::watch;

use crate::error::Result;

/// A service that could take work now, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Service.
    pub service: ServiceName,
    /// Free permits.
    pub permits: u32,
}

/// The right to run one invocation until the lease runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Invocation.
    pub cid: Cid,
    /// Service.
    pub service: ServiceName,
    /// How it is kept.
    pub delivery: Delivery,
    /// Which start this is, from 1. A lease of an older one is refused.
    pub attempt: u32,
    /// Its order key.
    pub key: Option<String>,
    /// When it was handed over, Unix milliseconds.
    pub accepted_ms: i64,
    /// Entry of the backend.
    pub entry: Box<str>,
}

/// An invocation to run now.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The right to.
    pub lease: Lease,
    /// What to run.
    pub envelope: Envelope,
}

/// How one start of an invocation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// It succeeded with this answer.
    Done(ReplyBody),
    /// It failed and is tried again.
    Retry {
        /// Not before, Unix milliseconds.
        at_ms: i64,
        /// Why it failed.
        failure: Failure,
    },
    /// It failed for good.
    Dead {
        /// Why it failed.
        failure: Failure,
        /// Code that failed.
        version: String,
    },
    /// Its deadline passed before it could start.
    Expired,
    /// It was not started after all, so this does not count.
    GiveBack {
        /// Not before, Unix milliseconds.
        at_ms: i64,
    },
}

/// Which dead letters to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadFilter {
    /// Of this service only.
    pub service: Option<ServiceName>,
    /// Skip so many.
    pub offset: u32,
    /// At most so many; [`crate::limits::DEAD_PAGE_MAX`] is the most.
    pub limit: u32,
}

/// Dead letters of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadPage {
    /// How many there are in all.
    pub total: u64,
    /// Those of the page.
    pub letters: Vec<DeadSummary>,
}

/// Keeps asynchronous invocations.
pub trait Store: Send + Sync + fmt::Debug {
    /// Its name for logs: `sqlite` or `redis`.
    fn name(&self) -> &'static str;

    /// Keeps an invocation; when this answers it is kept as its class promises. A cid that is kept, dead or has ended is
    /// not kept twice, and that is no error.
    fn publish(&self, envelope: Envelope) -> BoxFuture<'static, Result<()>>;

    /// Takes what can start now, at most the permits of each service, at most `most` and [`crate::limits::CLAIM_MAX`] in
    /// all; oldest first per service and class, services in the order given.
    fn claim(&self, wants: Vec<Want>, most: u32) -> BoxFuture<'static, Result<Vec<Claimed>>>;

    /// Makes leases run from now again. Those that are lost stay lost.
    fn renew(&self, held: Vec<Lease>) -> BoxFuture<'static, Result<()>>;

    /// Ends one start of an invocation; `NotHeld` when the lease is lost, and nothing has changed then.
    fn settle(&self, lease: Lease, end: End) -> BoxFuture<'static, Result<()>>;

    /// Makes what is due ready to start; answers how many.
    fn promote(&self) -> BoxFuture<'static, Result<u32>>;

    /// Takes back what nodes held longer than their lease; answers how many.
    fn reclaim(&self) -> BoxFuture<'static, Result<u32>>;

    /// Forgets results and dead letters over their retention; answers how many.
    fn sweep(&self) -> BoxFuture<'static, Result<u32>>;

    /// Changes whenever there may be something to claim.
    fn bell(&self) -> watch::Receiver<u64>;

    /// Where an invocation is; `None` when it never was here or is forgotten.
    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>>>;

    /// The ledger, by service and class, sorted; all of it from one moment.
    fn ledger(&self) -> BoxFuture<'static, Result<Vec<LedgerRow>>>;

    /// Losses of the store, oldest first.
    fn losses(&self) -> BoxFuture<'static, Result<Vec<Loss>>>;

    /// Writes the counters down where a loss of the store does not reach them.
    fn checkpoint(&self) -> BoxFuture<'static, Result<()>>;

    /// Puts right what differs between what is kept and what is on its way; answers how many. There is no bound on its
    /// time.
    fn relay(&self) -> BoxFuture<'static, Result<u32>>;

    /// Waits for a while until what was answered is everywhere it belongs.
    fn flush(&self) -> BoxFuture<'static, ()>;

    /// Dead letters, newest first.
    fn dead_list(&self, filter: DeadFilter) -> BoxFuture<'static, Result<DeadPage>>;

    /// One dead letter; `NotDead` when there is none.
    fn dead_get(&self, cid: Cid) -> BoxFuture<'static, Result<DeadLetter>>;

    /// Gives a dead letter another payload.
    fn dead_edit(&self, cid: Cid, payload: Bytes) -> BoxFuture<'static, Result<()>>;

    /// Makes a dead letter an invocation again, with its cid, its attempts forgotten and no deadline.
    fn dead_replay(&self, cid: Cid) -> BoxFuture<'static, Result<()>>;

    /// Lets a dead letter go.
    fn dead_discard(&self, cid: Cid) -> BoxFuture<'static, Result<()>>;
}

/// The result of an invocation, if it is short enough to keep.
pub(crate) fn kept(body: ReplyBody) -> Option<ReplyBody> {
    match &body {
        ReplyBody::Empty => Some(body),
        ReplyBody::Json(bytes) | ReplyBody::Raw(bytes) => {
            (bytes.len() <= crate::limits::RESULT_BYTES_MAX).then_some(body)
        }
    }
}

/// Why an invocation is given up whose nodes went away while they ran it.
pub(crate) fn lost(attempts: u32, lease: Duration) -> Failure {
    Failure {
        class: busker_model::ErrorClass::Unavailable,
        code: Some("lease-lost".into()),
        message: format!(
            "it was started {attempts} times and not once ended within its lease of {lease:?}: the nodes that ran it went away or stood still"
        ),
        detail: None,
    }
}

/// An envelope as it runs again after an operator's replay: at once, and without its old deadline.
pub(crate) fn revived(mut envelope: Envelope) -> Envelope {
    envelope.head.not_before_ms = None;
    envelope.head.deadline_ms = None;
    envelope
}
