//! The gate of one service generation. Owns: its settings, permits and the snapshot in the directory. Hears: panics of
//! its invocations. Says: nothing to others; its supervisor reports its crashes.
//! Dies when: an invocation panicked (crash, counted), or its generation is replaced (normal).
//! Restart: permanent with backoff, 10 in 60 s, then the service is failed. See `actors/kit`.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use busker_kit::{
    Backoff, ChildSpec, Closed, Crash, Gate, GateSettings, PanicReport, Restart, Seat,
};
use busker_model::ActorState;
use busker_model::service::{DEFAULT_MAX_CONCURRENCY, ServiceSettings};
use busker_service::Runner;

use crate::complaints::Complaints;
use crate::directory::{Directory, Entry};
use crate::sampler::Sampler;
use crate::stats::ServiceStats;

/// Time a replaced or stopped generation has to finish what it runs.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// Longest wait before a restart: short, so that a service that keeps panicking spends its budget instead of going on for
/// ever. Its last entry takes requests meanwhile.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// A service as it should run on this node.
#[derive(Debug, Clone)]
pub struct Desired {
    /// Its code.
    pub runner: Arc<dyn Runner>,
    /// What an operator set.
    pub settings: ServiceSettings,
    /// Whether it takes work.
    pub active: bool,
}

impl PartialEq for Desired {
    /// Two are the same when nothing would change: same generation of the same code, same settings.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.runner, &other.runner)
            && self.settings == other.settings
            && self.active == other.active
    }
}

/// The way back from an invocation to its gate's mailbox. Only panics pass, so traffic never does.
#[derive(Debug, Clone)]
pub struct PanicPort(Option<ActorRef<InstanceMessage>>);

impl PanicPort {
    pub(crate) fn tell(&self, report: PanicReport, cause: String) {
        if let Some(gate) = &self.0
            && gate.cast(InstanceMessage::Panicked(report, cause)).is_err()
        {
            tracing::debug!("a panic came after its gate had ended");
        }
    }
}

/// The child spec of a service's gate.
#[must_use]
pub fn spec(name: &str, desired: &Desired, directory: &Directory) -> ChildSpec {
    let (desired, directory) = (desired.clone(), directory.clone());
    let (failing, failed) = (directory.clone(), name.to_owned());
    ChildSpec::actor(name, "service", move |seat| {
        let args = InstanceArgs {
            seat,
            desired: desired.clone(),
            directory: directory.clone(),
        };
        (InstanceActor, args)
    })
    .restart(Restart::Permanent)
    .backoff(Backoff {
        max: MAX_BACKOFF,
        ..Backoff::default()
    })
    .when_given_up(move || failing.fail(&failed))
}

#[derive(Debug)]
pub(crate) struct InstanceActor;

#[derive(Debug)]
pub(crate) struct InstanceArgs {
    seat: Seat,
    desired: Desired,
    directory: Directory,
}

/// What a gate hears.
#[derive(Debug)]
pub(crate) enum InstanceMessage {
    /// An invocation panicked; the text says which.
    Panicked(PanicReport, String),
}

impl Message for InstanceMessage {}

#[derive(Debug)]
pub(crate) struct InstanceState {
    directory: Directory,
    entry: Arc<Entry>,
}

impl Actor for InstanceActor {
    type Msg = InstanceMessage;
    type State = InstanceState;
    type Arguments = InstanceArgs;

    async fn pre_start(
        &self,
        me: ActorRef<InstanceMessage>,
        args: InstanceArgs,
    ) -> Result<InstanceState, ActorProcessingErr> {
        let entry = Arc::new(entry(&args, me));
        if !args.desired.active {
            args.seat.state(ActorState::Degraded, Some("inactive"));
        }
        args.directory.publish(Arc::clone(&entry));
        Ok(InstanceState {
            directory: args.directory,
            entry,
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<InstanceMessage>,
        message: InstanceMessage,
        _state: &mut InstanceState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            InstanceMessage::Panicked(report, cause) => Err(on_panicked(report, cause)),
        }
    }

    async fn post_stop(
        &self,
        _me: ActorRef<InstanceMessage>,
        state: &mut InstanceState,
    ) -> Result<(), ActorProcessingErr> {
        let name = state.entry.runner.definition().name.clone();
        state.directory.withdraw(name.as_str(), &state.entry);
        state.entry.gate.drain(DRAIN_GRACE).await;
        Ok(())
    }
}

/// The gate dies so that its supervisor counts, reports and restarts it; what else it runs goes on.
fn on_panicked(report: PanicReport, cause: String) -> ActorProcessingErr {
    Crash::new(report.message)
        .backtrace(report.backtrace)
        .cause(cause)
        .into()
}

fn entry(args: &InstanceArgs, me: ActorRef<InstanceMessage>) -> Entry {
    let (desired, directory) = (&args.desired, &args.directory);
    let definition = desired.runner.definition();
    let settings = &desired.settings;
    let (timeout_ms, slow_ms) = Entry::DEFAULTS;
    let permits = settings
        .max_concurrency
        .or(definition.limits.max_concurrency)
        .unwrap_or(DEFAULT_MAX_CONCURRENCY);
    // Counters outlive generations, so that a deploy does not reset what an operator watches.
    let before = directory.get(definition.name.as_str());
    let stats = before.as_ref().map_or_else(
        || Arc::new(ServiceStats::default()),
        |old| Arc::clone(&old.stats),
    );
    Entry {
        runner: Arc::clone(&desired.runner),
        gate: Gate::new(GateSettings {
            max_concurrency: permits,
            max_waiting: permits,
        }),
        stats,
        timeout_ms: settings
            .timeout_ms
            .or(definition.limits.timeout_ms)
            .unwrap_or(timeout_ms),
        slow_after_micros: settings
            .slow_threshold_ms
            .unwrap_or(slow_ms)
            .saturating_mul(1000),
        sampler: Sampler::of(settings.sample_every.unwrap_or(0), before.as_deref()),
        delivery: settings.delivery.unwrap_or(definition.delivery),
        closed: (!desired.active).then_some(Closed::Inactive),
        complaints: Complaints::new(args.seat.clone()),
        panics: PanicPort(Some(me)),
    }
}
