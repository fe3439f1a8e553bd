//! A way out.

use std::future::Future;
use std::time::Instant;

use crate::failure::Failure;

/// An open way out, shared by all who send. It counts and limits nothing: that is done by the actor that owns it.
pub trait Outbound: Send + Sync + 'static {
    /// What is sent.
    type Request: Send;
    /// What comes back.
    type Reply: Send;

    /// Sends one request and waits for its answer, at most until the deadline. It retries what is safe to repeat.
    fn send(
        &self,
        request: Self::Request,
        deadline: Instant,
    ) -> impl Future<Output = Result<Self::Reply, Failure>> + Send;

    /// Asks whether the peer is there, at most until the deadline, and says what it answered.
    fn ping(&self, deadline: Instant) -> impl Future<Output = Result<String, Failure>> + Send;
}
