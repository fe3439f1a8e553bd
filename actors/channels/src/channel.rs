//! One HTTP channel. Owns: its settings, permits, counters and its place in the mount table. Hears: nothing; traffic
//! reads the route it published. Says: nothing; its supervisor reports its life.
//! Dies when: it is stopped or replaced (normal), or its path cannot be mounted (start failure).
//! Restart: permanent with backoff, 5 in 60 s, then parked; siblings are untouched.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use busker_connector_http::ChannelSettings;
use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use busker_kit::{ChildSpec, Gate, GateSettings, Restart, Seat};
use busker_model::object::NEEDS_SECRET;
use busker_model::{ActorState, ServiceName};
use busker_security::Definition;

use crate::limiter::Limiter;
use crate::mount::{Mount, Route};
use crate::stats::ChannelStats;

/// Time requests in flight have when their channel goes.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// Why a channel takes no requests although it is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// An operator switched it off.
    Inactive,
    /// The security definition it names is missing or inactive: it must not run open.
    NoSecurity,
    /// The security definition it names has no secret yet.
    NeedsSecret,
}

impl Shut {
    /// The code shown beside the state and in faults.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::NoSecurity => "missing-security",
            Self::NeedsSecret => NEEDS_SECRET,
        }
    }

    /// What is said of the channel.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Inactive => "is inactive",
            Self::NoSecurity => "is closed: its security definition is missing or inactive",
            Self::NeedsSecret => "is closed: its security definition has no secret yet",
        }
    }
}

/// A channel as it should run.
#[derive(Debug, Clone)]
pub struct Desired {
    /// Name.
    pub name: String,
    /// Settings, checked; shared by all who keep them, for there may be 100,000 channels.
    pub settings: Arc<ChannelSettings>,
    /// The security definition it names, made ready.
    pub security: Option<Definition>,
    /// What bounds its requests per time: the definition's limiter, then its own.
    pub limiters: Vec<Arc<Limiter>>,
    /// Why it takes no requests; `None` when it does.
    pub shut: Option<Shut>,
    /// Revision of the channel and of what it names; two with the same one are the same.
    pub revision: i64,
}

impl PartialEq for Desired {
    fn eq(&self, other: &Self) -> bool {
        // A definition that was switched off has no revision any more, and the channel must close all the same.
        let open = |desired: &Self| (desired.shut, desired.security.is_some());
        self.revision == other.revision && self.name == other.name && open(self) == open(other)
    }
}

/// The child spec of a channel.
#[must_use]
pub fn spec(name: &str, desired: &Desired, mount: &Mount) -> ChildSpec {
    let (desired, mount) = (desired.clone(), mount.clone());
    ChildSpec::actor(name, "channel", move |seat| {
        (
            ChannelActor,
            ChannelArgs {
                seat,
                desired: desired.clone(),
                mount: mount.clone(),
            },
        )
    })
    .restart(Restart::Permanent)
}

#[derive(Debug)]
pub(crate) struct ChannelActor;

#[derive(Debug)]
pub(crate) struct ChannelArgs {
    seat: Seat,
    desired: Desired,
    mount: Mount,
}

/// A channel hears nothing: what changes it replaces it.
#[derive(Debug)]
pub(crate) enum ChannelMessage {}

impl Message for ChannelMessage {}

#[derive(Debug)]
pub(crate) struct ChannelState {
    mount: Mount,
    route: Arc<Route>,
}

impl Actor for ChannelActor {
    type Msg = ChannelMessage;
    type State = ChannelState;
    type Arguments = ChannelArgs;

    async fn pre_start(
        &self,
        _me: ActorRef<ChannelMessage>,
        args: ChannelArgs,
    ) -> Result<ChannelState, ActorProcessingErr> {
        let route = Arc::new(route(args.desired, args.seat)?);
        if let Some(shut) = route.shut {
            route.seat.state(ActorState::Degraded, Some(shut.code()));
        }
        args.mount.insert(Arc::clone(&route))?;
        Ok(ChannelState {
            mount: args.mount,
            route,
        })
    }

    async fn post_stop(
        &self,
        _me: ActorRef<ChannelMessage>,
        state: &mut ChannelState,
    ) -> Result<(), ActorProcessingErr> {
        state.mount.remove(&state.route);
        if let Some(gate) = &state.route.gate {
            gate.drain(DRAIN_GRACE).await;
        }
        Ok(())
    }
}

fn route(desired: Desired, seat: Seat) -> Result<Route, ActorProcessingErr> {
    let service = ServiceName::new(&desired.settings.service)?;
    let gate = desired.settings.max_concurrency.map(|permits| {
        Gate::new(GateSettings {
            max_concurrency: permits,
            max_waiting: 0,
        })
    });
    Ok(Route {
        name: desired.name,
        settings: desired.settings,
        service,
        security: desired.security,
        limiters: desired.limiters,
        shut: desired.shut,
        gate,
        stats: ChannelStats::default(),
        seat,
        had_service: AtomicBool::new(false),
    })
}
