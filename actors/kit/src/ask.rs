//! Asking an actor, always with a deadline.

use std::time::Duration;

use busker_model::{ErrorClass, Fault};
use ractor::rpc::CallResult;
use ractor::{ActorRef, Message, RpcReplyPort};

/// Sends a message that carries a reply port and waits for the reply.
///
/// # Errors
/// `Timeout` after `timeout`; `Unavailable` when the actor is gone or drops the port.
pub async fn ask<M: Message, R: Send + 'static>(
    actor: &ActorRef<M>,
    timeout: Duration,
    message: impl FnOnce(RpcReplyPort<R>) -> M,
) -> Result<R, Fault> {
    match actor.call(message, Some(timeout)).await {
        Ok(CallResult::Success(reply)) => Ok(reply),
        Ok(CallResult::Timeout) => Err(Fault::timeout("an actor did not answer in time")),
        Ok(CallResult::SenderError) | Err(_) => Err(Fault::new(
            ErrorClass::Unavailable,
            "an actor ended before it answered",
        )),
    }
}
