//! The scheduler of a node as others see it: what it needs, what it runs, and the questions it answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_kit::ractor::ActorRef;
use busker_kit::{ChildSpec, ask, clock};
use busker_model::job::Verdict;
use busker_model::{Cid, ErrorClass, Fault, Object, Reply, Request};
use busker_service::{BoxFuture, Invoker};
use dashmap::DashMap;
use serde::Serialize;
use tokio::sync::watch;

use crate::job::{self, JobMessage};
use crate::recorder::Recorder;
use crate::role;
use crate::runs::Runs;
use crate::settings::{JobKind, JobSettings};
use crate::store::{FireStore, Wall};

/// Longest wait for a run that somebody asked for to be handed over.
const EXECUTE_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a service here and now; dropping the future ends the work.
pub trait Attached: Send + Sync + std::fmt::Debug {
    /// Runs one request.
    fn run(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>>;
}

/// What the scheduler works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Name of the node.
    pub node: String,
    /// Keeps fires.
    pub store: Arc<dyn FireStore>,
    /// Takes runs.
    pub invoker: Arc<dyn Invoker>,
    /// Runs what has to be followed to its end.
    pub attached: Arc<dyn Attached>,
    /// The clock jobs are due by.
    pub wall: Arc<dyn Wall>,
    /// Changes when services come or go.
    pub services: watch::Receiver<u64>,
    /// Whether this node is to hold the role: always on a single node.
    pub held: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    started: Instant,
    recorder: watch::Sender<Option<Recorder>>,
    jumps: watch::Sender<u64>,
    jobs: DashMap<i64, Registered>,
    runs: Runs,
}

/// A job that is up.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) actor: ActorRef<JobMessage>,
    /// Closes when the last of its work is done.
    pub(crate) done: watch::Receiver<()>,
}

/// The scheduler. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Scheduler(Arc<Inner>);

/// A job as it should run.
#[derive(Debug, Clone)]
pub struct JobDesired {
    /// Name.
    pub name: String,
    /// Number, kept on rename.
    pub number: i64,
    /// Settings, checked.
    pub settings: JobSettings,
    /// Whether its schedule counts.
    pub active: bool,
    /// Revision; two with the same one are the same.
    pub revision: i64,
}

impl JobDesired {
    /// The job an object asks for.
    ///
    /// # Errors
    /// When its settings are not what this version takes.
    pub fn of(object: &Object) -> Result<Self, Fault> {
        let kind = JobKind::of(&object.kind)
            .ok_or_else(|| Fault::invalid(format!("{:?} is no kind of job", object.kind)))?;
        let settings = JobSettings::read(kind, &object.settings).map_err(Fault::violations)?;
        Ok(Self {
            name: object.key.name.clone(),
            number: object.number,
            settings,
            active: object.active,
            revision: object.revision,
        })
    }
}

/// A child of the family.
#[derive(Debug, Clone)]
pub enum Desired {
    /// The role; it goes before the jobs.
    Role,
    /// A job.
    Job(Box<JobDesired>),
}

impl PartialEq for Desired {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Role, Self::Role) => true,
            (Self::Job(one), Self::Job(other)) => {
                one.number == other.number
                    && one.revision == other.revision
                    && one.name == other.name
            }
            (Self::Role, Self::Job(_)) | (Self::Job(_), Self::Role) => false,
        }
    }
}

/// What came of a run that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Executed {
    /// cid of the run; `None` when there is none.
    pub cid: Option<Cid>,
    /// When it counts as due, Unix milliseconds.
    pub due_ms: i64,
    /// Verdict.
    pub verdict: Verdict,
    /// Why, where the verdict alone does not say.
    pub reason: String,
}

impl Scheduler {
    /// A scheduler that runs nothing yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            parts,
            started: clock::now(),
            recorder: watch::Sender::new(None),
            jumps: watch::Sender::new(0),
            jobs: DashMap::new(),
            runs: Runs::default(),
        }))
    }

    /// Name of the child that has the role.
    pub const ROLE: &'static str = role::ROLE;

    /// The child spec of a member of the family.
    #[must_use]
    pub fn spec(&self, name: &str, desired: &Desired) -> ChildSpec {
        match desired {
            Desired::Role => role::spec(self),
            Desired::Job(desired) => job::spec(name, desired, self),
        }
    }

    /// Runs a job now, active or not.
    ///
    /// # Errors
    /// `Unavailable` when the job is not up on this node or the role is elsewhere; `Busy`; whatever the hand-over failed
    /// with.
    pub async fn execute(&self, number: i64) -> Result<Executed, Fault> {
        let found = self.0.jobs.get(&number).map(|job| job.actor.clone());
        let away = || {
            Fault::new(
                ErrorClass::Unavailable,
                "the job is not up on this node yet; try again in a moment",
            )
        };
        let actor = found.ok_or_else(away)?;
        ask(&actor, EXECUTE_TIMEOUT, JobMessage::Execute).await?
    }

    /// Jobs that are up on this node.
    #[must_use]
    pub fn jobs_up(&self) -> usize {
        self.0.jobs.len()
    }

    /// Epoch of the role while this node has it.
    #[must_use]
    pub fn epoch(&self) -> Option<i64> {
        self.0
            .recorder
            .borrow()
            .as_ref()
            .map(|recorder| recorder.epoch)
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    pub(crate) fn runs(&self) -> &Runs {
        &self.0.runs
    }

    pub(crate) fn started(&self) -> Instant {
        self.0.started
    }

    pub(crate) fn recorder(&self) -> watch::Receiver<Option<Recorder>> {
        self.0.recorder.subscribe()
    }

    pub(crate) fn publish(&self, recorder: Option<Recorder>) {
        self.0.recorder.send_replace(recorder);
    }

    pub(crate) fn jumps(&self) -> watch::Receiver<u64> {
        self.0.jumps.subscribe()
    }

    pub(crate) fn clock_jumped(&self) {
        self.0.jumps.send_modify(|count| *count += 1);
    }

    /// Puts a job in; answers when the one before it is done with its last fire.
    pub(crate) fn enter(&self, number: i64, job: Registered) -> Option<watch::Receiver<()>> {
        self.0.jobs.insert(number, job).map(|before| before.done)
    }

    /// Takes a job out, if it is still the one that is in.
    pub(crate) fn leave(&self, number: i64, actor: &ActorRef<JobMessage>) {
        let ours = |_: &i64, job: &Registered| job.actor.get_id() == actor.get_id();
        self.0.jobs.remove_if(&number, ours);
    }

    /// Tells a job that a run of it has ended.
    pub(crate) fn run_ended(&self, number: i64) {
        let actor = self.0.jobs.get(&number).map(|job| job.actor.clone());
        if let Some(actor) = actor
            && actor.cast(JobMessage::RunEnded).is_err()
        {
            tracing::debug!("a run ended after its job");
        }
    }
}
