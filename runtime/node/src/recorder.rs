//! The recorder: keeps invocations to be looked at. Owns: those that wait to be written. Hears: the end of its pump. Says:
//! rows of the database, masked and cut.
//! Dies when: its pump does; a database that is away is a line in the log, and what was to be written is lost and counted.
//! Restart: permanent, with the node's infrastructure; what waits stays.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, clock};
use busker_model::invocation::ReplyBody;
use busker_odb::Odb;
use busker_odb::samples::SampleWrite;
use busker_pipeline::mask::MASK_BYTES;
use busker_service::Recorder;
use busker_service::record::Record;
use busker_telemetry::{Counter, MetricName, Metrics};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

mod row;

/// Most invocations that wait to be written.
const WAITING: usize = 512;
/// Most bytes of their payloads.
const WAITING_BYTES: usize = 16 * 1024 * 1024;
/// Most invocations written at once.
const BATCH: usize = 64;
/// Pause after a batch, so that the database has time for others.
const PAUSE: Duration = Duration::from_millis(100);
/// Time between two looks for rows that are too old or too many.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// Longest time to write what waits when the node stops.
const LAST: Duration = Duration::from_secs(2);

/// Takes invocations in for the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SampleRecorder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    odb: Odb,
    node: String,
    waiting: Mutex<Waiting>,
    rung: Notify,
    dropped: Counter,
    /// Of the dropped, those nobody was told of.
    unsaid: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    held: VecDeque<Held>,
    bytes: usize,
}

/// An invocation that waits. A payload that is too large to be looked at is gone already, and its size is known.
#[derive(Debug)]
struct Held {
    record: Record,
    started_ms: i64,
    request_bytes: usize,
    response_bytes: usize,
}

impl SampleRecorder {
    pub(crate) fn new(odb: &Odb, node: &str, metrics: &Metrics) -> Self {
        Self(Arc::new(Inner {
            odb: odb.clone(),
            node: node.to_owned(),
            waiting: Mutex::default(),
            rung: Notify::new(),
            dropped: metrics.counter(MetricName::SamplesDropped, ""),
            unsaid: AtomicU64::new(0),
        }))
    }
}

impl Recorder for SampleRecorder {
    fn record(&self, record: Record) {
        let held = Held::of(record);
        let bytes = held.bytes();
        {
            let mut waiting = self.0.waiting.lock();
            if waiting.held.len() < WAITING && waiting.bytes + bytes <= WAITING_BYTES {
                waiting.bytes += bytes;
                waiting.held.push_back(held);
                drop(waiting);
                return self.0.rung.notify_one();
            }
        }
        self.0.drop_some(1);
    }
}

impl Held {
    fn of(mut record: Record) -> Self {
        let took_ms = i64::try_from(record.took_micros / 1_000).unwrap_or(i64::MAX);
        let request_bytes = lightened(&mut record.asked.body);
        let response_bytes = match &mut record.outcome {
            Ok(ReplyBody::Json(body) | ReplyBody::Raw(body)) => lightened(body),
            Ok(ReplyBody::Empty) => 0,
            Err((_, message)) => message.len(),
        };
        Self {
            started_ms: clock::unix_ms().saturating_sub(took_ms),
            record,
            request_bytes,
            response_bytes,
        }
    }

    fn bytes(&self) -> usize {
        let response = match &self.record.outcome {
            Ok(ReplyBody::Json(body) | ReplyBody::Raw(body)) => body.len(),
            Ok(ReplyBody::Empty) => 0,
            Err((_, message)) => message.len(),
        };
        self.record.asked.body.len() + response
    }
}

/// Lets go of a payload that is too large to be looked at; answers the size it had.
fn lightened(body: &mut Bytes) -> usize {
    let bytes = body.len();
    if bytes > MASK_BYTES {
        *body = Bytes::new();
    }
    bytes
}

impl Inner {
    fn drop_some(&self, count: usize) {
        let count = count as u64;
        self.dropped.add(count);
        self.unsaid.fetch_add(count, Relaxed);
    }

    fn take(&self) -> Vec<Held> {
        let mut waiting = self.waiting.lock();
        let count = waiting.held.len().min(BATCH);
        let taken: Vec<Held> = waiting.held.drain(..count).collect();
        let bytes: usize = taken.iter().map(Held::bytes).sum();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        taken
    }

    /// Writes what waits, a batch at a time.
    async fn write_waiting(&self, pause: Duration) {
        loop {
            let taken = self.take();
            if taken.is_empty() {
                break;
            }
            let count = taken.len();
            if let Err(error) = self.write(taken).await {
                tracing::warn!("sampled and slow invocations were not written: {error}");
                self.drop_some(count);
            }
            tokio::time::sleep(pause).await;
        }
        match self.unsaid.swap(0, Relaxed) {
            0 => {}
            lost => tracing::warn!("{lost} sampled or slow invocations were not kept"),
        }
    }

    async fn write(&self, taken: Vec<Held>) -> Result<(), String> {
        let node = self.node.clone();
        // To mask is to read every byte: no work for a thread that has requests.
        let rows = tokio::task::spawn_blocking(move || {
            let rows = taken.into_iter().flat_map(|held| row::rows(held, &node));
            rows.collect::<Vec<SampleWrite>>()
        });
        let rows = rows.await.map_err(|error| error.to_string())?;
        let kept = self.odb.samples().keep(rows).await;
        kept.map_err(|error| error.to_string())
    }
}

/// The child spec of the writer.
pub(crate) fn spec(recorder: &SampleRecorder) -> ChildSpec {
    let recorder = recorder.clone();
    ChildSpec::actor("recorder", "recorder", move |_seat| {
        (RecorderActor, recorder.clone())
    })
}

#[derive(Debug)]
struct RecorderActor;

#[derive(Debug)]
struct RecorderState {
    recorder: SampleRecorder,
    _pump: Pump,
}

impl Actor for RecorderActor {
    type Msg = PumpEnded;
    type State = RecorderState;
    type Arguments = SampleRecorder;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        recorder: SampleRecorder,
    ) -> Result<RecorderState, ActorProcessingErr> {
        let pump = Pump::vital("recorder", me, write(recorder.clone()));
        Ok(RecorderState {
            recorder,
            _pump: pump,
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _state: &mut RecorderState,
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }

    async fn post_stop(
        &self,
        _me: ActorRef<PumpEnded>,
        state: &mut RecorderState,
    ) -> Result<(), ActorProcessingErr> {
        let rest = state.recorder.0.write_waiting(Duration::ZERO);
        if tokio::time::timeout(LAST, rest).await.is_err() {
            tracing::warn!("not all sampled and slow invocations were written in time");
        }
        Ok(())
    }
}

#[expect(clippy::infinite_loop, reason = "its pump ends it, with its actor")]
async fn write(recorder: SampleRecorder) {
    let inner = recorder.0;
    let mut forgets = clock::now();
    loop {
        inner.write_waiting(PAUSE).await;
        if clock::now() >= forgets {
            forgets = clock::now() + FORGET_EVERY;
            if let Err(error) = inner.odb.samples().forget_old(clock::unix_ms()).await {
                tracing::warn!("old sampled and slow invocations stay for now: {error}");
            }
        }
        let rung = tokio::time::timeout(FORGET_EVERY, inner.rung.notified());
        if rung.await.is_err() {
            tracing::trace!("no invocation was to be kept");
        }
    }
}

#[cfg(test)]
mod tests;
