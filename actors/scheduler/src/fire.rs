//! One fire: written down, handed over, given its verdict.

use std::time::Duration;

use busker_kit::clock;
use busker_model::job::{FireKey, FireOrigin, FireRecord, JobRef, Verdict};
use busker_model::service::Delivery;
use busker_model::{Cid, ErrorClass, Fault, Request, ServiceName};
use busker_odb::jobs::{FireOutcome, FireWrite, OnOverlap, VerdictWrite};
use busker_service::ports::AsyncOptions;
use bytes::Bytes;
use tokio::time::sleep;

use crate::life::{Life, Serving};
use crate::recorder::Gone;
use crate::runs::{self, RUN_SERVICE, RunOrder};
use crate::scheduler::Executed;
use crate::settings::Overlap;

/// How long a run that is refused for now is offered again.
pub const HANDOVER_PATIENCE: Duration = Duration::from_secs(30);
/// Wait between two offers, and the longest such wait.
const OFFER_FIRST: Duration = Duration::from_millis(50);
const OFFER_MOST: Duration = Duration::from_secs(2);
/// Time a run that is cancelled has to end, in looks and the time between them.
const CANCEL_LOOKS: u32 = 50;
const CANCEL_LOOK_EVERY: Duration = Duration::from_millis(100);
/// Times a due time is moved by a millisecond when somebody asks for two runs at once.
const MANUAL_MOVES: i64 = 20;

/// What became of a fire.
pub(crate) enum Fired {
    /// It has its verdict.
    Done(Option<Cid>, Verdict, String),
    /// It waits for the run before it.
    Waits,
    /// It was written down before.
    Twice,
}

impl Life {
    /// Writes a fire down and hands it over.
    pub(crate) async fn fire(
        &self,
        serving: &mut Serving,
        key: FireKey,
        cid: Cid,
    ) -> Result<Fired, Gone> {
        if !self.service_is_there().await {
            let service = &self.desired.settings.run.service;
            let reason = format!("service {service:?} was not deployed");
            return self.skip(serving, key, reason).await;
        }
        let policy = match self.desired.settings.run.overlap {
            Overlap::Allow => OnOverlap::Run,
            Overlap::Skip => OnOverlap::Skip,
            Overlap::BufferOne if key.origin == FireOrigin::Manual => OnOverlap::Skip,
            Overlap::BufferOne => OnOverlap::Buffer,
            Overlap::CancelRunning => OnOverlap::Leave,
        };
        let outcome = self.write(serving, (key, cid), policy).await?;
        if let FireOutcome::Overlapping(other) = outcome {
            return self.cancel_first(serving, (key, cid), other).await;
        }
        self.go_on(serving, key, outcome).await
    }

    async fn go_on(
        &self,
        serving: &mut Serving,
        key: FireKey,
        outcome: FireOutcome,
    ) -> Result<Fired, Gone> {
        match outcome {
            FireOutcome::Recorded(cid) => {
                if key.origin == FireOrigin::Schedule {
                    serving.standing.runs += 1;
                }
                self.hand_over(serving, key, cid).await
            }
            FireOutcome::Duplicate => Ok(Fired::Twice),
            FireOutcome::Skipped(other) | FireOutcome::Overlapping(other) => {
                let reason = format!("the run due at {other} still runs");
                Ok(Fired::Done(None, Verdict::Skipped, reason))
            }
            FireOutcome::Buffered(_) => Ok(Fired::Waits),
        }
    }

    async fn write(
        &self,
        serving: &Serving,
        (key, cid): (FireKey, Cid),
        policy: OnOverlap,
    ) -> Result<FireOutcome, Gone> {
        let run = &self.desired.settings.run;
        let now_ms = self.scheduler.parts().wall.unix_ms();
        // It may start until its bound is over, and then run as long.
        let open_until_ms = now_ms.saturating_add(run.max_run_ms().saturating_mul(2));
        let write = FireWrite {
            key,
            cid,
            watched: run.watched().then_some((policy, open_until_ms)),
        };
        serving.recorder.fire(write, serving.standing.clone()).await
    }

    /// Cancels the run that is in the way, where it runs on this node.
    async fn cancel_first(
        &self,
        serving: &mut Serving,
        fire: (FireKey, Cid),
        other: i64,
    ) -> Result<Fired, Gone> {
        if !self.scheduler.runs().cancel(self.desired.number) {
            let reason = format!(
                "the run due at {other} is still open and not on this node, so it cannot be cancelled"
            );
            return self.skip(serving, fire.0, reason).await;
        }
        for _ in 0..CANCEL_LOOKS {
            sleep(CANCEL_LOOK_EVERY).await;
            let outcome = self.write(serving, fire, OnOverlap::Leave).await?;
            if !matches!(outcome, FireOutcome::Overlapping(_)) {
                return self.go_on(serving, fire.0, outcome).await;
            }
        }
        let reason = format!("the run due at {other} was cancelled and did not end");
        self.skip(serving, fire.0, reason).await
    }

    /// Gives a fire that was not written down its verdict.
    async fn skip(
        &self,
        serving: &mut Serving,
        key: FireKey,
        reason: String,
    ) -> Result<Fired, Gone> {
        let record = FireRecord {
            key,
            until_ms: key.due_ms,
            fires: 1,
            verdict: Verdict::Skipped,
            reason: reason.clone(),
            late_ms: 0,
            cid: None,
            epoch: serving.recorder.epoch,
            recorded_ms: self.scheduler.parts().wall.unix_ms(),
            ended_ms: None,
            outcome: None,
        };
        let standing = serving.standing.clone();
        serving
            .recorder
            .decide(key.job, vec![record], standing)
            .await?;
        // One that waited has a row, which the verdict closes.
        self.verdict(serving, key, (Verdict::Skipped, &reason, 0))
            .await?;
        Ok(Fired::Done(None, Verdict::Skipped, reason))
    }

    async fn verdict(
        &self,
        serving: &Serving,
        key: FireKey,
        (verdict, reason, late_ms): (Verdict, &str, i64),
    ) -> Result<(), Gone> {
        let write = VerdictWrite {
            key,
            verdict,
            reason: reason.to_owned(),
            late_ms,
        };
        serving.recorder.verdict(write).await
    }

    /// Hands a fire over under its cid, and gives it its verdict.
    pub(crate) async fn hand_over(
        &self,
        serving: &mut Serving,
        key: FireKey,
        cid: Cid,
    ) -> Result<Fired, Gone> {
        let handed = self.offer(key, cid).await;
        let start_ms = match key.origin {
            FireOrigin::Schedule => self.rules(&serving.standing).start_of(key.due_ms),
            FireOrigin::Manual => key.due_ms,
        };
        let late_ms = (self.scheduler.parts().wall.unix_ms() - start_ms).max(0);
        let (verdict, reason) = match handed {
            Ok(()) => (Verdict::handed_over(late_ms), String::new()),
            Err(fault) => {
                let job = &self.desired.name;
                tracing::error!(%cid, "job {job:?} was not handed over: {fault:?}");
                (Verdict::Skipped, format!("not taken: {}", fault.message))
            }
        };
        self.verdict(serving, key, (verdict, &reason, late_ms))
            .await?;
        let cid = (verdict != Verdict::Skipped).then_some(cid);
        Ok(Fired::Done(cid, verdict, reason))
    }

    /// Offers a run until it is taken, refused for good, or patience ends.
    async fn offer(&self, key: FireKey, cid: Cid) -> Result<(), Fault> {
        let (request, how) = self.order(key, cid)?;
        let invoker = &self.scheduler.parts().invoker;
        let end = clock::now() + HANDOVER_PATIENCE;
        let mut wait = OFFER_FIRST;
        loop {
            match invoker.invoke_async(request.clone(), how.clone()).await {
                Ok(_) => return Ok(()),
                Err(fault) => {
                    let passing = matches!(
                        fault.class,
                        ErrorClass::Busy | ErrorClass::Unavailable | ErrorClass::Timeout
                    );
                    if !passing || clock::now() + wait > end {
                        return Err(fault);
                    }
                }
            }
            sleep(wait).await;
            wait = (wait * 2).min(OFFER_MOST);
        }
    }

    /// What is handed over: the job's own request, or an order to run it to its end.
    fn order(&self, key: FireKey, cid: Cid) -> Result<(Request, AsyncOptions), Fault> {
        let run = &self.desired.settings.run;
        let name =
            |name: &str| ServiceName::new(name).map_err(|error| Fault::invalid(error.to_string()));
        let mut how = AsyncOptions {
            delivery: Some(Delivery::Durable),
            ..AsyncOptions::default()
        };
        let job = JobRef {
            name: self.desired.name.clone(),
            kind: self.desired.settings.when.kind(),
        };
        let mut request = runs::request(&job, name(&run.service)?, &run.payload);
        if run.watched() {
            let max_run_ms = run.max_run_ms();
            let order = RunOrder {
                key,
                job,
                service: run.service.clone(),
                payload: run.payload.clone(),
                max_run_ms: u64::try_from(max_run_ms).unwrap_or(0),
                on_error_service: run.on_error_service.clone(),
            };
            let text =
                serde_json::to_vec(&order).map_err(|error| Fault::internal(error.to_string()))?;
            let (channel, job) = (request.channel, request.job);
            request = Request::json(name(RUN_SERVICE)?, Bytes::from(text), clock::now());
            (request.channel, request.job) = (channel, job);
            how.deadline_ms = Some(self.scheduler.parts().wall.unix_ms() + max_run_ms);
        }
        request.cid = cid;
        Ok((request, how))
    }

    /// A run that somebody asked for, due now.
    pub(crate) async fn execute(
        &self,
        serving: &mut Serving,
    ) -> Result<Result<Executed, Fault>, Gone> {
        let now_ms = self.scheduler.parts().wall.unix_ms();
        for due_ms in now_ms..now_ms + MANUAL_MOVES {
            let key = self.key(due_ms, FireOrigin::Manual);
            let (cid, verdict, reason) = match self.fire(serving, key, Cid::mint()).await? {
                Fired::Twice => continue,
                Fired::Done(cid, verdict, reason) => (cid, verdict, reason),
                Fired::Waits => (None, Verdict::Buffered, String::new()),
            };
            return Ok(Ok(Executed {
                cid,
                due_ms,
                verdict,
                reason,
            }));
        }
        Ok(Err(Fault::busy("too many runs were asked for at once", 1)))
    }
}
