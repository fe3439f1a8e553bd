//! Runs that are followed to their end: the service that wraps them, and those that run on this node now.
//!
//! A job whose overlap, longest run or error service matters is not handed over as it is, but as an order to
//! [`RUN_SERVICE`]. Whichever node takes the order runs the job's service, writes into the fire's row how it ended, and
//! tells the error service when it failed. Such a run is tried once per fire.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::clock;
use busker_model::invocation::Role;
use busker_model::job::{FireKey, JobRef};
use busker_model::service::Delivery;
use busker_model::{
    ChannelKind, ErrorClass, Fault, NameError, Origin, Payload, Reply, Request, ServiceDefinition,
    ServiceName,
};
use busker_service::ports::AsyncOptions;
use busker_service::{BoxFuture, Context, Runner};
use bytes::Bytes;
use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::scheduler::Scheduler;
use crate::settings::MAX_RUN_TIME_MOST_S;

/// The service that runs jobs to their end.
pub const RUN_SERVICE: &str = "busker.scheduler.run";
/// Such runs at once on one node.
const RUNS_AT_ONCE: u32 = 10_000;
/// Time it may take beyond the longest run, to say how it ended, in milliseconds.
const AFTERWARDS_MS: u64 = 60_000;
/// Times the end of a run is written before it is given up; the row closes by itself later.
const END_ATTEMPTS: u32 = 5;
/// Wait between two such attempts.
const END_RETRY: Duration = Duration::from_millis(500);
/// Longest reason kept of a run that failed, in characters.
const OUTCOME_CHARS: usize = 500;

/// Runs on this node, each with what cancels it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs(Arc<DashMap<FireKey, Arc<Notify>>>);

struct Running<'a> {
    runs: &'a Runs,
    key: FireKey,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.runs.0.remove(&self.key);
    }
}

impl Runs {
    /// Cancels the runs of a job; tells whether there were any.
    pub(crate) fn cancel(&self, job: i64) -> bool {
        let ours = self.0.iter().filter(|run| run.key().job == job);
        // Kept until they are waited for, so a cancel that comes early is not lost.
        ours.map(|run| run.value().notify_one()).count() > 0
    }
}

/// What is handed over instead of the job's own request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunOrder {
    pub(crate) key: FireKey,
    pub(crate) job: JobRef,
    pub(crate) service: String,
    pub(crate) payload: String,
    pub(crate) max_run_ms: u64,
    pub(crate) on_error_service: Option<String>,
}

/// What the error service is told.
#[derive(Debug, Serialize)]
struct RunFailed<'a> {
    job: &'a str,
    service: &'a str,
    cid: String,
    due_ms: i64,
    class: &'a str,
    error: &'a str,
}

/// The request a service gets from a job: the payload as it is.
pub(crate) fn request(job: &JobRef, service: ServiceName, payload: &str) -> Request {
    let raw = Bytes::copy_from_slice(payload.as_bytes());
    let valid = serde_json::from_str::<serde::de::IgnoredAny>(payload).is_ok();
    let mut request = Request::json(service, Bytes::new(), clock::now());
    request.channel = ChannelKind::Scheduler;
    request.job = Some(Arc::new(job.clone()));
    request.payload = match payload {
        "" => Payload::None,
        _ if valid => Payload::Json(raw.clone()),
        _ => Payload::Raw(raw.clone()),
    };
    request.raw = raw;
    request
}

/// The runner of [`RUN_SERVICE`], to be published beside every other service.
///
/// # Errors
/// Never in a version whose name for it is a service name.
pub fn runner(scheduler: &Scheduler) -> Result<Arc<dyn Runner>, NameError> {
    let name = ServiceName::new(RUN_SERVICE)?;
    let mut definition = ServiceDefinition::new(name, "busker_scheduler::runs", Origin::Internal);
    definition.doc = "Runs a job whose end matters, and says how it ended.".to_owned();
    definition.permission = Role::Admin;
    definition.typed = true;
    definition.limits.timeout_ms = Some(MAX_RUN_TIME_MOST_S * 1_000 + AFTERWARDS_MS);
    definition.limits.max_concurrency = Some(RUNS_AT_ONCE);
    Ok(Arc::new(RunService {
        definition: Arc::new(definition),
        scheduler: scheduler.clone(),
    }))
}

#[derive(Debug)]
struct RunService {
    definition: Arc<ServiceDefinition>,
    scheduler: Scheduler,
}

impl Runner for RunService {
    fn definition(&self) -> &Arc<ServiceDefinition> {
        &self.definition
    }

    fn run(&self, context: Context) -> BoxFuture<'static, Result<Reply, Fault>> {
        let scheduler = self.scheduler.clone();
        Box::pin(async move {
            let order: RunOrder = serde_json::from_slice(&context.payload_bytes())
                .map_err(|error| Fault::invalid(format!("no order to run a job: {error}")))?;
            run(&scheduler, &context, order).await
        })
    }
}

async fn run(scheduler: &Scheduler, context: &Context, order: RunOrder) -> Result<Reply, Fault> {
    let ended = attempt(scheduler, context, &order).await;
    let outcome = match &ended {
        Ok(_) => "ok".to_owned(),
        Err(fault) => {
            let text = format!("{}: {}", fault.class.as_str(), fault.message);
            text.chars().take(OUTCOME_CHARS).collect()
        }
    };
    say_ended(scheduler, order.key, &outcome).await;
    scheduler.run_ended(order.key.job);
    if let Err(fault) = ended {
        let (cid, job) = (context.cid(), &order.job.name);
        tracing::error!(%cid, "job {job:?} failed: {fault:?}{}", fault.traceback());
        tell_error_service(context, &order, &fault).await;
    }
    Ok(Reply::default())
}

async fn attempt(
    scheduler: &Scheduler,
    context: &Context,
    order: &RunOrder,
) -> Result<Reply, Fault> {
    let service =
        ServiceName::new(&order.service).map_err(|error| Fault::invalid(error.to_string()))?;
    let mut request = request(&order.job, service, &order.payload);
    request.cid = context.cid();
    request
        .traceparent
        .clone_from(&context.request().traceparent);
    request.depth = context.request().depth.saturating_add(1);
    request.deadline = clock::now() + Duration::from_millis(order.max_run_ms);
    let cancel = Arc::new(Notify::new());
    let runs = scheduler.runs();
    runs.0.insert(order.key, Arc::clone(&cancel));
    let _running = Running {
        runs,
        key: order.key,
    };
    let limit = Duration::from_millis(order.max_run_ms);
    tokio::select! {
        ended = scheduler.parts().attached.run(request) => ended,
        () = cancel.notified() => {
            let message = "cancelled: the next fire of the job was due, and its overlap is cancel-running";
            Err(Fault::new(ErrorClass::Conflict, message).code("cancelled"))
        }
        () = sleep(limit) => {
            let seconds = order.max_run_ms / 1_000;
            Err(Fault::timeout(format!("the run took longer than its max_run_time_s of {seconds}")))
        }
    }
}

async fn say_ended(scheduler: &Scheduler, key: FireKey, outcome: &str) {
    let parts = scheduler.parts();
    for _ in 0..END_ATTEMPTS {
        let now_ms = parts.wall.unix_ms();
        match parts.store.ended(key, now_ms, outcome.to_owned()).await {
            Ok(()) => return,
            Err(error) => tracing::warn!("the end of a run is not written yet: {error:?}"),
        }
        sleep(END_RETRY).await;
    }
}

async fn tell_error_service(context: &Context, order: &RunOrder, fault: &Fault) {
    let Some(service) = &order.on_error_service else {
        return;
    };
    let told = serde_json::to_string(&RunFailed {
        job: &order.job.name,
        service: &order.service,
        cid: context.cid().to_string(),
        due_ms: order.key.due_ms,
        class: fault.class.as_str(),
        error: &fault.message,
    });
    let asked = async {
        let text = told.map_err(|error| Fault::internal(error.to_string()))?;
        let name = ServiceName::new(service).map_err(|error| Fault::invalid(error.to_string()))?;
        let how = AsyncOptions {
            delivery: Some(Delivery::Durable),
            parent: Some(context.cid()),
            ..AsyncOptions::default()
        };
        let invoker = &context.ports().invoker;
        let request = request(&order.job, name, &text);
        invoker.invoke_async(request, how).await
    };
    if let Err(fault) = asked.await {
        let job = &order.job.name;
        tracing::error!("error service {service:?} of job {job:?} was not told: {fault:?}");
    }
}
