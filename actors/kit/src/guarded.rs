//! An actor as the kit starts it: a panic becomes a [`Crash`] that carries the backtrace of the place that panicked.
//!
//! ractor catches panics too, but keeps the message alone; the backtrace sits in a thread-local of the thread that
//! panicked, so it must be read in the same poll, before the failure travels to the supervisor.
//!
//! Owns: the actor in it. Hears: that actor's messages. Says: what that actor says. Dies when: that actor does.
//! Restart: as its spec says.

use std::future::Future;

use ractor::message::SerializedMessage;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::child::Crash;
use crate::panic::caught;

/// The wrapper; same messages, state and arguments as the actor in it.
pub(crate) struct Guarded<A>(pub(crate) A);

pub(crate) async fn guarded<T>(
    work: impl Future<Output = Result<T, ActorProcessingErr>>,
) -> Result<T, ActorProcessingErr> {
    caught(work).await.unwrap_or_else(|report| {
        Err(Crash::new(report.message)
            .backtrace(report.backtrace)
            .into())
    })
}

impl<A: Actor> Actor for Guarded<A> {
    type Msg = A::Msg;
    type State = A::State;
    type Arguments = A::Arguments;

    async fn pre_start(
        &self,
        me: ActorRef<A::Msg>,
        args: A::Arguments,
    ) -> Result<A::State, ActorProcessingErr> {
        guarded(self.0.pre_start(me, args)).await
    }

    async fn post_start(
        &self,
        me: ActorRef<A::Msg>,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        guarded(self.0.post_start(me, state)).await
    }

    async fn handle(
        &self,
        me: ActorRef<A::Msg>,
        message: A::Msg,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        guarded(self.0.handle(me, message, state)).await
    }

    async fn handle_serialized(
        &self,
        me: ActorRef<A::Msg>,
        message: SerializedMessage,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        guarded(self.0.handle_serialized(me, message, state)).await
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<A::Msg>,
        event: SupervisionEvent,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        guarded(self.0.handle_supervisor_evt(me, event, state)).await
    }

    async fn post_stop(
        &self,
        me: ActorRef<A::Msg>,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        guarded(self.0.post_stop(me, state)).await
    }
}
