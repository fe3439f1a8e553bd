//! One invocation through a gate: permit, SimpleIO, deadline, statistics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_kit::{Closed, Gate, Permit, Refused, WorkEnd, clock};
use busker_model::invocation::{MAX_INVOKE_DEPTH, Payload, ReplyBody};
use busker_model::sio::{input, output};
use busker_model::{ChannelKind, Cid, ErrorClass, Fault, Reply, Request};
use busker_service::Context;
use busker_telemetry::spans::{self, Span};

use crate::directory::{Directory, Entry};
use crate::sampler::Watched;

/// Seconds a refused caller is told to wait.
const RETRY_AFTER_S: u32 = 1;

/// Where an invocation runs, unless its service asks for the pool of blocking ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the HTTP worker that accepted the request; it goes on when the caller goes away.
    Worker,
    /// On the HTTP worker, as long as the caller is there.
    Attached,
    /// On the node's runtime; it goes on when the caller goes away.
    Node,
}

pub(crate) async fn invoke(
    directory: &Directory,
    request: Request,
    place: Place,
) -> Result<Reply, Fault> {
    let (entry, permit, context, mut span) = admit(directory, request).await?;
    let deadline = context.deadline();
    let watched = Watched::begin(directory, &entry, context.request());
    let run = Run {
        cid: context.cid(),
        channel: context.request().channel,
        started: clock::now(),
    };
    let work = entry.runner.run(context);
    let end = if entry.runner.definition().blocking {
        Gate::run_blocking(permit, deadline, work).await
    } else {
        match place {
            Place::Worker => Gate::run_local(permit, deadline, work).await,
            Place::Attached => Gate::run_attached(permit, deadline, work).await,
            Place::Node => Gate::run(permit, deadline, work).await,
        }
    };
    let took = clock::now().saturating_duration_since(run.started);
    let outcome = finish(directory, &entry, (run, took), end);
    if let Some(watched) = watched {
        watched.end(directory, &entry, took, &outcome);
    }
    if let Err(fault) = &outcome {
        span.failed(fault);
    }
    outcome
}

/// What is known of an invocation once its request is with the service.
#[derive(Clone, Copy)]
struct Run {
    cid: Cid,
    channel: ChannelKind,
    started: Instant,
}

impl Run {
    /// For reports: nothing of the payload.
    fn cause(&self, entry: &Entry) -> String {
        let name = &entry.runner.definition().name;
        let channel = self.channel.as_str();
        format!("invocation {} of {name}, channel {channel}", self.cid)
    }
}

pub(crate) fn unknown(name: &str) -> Fault {
    Fault::not_found(format!("service {name:?} is not deployed on this node"))
        .code("missing-service")
}

/// Everything before the work: find it, check it, prepare the input, take a permit, start its span.
async fn admit(
    directory: &Directory,
    mut request: Request,
) -> Result<(Arc<Entry>, Permit, Context, Span), Fault> {
    if request.depth >= MAX_INVOKE_DEPTH {
        return Err(Fault::internal(format!(
            "more than {MAX_INVOKE_DEPTH} services invoked each other in a row"
        )));
    }
    let deadline = request.deadline;
    let mut entry = find(directory, &request)?;
    loop {
        if let Some(why) = entry.closed {
            entry.stats.refused();
            return Err(closed(request.service.as_str(), why));
        }
        request.input = None;
        prepare_input(&entry, &mut request)?;
        request.deadline = deadline.min(clock::now() + Duration::from_millis(entry.timeout_ms));
        let refused = match entry.gate.enter(request.deadline).await {
            Ok(permit) => {
                let span = begin(&mut request);
                let context = Context::new(request, directory.ports()?);
                return Ok((entry, permit, context, span));
            }
            Err(refused) => refused,
        };
        // A gate closes when a new generation takes its place: a caller that was on its way is the new one's.
        let newer = find(directory, &request)?;
        if !matches!(refused, Refused::Closed(_)) || Arc::ptr_eq(&newer, &entry) {
            entry.stats.refused();
            return Err(refusal(request.service.as_str(), &refused));
        }
        entry = newer;
    }
}

/// What the service calls is below its own span.
fn begin(request: &mut Request) -> Span {
    let name = || format!("service {}", request.service);
    let mut span = spans::start(spans::Role::Internal, request.traceparent.as_deref(), name);
    if let Some(here) = span.traceparent() {
        span.note("busker.cid", request.cid.to_string());
        request.traceparent = Some(here);
    }
    span
}

fn find(directory: &Directory, request: &Request) -> Result<Arc<Entry>, Fault> {
    let name = request.service.as_str();
    directory.get(name).ok_or_else(|| unknown(name))
}

fn closed(name: &str, why: Closed) -> Fault {
    let (word, code) = match why {
        Closed::Draining | Closed::Stopped => ("stopping", "service-stopping"),
        Closed::Inactive => ("inactive", "service-inactive"),
        Closed::Failed => ("failed", "service-failed"),
    };
    Fault::new(
        ErrorClass::Unavailable,
        format!("service {name:?} is {word}"),
    )
    .code(code)
}

fn refusal(name: &str, refused: &Refused) -> Fault {
    match refused {
        Refused::Full { .. } => Fault::busy(
            format!("service {name:?} has all its permits in use"),
            RETRY_AFTER_S,
        ),
        Refused::Deadline => Fault::timeout(format!(
            "service {name:?} had no free permit before the deadline"
        )),
        Refused::Closed(why) => closed(name, *why),
    }
}

/// Checks and converts SimpleIO input. A typed Rust service reads JSON without parameters itself.
fn prepare_input(entry: &Entry, request: &mut Request) -> Result<(), Fault> {
    let definition = entry.runner.definition();
    let Some(sio) = &definition.sio else {
        return Ok(());
    };
    let reads_itself = definition.typed
        && request.params.is_empty()
        && request.data_format == busker_model::DataFormat::Json;
    if reads_itself || sio.input.is_empty() {
        return Ok(());
    }
    let body = match &request.payload {
        Payload::None => None,
        Payload::Json(text) | Payload::Raw(text) => Some(text.as_ref()),
    };
    let checked = input::apply(sio, body, &request.params, request.params_first)
        .map_err(Fault::violations)?;
    request.input = Some(checked.into());
    Ok(())
}

fn finish(
    directory: &Directory,
    entry: &Arc<Entry>,
    (run, took): (Run, Duration),
    end: Result<Result<Reply, Fault>, WorkEnd>,
) -> Result<Reply, Fault> {
    let outcome = match end {
        Ok(outcome) => outcome.and_then(|reply| checked_output(entry, reply)),
        Err(end) => Err(work_end(entry, run, end)),
    };
    if let Err(fault) = &outcome {
        entry.complaints.tell(fault, || run.cause(entry));
    }
    entry
        .stats
        .ran(micros(took), outcome.is_ok(), entry.slow_after_micros);
    let local_calls = match &outcome {
        Ok(reply) => reply.local_calls.as_slice(),
        Err(fault) => fault
            .detail
            .as_ref()
            .map_or(&[][..], |detail| &detail.local_calls),
    };
    for call in local_calls {
        if let Some(other) = directory.get(&call.service) {
            other
                .stats
                .ran(call.micros, call.ok, other.slow_after_micros);
        }
    }
    outcome
}

/// Keeps declared output only; a typed service's answer has its shape by type.
fn checked_output(entry: &Entry, mut reply: Reply) -> Result<Reply, Fault> {
    let definition = entry.runner.definition();
    if definition.typed {
        return Ok(reply);
    }
    let Some(sio) = definition.sio.as_ref().filter(|sio| !sio.output.is_empty()) else {
        return Ok(reply);
    };
    if let ReplyBody::Json(text) = &reply.body {
        let mut kept = Vec::with_capacity(text.len());
        output::apply(sio, text)?.write_value(&mut kept);
        reply.body = ReplyBody::Json(kept.into());
    }
    Ok(reply)
}

fn work_end(entry: &Entry, run: Run, end: WorkEnd) -> Fault {
    let name = &entry.runner.definition().name;
    match end {
        WorkEnd::Panicked(report) => {
            let text = format!(
                "service {name} panicked: {}\n{}",
                report.message, report.backtrace
            );
            entry.panics.tell(report, run.cause(entry));
            Fault::internal("the service failed unexpectedly")
                .code("panic")
                .operator(text)
        }
        WorkEnd::TimedOut => Fault::timeout(format!("service {name} did not finish in time")),
        WorkEnd::Cancelled => closed(name.as_str(), Closed::Stopped),
    }
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
