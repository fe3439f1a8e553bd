//! How the two actors of this crate live: a pump does the work, and what ends it ends the actor.

use std::future::Future;

use busker_kit::ractor::{ActorProcessingErr, ActorRef, Message};
use busker_kit::{Crash, Pump};

/// What an actor hears from its pump.
#[derive(Debug)]
pub(crate) enum LifeMessage {
    /// The work panicked.
    Ended(Crash),
}

impl Message for LifeMessage {}

/// Starts the work of an actor.
pub(crate) fn spawn(
    name: &'static str,
    me: ActorRef<LifeMessage>,
    work: impl Future<Output = ()> + Send + 'static,
) -> Pump {
    Pump::vital(name, work, move |crash| {
        // A stopped actor has no use for the news.
        drop(me.cast(LifeMessage::Ended(crash)));
    })
}

/// The end of an actor whose work ended: its supervisor counts it and starts a new one.
pub(crate) fn crash(message: LifeMessage) -> ActorProcessingErr {
    let LifeMessage::Ended(crash) = message;
    crash.into()
}
