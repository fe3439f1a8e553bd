//! A store in memory that stands in for the database, so that time can be simulated.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use busker_model::Fault;
use busker_model::job::{FireKey, FireRecord, JobStanding};
use busker_odb::jobs::{Batch, FireOutcome};
use busker_scheduler::{FireStore, Loaded, StoreError};
use busker_service::BoxFuture;
use parking_lot::Mutex;

/// A store in memory, for simulated time: a database's threads would let the clock run ahead. It keeps runs that
/// nobody follows.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    state: Mutex<MemoryState>,
    /// Whether it answers.
    pub(crate) away: AtomicBool,
}

#[derive(Debug, Default)]
struct MemoryState {
    epoch: i64,
    fires: HashMap<FireKey, FireRecord>,
    standings: HashMap<i64, JobStanding>,
}

impl Memory {
    /// Rows of a job, oldest first.
    pub(crate) fn rows(&self, job: i64) -> Vec<FireRecord> {
        let state = self.state.lock();
        let mut rows: Vec<_> = state
            .fires
            .values()
            .filter(|row| row.key.job == job)
            .cloned()
            .collect();
        rows.sort_by_key(|row| row.key.due_ms);
        rows
    }

    fn write(&self, batch: Batch) -> Result<Vec<FireOutcome>, StoreError> {
        if self.away.load(SeqCst) {
            return Err(StoreError::Away(Fault::busy("away", 1)));
        }
        let mut state = self.state.lock();
        if batch.epoch != state.epoch {
            return Err(StoreError::Deposed("taken".to_owned()));
        }
        for write in batch.verdicts {
            let row = state.fires.get_mut(&write.key).unwrap();
            (row.verdict, row.reason, row.late_ms) = (write.verdict, write.reason, write.late_ms);
        }
        for record in batch.decided {
            state.fires.entry(record.key).or_insert(record);
        }
        let mut outcomes = Vec::new();
        let mut standings = batch.standings;
        for write in batch.fires {
            assert!(write.watched.is_none(), "this store follows no run");
            if state.fires.contains_key(&write.key) {
                outcomes.push(FireOutcome::Duplicate);
                continue;
            }
            let row = recorded(&write, batch.epoch, batch.now_ms);
            state.fires.insert(write.key, row);
            standings.get_mut(&write.key.job).unwrap().runs += 1;
            outcomes.push(FireOutcome::Recorded(write.cid));
        }
        state.standings.extend(standings);
        Ok(outcomes)
    }
}

fn recorded(write: &busker_odb::jobs::FireWrite, epoch: i64, now_ms: i64) -> FireRecord {
    FireRecord {
        key: write.key,
        until_ms: write.key.due_ms,
        fires: 1,
        verdict: busker_model::job::Verdict::Recorded,
        reason: String::new(),
        late_ms: 0,
        cid: Some(write.cid),
        epoch,
        recorded_ms: now_ms,
        ended_ms: None,
        outcome: None,
    }
}

#[derive(Debug)]
pub(crate) struct MemoryStore(pub(crate) Arc<Memory>);

impl FireStore for MemoryStore {
    fn take_role(&self, _node: String) -> BoxFuture<'static, Result<i64, StoreError>> {
        let mut state = self.0.state.lock();
        state.epoch += 1;
        Box::pin(std::future::ready(Ok(state.epoch)))
    }

    fn load(&self) -> BoxFuture<'static, Result<Loaded, StoreError>> {
        use busker_model::job::Verdict;
        let state = self.0.state.lock();
        let open = |row: &&FireRecord| matches!(row.verdict, Verdict::Recorded | Verdict::Buffered);
        let loaded = Loaded {
            standings: state.standings.clone().into_iter().collect(),
            unfinished: state.fires.values().filter(open).cloned().collect(),
        };
        Box::pin(std::future::ready(Ok(loaded)))
    }

    fn write(&self, batch: Batch) -> BoxFuture<'static, Result<Vec<FireOutcome>, StoreError>> {
        Box::pin(std::future::ready(self.0.write(batch)))
    }

    fn ended(
        &self,
        _key: FireKey,
        _at_ms: i64,
        _outcome: String,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn forget_old(&self, _epoch: i64, _now_ms: i64) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
