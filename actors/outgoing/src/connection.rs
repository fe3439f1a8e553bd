//! What a connection's actor publishes, and the way of one request through it.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use busker_connector::{Failure, Outbound};
use busker_connector_http::{HttpOutbound, OutgoingSettings};
use busker_kit::{Closed, Gate, GateSettings, Permit, Refused, Seat, WorkEnd, clock};
use busker_model::object::NEEDS_SECRET;
use busker_model::{ActorState, ErrorClass, Fault, Transport};
use busker_service::{HttpAnswer, HttpCall, Ping};
use busker_telemetry::spans::{self, Span};

use crate::circuit::{Circuit, Seen, Ticket};
use crate::stats::{ConnectionStats, Stats};

/// Time a client has beyond its deadline to say that it passed, before its work is cut off.
const CUT_OFF: Duration = Duration::from_secs(1);
/// Longest time for a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection takes no requests although its actor is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// An operator switched it off.
    Inactive,
    /// The security definition it names is missing or inactive: it must not send without its credentials.
    NoCredentials,
    /// The security definition it names has no secret yet.
    NeedsSecret,
}

impl Shut {
    /// The code shown beside the state and in faults.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::NoCredentials => "missing-credentials",
            Self::NeedsSecret => NEEDS_SECRET,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Inactive => "is inactive",
            Self::NoCredentials => {
                "has no credentials: its security definition is missing or inactive"
            }
            Self::NeedsSecret => "has no credentials: its security definition has no secret yet",
        }
    }
}

/// A connection as requests see it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) name: String,
    pub(crate) transport: Transport,
    shut: Option<Shut>,
    outbound: HttpOutbound,
    timeout: Duration,
    gate: Gate,
    circuit: Circuit,
    stats: Stats,
    seat: Seat,
    /// Whether it is the one in the table: one that was replaced says no more about the state.
    current: AtomicBool,
}

impl Connection {
    pub(crate) fn new(
        name: String,
        settings: &OutgoingSettings,
        outbound: HttpOutbound,
        shut: Option<Shut>,
        seat: Seat,
    ) -> Self {
        Self {
            name,
            transport: settings.transport,
            shut,
            outbound,
            timeout: Duration::from_millis(settings.timeout_ms),
            gate: Gate::new(GateSettings {
                max_concurrency: settings.pool_size,
                max_waiting: settings.pool_size,
            }),
            circuit: Circuit::new(settings.breaker),
            stats: Stats::default(),
            seat,
            current: AtomicBool::new(true),
        }
    }

    pub(crate) fn stats(&self) -> ConnectionStats {
        self.stats.snapshot(self.gate.in_flight())
    }

    pub(crate) fn retire(&self) {
        self.current.store(false, Relaxed);
    }

    pub(crate) async fn drain(&self, grace: Duration) {
        let drained = self.gate.drain(grace).await;
        if drained.abandoned > 0 {
            tracing::warn!(
                connection = self.name,
                abandoned = drained.abandoned,
                "requests outlived their connection"
            );
        }
    }

    pub(crate) async fn send(self: Arc<Self>, mut call: HttpCall) -> Result<HttpAnswer, Fault> {
        let mut span = self.begin(&mut call);
        let result = self.send_within(call).await;
        match &result {
            Ok(answer) => span.note("http.response.status_code", i64::from(answer.status)),
            Err(fault) => span.failed(fault),
        }
        result
    }

    /// The peer is told that what it does is below this span.
    fn begin(&self, call: &mut HttpCall) -> Span {
        let name = || format!("outgoing {}", self.name);
        let mut span = spans::start(spans::Role::Client, call.traceparent.as_deref(), name);
        if let Some(here) = span.traceparent() {
            span.note("busker.cid", call.cid.to_string());
            call.traceparent = Some(here);
        }
        span
    }

    async fn send_within(self: Arc<Self>, mut call: HttpCall) -> Result<HttpAnswer, Fault> {
        let deadline = call.deadline.min(clock::now() + self.timeout);
        call.deadline = deadline;
        let permit = self.enter(deadline).await?;
        let ticket = self
            .circuit
            .admit()
            .map_err(|wait| self.circuit_open(wait))?;
        let this = Arc::clone(&self);
        let work = async move {
            let started = clock::now();
            let result = this.outbound.send(call, deadline).await;
            this.settle(ticket, started, &result);
            result
        };
        let result = Gate::run(permit, deadline + CUT_OFF, work).await;
        result
            .map_err(|end| self.cut_off(end))?
            .map_err(|failure| self.fault(failure))
    }

    /// A ping asks the peer even when the circuit is open, and leaves the circuit as it is.
    pub(crate) async fn ping(self: Arc<Self>) -> Result<Ping, Fault> {
        let started = clock::now();
        let deadline = started + self.timeout.min(PING_TIMEOUT);
        let permit = self.enter(deadline).await?;
        let this = Arc::clone(&self);
        let work = async move { this.outbound.ping(deadline).await };
        let result = Gate::run(permit, deadline + CUT_OFF, work).await;
        let (ok, message, class) = match result.map_err(|end| self.cut_off(end))? {
            Ok(text) => (true, text, None),
            Err(failure) => (false, failure.message.into_string(), Some(failure.class)),
        };
        let ms = clock::now().saturating_duration_since(started).as_millis();
        Ok(Ping {
            ok,
            ms: u64::try_from(ms).unwrap_or(u64::MAX),
            message,
            class,
        })
    }

    async fn enter(&self, deadline: Instant) -> Result<Permit, Fault> {
        if let Some(shut) = self.shut {
            let fault = Fault::new(ErrorClass::Unavailable, self.says(shut.words()));
            return Err(fault.retry(false).code(shut.code()));
        }
        self.gate.enter(deadline).await.map_err(|refused| {
            self.stats.refused();
            self.refusal(refused)
        })
    }

    /// Tells stats, breaker and tree how a request ended.
    fn settle(&self, ticket: Ticket, started: Instant, result: &Result<HttpAnswer, Failure>) {
        let ok = result.as_ref().is_ok_and(|answer| answer.status < 500);
        self.stats
            .ended(clock::now().saturating_duration_since(started), ok);
        let seen = match result {
            Ok(_) => ticket.succeeded(),
            Err(failure) if failure.peer_is_away() => ticket.failed(),
            Err(failure) if failure.side == busker_model::Side::Remote => ticket.succeeded(),
            // Nothing was learnt of the peer.
            Err(_) => None,
        };
        if let Some(seen) = seen.filter(|_| self.current.load(Relaxed)) {
            self.show(seen, result.as_ref().err());
        }
    }

    fn show(&self, seen: Seen, failure: Option<&Failure>) {
        match seen {
            Seen::Opened => {
                let why = failure.map(|failure| &*failure.message).unwrap_or_default();
                self.seat
                    .state(ActorState::Degraded, Some(&format!("circuit-open: {why}")));
            }
            Seen::Closed => self.seat.state(ActorState::Running, None),
        }
    }

    fn says(&self, words: impl Display) -> String {
        format!("outgoing connection {:?} {words}", self.name)
    }

    fn refusal(&self, refused: Refused) -> Fault {
        match refused {
            Refused::Full { waiting } => Fault::busy(
                self.says(format_args!(
                    "is full: {} requests are under way and {waiting} wait; see its pool_size",
                    self.gate.in_flight()
                )),
                1,
            ),
            Refused::Deadline => Fault::timeout(self.says("had no free place before the deadline")),
            Refused::Closed(
                Closed::Draining | Closed::Inactive | Closed::Failed | Closed::Stopped,
            ) => Fault::new(
                ErrorClass::Unavailable,
                self.says("is being stopped or replaced"),
            ),
        }
    }

    fn circuit_open(&self, wait: Duration) -> Fault {
        self.stats.refused();
        let ms = wait.as_millis();
        let words = format!("is not called: its circuit is open, the next try is in {ms} ms");
        let mut fault =
            Fault::remote(ErrorClass::Unavailable, self.says(words)).code("circuit-open");
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        fault.detail_mut().retry_after_s = u32::try_from(seconds).ok();
        fault
    }

    fn cut_off(&self, end: WorkEnd) -> Fault {
        match end {
            WorkEnd::Panicked(report) => Fault::internal(self.says("failed in an unexpected way"))
                .operator(format!("{}\n{}", report.message, report.backtrace)),
            WorkEnd::TimedOut => {
                let mut fault = Fault::timeout(self.says("did not answer in time"));
                fault.side = busker_model::Side::Remote;
                fault
            }
            WorkEnd::Cancelled => {
                Fault::new(ErrorClass::Unavailable, self.says("stopped with its node"))
            }
        }
    }

    fn fault(&self, failure: Failure) -> Fault {
        let mut fault = Fault::from(failure);
        fault.message = format!("outgoing connection {:?}: {}", self.name, fault.message).into();
        fault
    }
}
