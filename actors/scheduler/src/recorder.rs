//! The one writer of fires: it gathers what many jobs ask at the same moment into one transaction.
//!
//! While a transaction is on its way to the disk, the next one fills: a thousand jobs that are due together share a few.
//! Verdicts nobody waits for ride along, or go by themselves a little later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use busker_kit::Seat;
use busker_model::ActorState;
use busker_model::job::{FireOrigin, FireRecord, JobStanding, Verdict};
use busker_odb::jobs::{Batch, FIRES_KEPT, FireOutcome, FireWrite, PRUNED_PER_BATCH, VerdictWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use crate::store::{FireStore, Loaded, StoreError, Wall};

/// Orders that may wait; a job whose order finds no room waits itself.
pub(crate) const ORDERS_WAITING: usize = 16_384;
/// Most orders of one transaction.
const BATCH_MAX: usize = 2_048;
/// How long verdicts wait for a fire to ride along with.
const VERDICT_LINGER: Duration = Duration::from_millis(50);
/// Wait before a write is tried again, and the longest such wait.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MOST: Duration = Duration::from_secs(5);
/// Rows a job may have beyond those kept before they are summed up.
const PRUNE_SLACK: i64 = 50;
/// When old rows are first looked for: a start has other things to do.
const FORGET_FIRST: Duration = Duration::from_secs(60);
/// How often old rows are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// The recorder is gone, and with it the role, until another one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// What a job finds when it starts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opened {
    /// Where it stood; `None` the first time.
    pub(crate) standing: Option<JobStanding>,
    /// Its fires without a verdict.
    pub(crate) unfinished: Vec<FireRecord>,
}

#[derive(Debug)]
pub(crate) enum Order {
    Open(i64, oneshot::Sender<Opened>),
    Fire(Box<(FireWrite, JobStanding)>, oneshot::Sender<FireOutcome>),
    Decide(
        i64,
        Box<(Vec<FireRecord>, JobStanding)>,
        oneshot::Sender<()>,
    ),
    Verdict(Box<VerdictWrite>),
}

/// A handle to the recorder of one epoch. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    /// Epoch everything is written under.
    pub(crate) epoch: i64,
    orders: mpsc::Sender<Order>,
}

impl Recorder {
    pub(crate) fn new(epoch: i64) -> (Self, mpsc::Receiver<Order>) {
        let (orders, queue) = mpsc::channel(ORDERS_WAITING);
        (Self { epoch, orders }, queue)
    }

    async fn ask<R>(&self, order: impl FnOnce(oneshot::Sender<R>) -> Order) -> Result<R, Gone> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// Where a job stands.
    pub(crate) async fn open(&self, job: i64) -> Result<Opened, Gone> {
        self.ask(|reply| Order::Open(job, reply)).await
    }

    /// Writes a fire down, and where its job stands with it; one more run is counted when it is to be handed over.
    pub(crate) async fn fire(
        &self,
        write: FireWrite,
        standing: JobStanding,
    ) -> Result<FireOutcome, Gone> {
        let both = Box::new((write, standing));
        self.ask(|reply| Order::Fire(both, reply)).await
    }

    /// Writes fires that were decided without a run, and where their job stands.
    pub(crate) async fn decide(
        &self,
        job: i64,
        records: Vec<FireRecord>,
        standing: JobStanding,
    ) -> Result<(), Gone> {
        let both = Box::new((records, standing));
        self.ask(|reply| Order::Decide(job, both, reply)).await
    }

    /// Writes a verdict soon.
    pub(crate) async fn verdict(&self, write: VerdictWrite) -> Result<(), Gone> {
        let order = Order::Verdict(Box::new(write));
        self.orders.send(order).await.map_err(|_| Gone)
    }
}

/// The writer behind the handle.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn FireStore>,
    pub(crate) wall: Arc<dyn Wall>,
    pub(crate) seat: Seat,
    pub(crate) epoch: i64,
    standings: HashMap<i64, JobStanding>,
    unfinished: HashMap<i64, Vec<FireRecord>>,
    /// Rows written per job since they were last summed up.
    rows: HashMap<i64, i64>,
    /// Jobs whose rows are to be summed up.
    prune: Vec<i64>,
}

/// Orders of one transaction, with those who wait for it.
#[derive(Default)]
struct Gathered {
    batch: Batch,
    /// Jobs that start; they hear of what is written with them.
    opens: Vec<(i64, oneshot::Sender<Opened>)>,
    fired: Vec<oneshot::Sender<FireOutcome>>,
    decided: Vec<oneshot::Sender<()>>,
}

impl Gathered {
    fn urgent(&self) -> bool {
        !self.fired.is_empty() || !self.decided.is_empty() || !self.opens.is_empty()
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Open(job, reply) => self.opens.push((job, reply)),
            Order::Fire(both, reply) => {
                let (write, standing) = *both;
                self.batch.standings.insert(write.key.job, standing);
                self.batch.fires.push(write);
                self.fired.push(reply);
            }
            Order::Decide(job, both, reply) => {
                let (records, standing) = *both;
                self.batch.standings.insert(job, standing);
                self.batch.decided.extend(records);
                self.decided.push(reply);
            }
            Order::Verdict(write) => self.batch.verdicts.push(*write),
        }
    }

    /// Orders that are to be written.
    fn len(&self) -> usize {
        self.fired.len() + self.decided.len() + self.batch.verdicts.len()
    }
}

impl Desk {
    pub(crate) fn new(
        (store, wall): (Arc<dyn FireStore>, Arc<dyn Wall>),
        seat: Seat,
        epoch: i64,
        loaded: Loaded,
    ) -> Self {
        let mut unfinished: HashMap<i64, Vec<FireRecord>> = HashMap::new();
        for record in loaded.unfinished {
            unfinished.entry(record.key.job).or_default().push(record);
        }
        Self {
            store,
            wall,
            seat,
            epoch,
            standings: loaded.standings.into_iter().collect(),
            unfinished,
            rows: HashMap::new(),
            prune: Vec::new(),
        }
    }

    /// Writes until it is told to end (`Ok`), when it takes no more and writes what it has, or until a write must not be
    /// tried again. It is not to be dropped before: what it gathered would be lost.
    pub(crate) async fn run(
        &mut self,
        queue: &mut mpsc::Receiver<Order>,
        ending: impl Future<Output = ()>,
    ) -> Result<(), StoreError> {
        tokio::pin!(ending);
        let mut open = true;
        let mut forget_at = Instant::now() + FORGET_FIRST;
        loop {
            let order = tokio::select! {
                order = queue.recv() => order,
                () = &mut ending, if open => {
                    open = false;
                    queue.close();
                    continue;
                }
                () = tokio::time::sleep_until(forget_at), if open => {
                    self.forget_old().await?;
                    forget_at = Instant::now() + FORGET_EVERY;
                    continue;
                }
            };
            let Some(order) = order else { return Ok(()) };
            let mut gathered = gather(order, queue).await;
            let opens = std::mem::take(&mut gathered.opens);
            if gathered.len() > 0 {
                self.write(gathered).await?;
            }
            for (job, reply) in opens {
                answer(reply, self.opened(job));
            }
        }
    }

    fn opened(&self, job: i64) -> Opened {
        Opened {
            standing: self.standings.get(&job).cloned(),
            unfinished: self.unfinished.get(&job).cloned().unwrap_or_default(),
        }
    }

    async fn write(&mut self, gathered: Gathered) -> Result<(), StoreError> {
        let Gathered {
            mut batch,
            opens: _,
            fired,
            decided,
        } = gathered;
        batch.epoch = self.epoch;
        let pruned = self.prune.len().min(PRUNED_PER_BATCH);
        batch.prune = self.prune.drain(..pruned).collect();
        let outcomes = self.insist(&batch).await?;
        self.remember(batch, &outcomes);
        for (reply, outcome) in fired.into_iter().zip(outcomes) {
            answer(reply, outcome);
        }
        for reply in decided {
            answer(reply, ());
        }
        Ok(())
    }

    /// Tries until the store is there.
    async fn insist(&self, batch: &Batch) -> Result<Vec<FireOutcome>, StoreError> {
        let mut wait = RETRY_FIRST;
        loop {
            let mut attempt = batch.clone();
            attempt.now_ms = self.wall.unix_ms();
            match self.store.write(attempt).await {
                Ok(outcomes) => {
                    self.seat.state(ActorState::Running, None);
                    return Ok(outcomes);
                }
                Err(StoreError::Away(fault)) => {
                    tracing::warn!("fires of jobs wait for the database: {fault:?}");
                    self.seat
                        .state(ActorState::Degraded, Some("odb-unavailable"));
                    sleep(wait).await;
                    wait = (wait * 2).min(RETRY_MOST);
                }
                Err(error @ (StoreError::Deposed(_) | StoreError::Refused(_))) => {
                    return Err(error);
                }
            }
        }
    }

    fn remember(&mut self, batch: Batch, outcomes: &[FireOutcome]) {
        for write in &batch.verdicts {
            if let Some(open) = self.unfinished.get_mut(&write.key.job) {
                open.retain(|record| record.key != write.key);
            }
        }
        self.standings.extend(batch.standings);
        for (write, outcome) in batch.fires.iter().zip(outcomes) {
            let job = write.key.job;
            self.count_row(job);
            let open = self.unfinished.entry(job).or_default();
            open.retain(|record| record.key != write.key);
            let (verdict, cid) = match outcome {
                FireOutcome::Recorded(cid) => (Verdict::Recorded, *cid),
                FireOutcome::Buffered(_) => (Verdict::Buffered, write.cid),
                FireOutcome::Duplicate | FireOutcome::Skipped(_) | FireOutcome::Overlapping(_) => {
                    continue;
                }
            };
            open.push(record(write, verdict, cid));
            if verdict == Verdict::Recorded
                && write.key.origin == FireOrigin::Schedule
                && let Some(standing) = self.standings.get_mut(&job)
            {
                standing.runs += 1;
            }
        }
        for record in &batch.decided {
            self.count_row(record.key.job);
        }
        self.unfinished.retain(|_, open| !open.is_empty());
    }

    fn count_row(&mut self, job: i64) {
        let rows = self.rows.entry(job).or_insert(FIRES_KEPT);
        *rows += 1;
        if *rows >= FIRES_KEPT + PRUNE_SLACK {
            *rows = FIRES_KEPT;
            self.prune.push(job);
        }
    }

    /// What is forgotten can wait: only a lost role ends the recorder here.
    async fn forget_old(&self) -> Result<(), StoreError> {
        match self.store.forget_old(self.epoch, self.wall.unix_ms()).await {
            Err(error @ StoreError::Deposed(_)) => Err(error),
            Err(StoreError::Away(fault) | StoreError::Refused(fault)) => {
                tracing::warn!("old fires of jobs are not summed up: {fault:?}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// Takes what is there, and for verdicts alone waits a little.
async fn gather(first: Order, queue: &mut mpsc::Receiver<Order>) -> Gathered {
    let mut gathered = Gathered::default();
    gathered.take(first);
    let end = Instant::now() + VERDICT_LINGER;
    while gathered.len() < BATCH_MAX {
        let next = match queue.try_recv() {
            Ok(order) => Some(order),
            Err(_) if gathered.urgent() => None,
            Err(_) => timeout_at(end, queue.recv()).await.ok().flatten(),
        };
        match next {
            Some(order) => gathered.take(order),
            None => break,
        }
    }
    gathered
}

fn record(write: &FireWrite, verdict: Verdict, cid: busker_model::Cid) -> FireRecord {
    FireRecord {
        key: write.key,
        until_ms: write.key.due_ms,
        fires: 1,
        verdict,
        reason: String::new(),
        late_ms: 0,
        cid: Some(cid),
        epoch: 0,
        recorded_ms: 0,
        ended_ms: None,
        outcome: None,
    }
}

/// Who asked may be gone; what was written stays.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    if reply.send(value).is_err() {
        tracing::debug!("a job ended before its fire was written down");
    }
}
