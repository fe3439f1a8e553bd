//! One outgoing HTTP connection. Owns: its settings, credentials, client, permits, breaker, counters and its place in the
//! table of connections. Hears: nothing; requests read what it published. Says: its state, when it is shut and when its
//! circuit opens or closes; its supervisor reports its life.
//! Dies when: it is stopped or replaced (normal), or its client cannot be made (start failure).
//! Restart: permanent with backoff, 5 in 60 s, then parked; siblings are untouched.

use std::sync::Arc;
use std::time::Duration;

use busker_connector_http::{Credentials, HttpOutbound, OutgoingSettings};
use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use busker_kit::{ChildSpec, Restart, Seat};
use busker_model::ActorState;

use crate::connection::{Connection, Shut};
use crate::outgoing::Outgoing;

/// Time requests in flight have when their connection goes.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// A connection as it should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desired {
    pub(crate) name: String,
    pub(crate) settings: OutgoingSettings,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) needs_secret: bool,
    pub(crate) active: bool,
}

impl Desired {
    fn shut(&self) -> Option<Shut> {
        if !self.active {
            return Some(Shut::Inactive);
        }
        let lacks = self.settings.security.is_some() && self.credentials.is_none();
        lacks.then_some(if self.needs_secret {
            Shut::NeedsSecret
        } else {
            Shut::NoCredentials
        })
    }
}

/// The child spec of a connection.
pub(crate) fn spec(child: &str, desired: &Desired, outgoing: &Outgoing) -> ChildSpec {
    let (desired, outgoing) = (desired.clone(), outgoing.clone());
    ChildSpec::actor(child, "outgoing", move |seat| {
        let args = ConnectionArgs {
            seat,
            desired: desired.clone(),
            outgoing: outgoing.clone(),
        };
        (ConnectionActor, args)
    })
    .restart(Restart::Permanent)
}

#[derive(Debug)]
pub(crate) struct ConnectionActor;

#[derive(Debug)]
pub(crate) struct ConnectionArgs {
    seat: Seat,
    desired: Desired,
    outgoing: Outgoing,
}

/// A connection hears nothing: what changes it replaces it.
#[derive(Debug)]
pub(crate) enum ConnectionMessage {}

impl Message for ConnectionMessage {}

#[derive(Debug)]
pub(crate) struct ConnectionState {
    connection: Arc<Connection>,
    outgoing: Outgoing,
}

impl Actor for ConnectionActor {
    type Msg = ConnectionMessage;
    type State = ConnectionState;
    type Arguments = ConnectionArgs;

    async fn pre_start(
        &self,
        _me: ActorRef<ConnectionMessage>,
        args: ConnectionArgs,
    ) -> Result<ConnectionState, ActorProcessingErr> {
        let ConnectionArgs {
            seat,
            desired,
            outgoing,
        } = args;
        let shut = desired.shut();
        let Desired {
            name,
            settings,
            credentials,
            ..
        } = desired;
        let outbound =
            HttpOutbound::new(settings.clone(), credentials.as_ref(), outgoing.component())?;
        if let Some(shut) = shut {
            seat.state(ActorState::Degraded, Some(shut.code()));
        }
        let connection = Arc::new(Connection::new(name, &settings, outbound, shut, seat));
        outgoing.insert(Arc::clone(&connection));
        Ok(ConnectionState {
            connection,
            outgoing,
        })
    }

    async fn post_stop(
        &self,
        _me: ActorRef<ConnectionMessage>,
        state: &mut ConnectionState,
    ) -> Result<(), ActorProcessingErr> {
        state.outgoing.remove(&state.connection);
        state.connection.drain(DRAIN_GRACE).await;
        Ok(())
    }
}
