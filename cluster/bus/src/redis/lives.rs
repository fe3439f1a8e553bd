//! What this node did in the data sets of Redis, so that a loss is a number, and the checkpoints that make it an interval.
//!
//! Each script that moves counters answers the id of the data set and the number of the change, its tick. A node keeps its
//! changes until a checkpoint in the ODB has them; when the data set is another one, what no checkpoint has is added to the
//! books of the one that is gone. Only `fast` invocations are counted so: the others are in the ODB anyway.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use busker_kit::clock::unix_ms;
use busker_model::{Delivery, ServiceName};
use busker_odb::Odb;
use busker_odb::lives::{LifeChange, LifeCount, LifeNow, LifeSeen};
use parking_lot::Mutex;

use super::link::Link;
use super::read::{self, Seen};
use crate::error::Result;

/// Changes kept while the ODB is away; then they are summed up, and a loss may be counted too high by what the last
/// checkpoint has of them.
const CHANGES_MAX: usize = 20_000;
/// Time after something was missed in which there may be more of it that is too young to be looked for, in milliseconds.
const UNSURE_MS: i64 = 2_000;

/// Changes of one script: came and went, by service.
pub(super) type Moved = HashMap<ServiceName, (u64, u64)>;

/// The memory of a node.
#[derive(Debug, Default)]
pub(super) struct Memory {
    state: Mutex<State>,
    /// Whether the outbox may hold what the stream lacks.
    behind: AtomicBool,
    missed_ms: AtomicI64,
}

#[derive(Debug, Default)]
struct State {
    /// Data set of the last answer.
    current: Option<String>,
    changes: HashMap<String, Vec<LifeChange>>,
    /// Counts of the last checkpoint of the current one.
    written: HashMap<ServiceName, LifeCount>,
}

impl Memory {
    /// Notes which data set answered, and what was changed in it.
    pub(super) fn did(&self, life: &str, tick: i64, moved: Moved) {
        let mut state = self.state.lock();
        if state.current.as_deref() != Some(life) {
            state.current = Some(life.to_owned());
            state.written.clear();
            // Another one may lack everything; and at boot, a node that died may have left something.
            self.fall_behind();
        }
        if moved.is_empty() {
            return;
        }
        let changes = state.changes.entry(life.to_owned()).or_default();
        changes.extend(moved.into_iter().map(|(service, (came, went))| LifeChange {
            tick,
            service,
            came,
            went,
        }));
        if changes.len() > CHANGES_MAX {
            sum_up(changes, tick);
        }
    }

    /// Says that the stream lacks something that is in the outbox.
    pub(super) fn fall_behind(&self) {
        self.missed_ms.store(unix_ms(), Ordering::Relaxed);
        self.look_again();
    }

    /// Says that one look was not enough.
    pub(super) fn look_again(&self) {
        self.behind.store(true, Ordering::Release);
    }

    /// Whether it may; asked by whoever is going to look, who says so again when it could not.
    pub(super) fn take_behind(&self) -> bool {
        self.behind.swap(false, Ordering::AcqRel)
    }

    /// Whether something was missed so lately that one look is not enough.
    pub(super) fn is_unsure(&self, now_ms: i64) -> bool {
        now_ms - self.missed_ms.load(Ordering::Relaxed) < UNSURE_MS
    }

    fn past(&self, now: &str) -> Vec<(String, Vec<LifeChange>)> {
        let state = self.state.lock();
        let past = state.changes.iter().filter(|(life, _)| *life != now);
        past.map(|(life, changes)| (life.clone(), changes.clone()))
            .collect()
    }

    fn forget(&self, life: &str) {
        self.state.lock().changes.remove(life);
    }

    fn unwritten(&self, seen: &Seen) -> Vec<LifeCount> {
        let state = self.state.lock();
        let counts = fast(seen);
        counts
            .filter(|count| state.written.get(&count.service) != Some(count))
            .collect()
    }

    fn wrote(&self, seen: &Seen) {
        let mut state = self.state.lock();
        if state.current.as_ref() != Some(&seen.life) {
            return;
        }
        state.written = fast(seen)
            .map(|count| (count.service.clone(), count))
            .collect();
        if let Some(changes) = state.changes.get_mut(&seen.life) {
            changes.retain(|change| change.tick > seen.tick);
        }
    }
}

fn fast(seen: &Seen) -> impl Iterator<Item = LifeCount> + '_ {
    let rows = seen.rows.iter();
    let rows = rows.filter(|row| row.delivery == Delivery::Fast);
    rows.map(|row| LifeCount {
        service: row.service.clone(),
        accepted: row.accepted,
        pending: row.pending,
    })
}

fn sum_up(changes: &mut Vec<LifeChange>, tick: i64) {
    let mut sums = Moved::new();
    for change in changes.drain(..) {
        let (came, went) = sums.entry(change.service).or_default();
        *came += change.came;
        *went += change.went;
    }
    changes.extend(sums.into_iter().map(|(service, (came, went))| LifeChange {
        tick,
        service,
        came,
        went,
    }));
}

/// Looks at Redis and writes down what is there; closes the books of data sets that are gone.
pub(super) async fn checkpoint(link: &Link, odb: &Odb) -> Result<()> {
    let seen = read::look(link).await?;
    let (memory, lives, now_ms) = (&link.memory, odb.lives(), unix_ms());
    memory.did(&seen.life, seen.tick, Moved::new());
    let closed = lives.close_others(LifeNow {
        life: seen.life.clone(),
        noticed_ms: now_ms,
        kept: seen.kept.clone(),
        emptied: seen.emptied,
    });
    if closed.await? > 0 {
        memory.fall_behind();
    }
    for (life, changes) in memory.past(&seen.life) {
        lives.add(&life, now_ms, changes).await?;
        memory.forget(&life);
    }
    let look = LifeSeen {
        life: seen.life.clone(),
        run_id: seen.run_id.clone(),
        seen_ms: now_ms,
        tick: seen.tick,
    };
    if lives.checkpoint(look, memory.unwritten(&seen)).await? {
        memory.wrote(&seen);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(came: u64, went: u64) -> Moved {
        let service = ServiceName::new("a").unwrap();
        Moved::from([(service, (came, went))])
    }

    fn seen(life: &str, tick: i64) -> Seen {
        Seen {
            life: life.into(),
            run_id: "r".into(),
            tick,
            emptied: false,
            rows: Vec::new(),
            kept: Vec::new(),
        }
    }

    #[test]
    fn what_a_checkpoint_has_is_not_added_again() {
        let memory = Memory::default();
        memory.did("one", 3, moved(5, 0));
        memory.did("one", 7, moved(2, 1));
        memory.wrote(&seen("one", 3));
        memory.did("two", 1, moved(1, 0));
        let past = memory.past("two");
        assert_eq!(past.len(), 1);
        let (life, changes) = &past[0];
        assert_eq!((life.as_str(), changes.len()), ("one", 1));
        assert_eq!((changes[0].came, changes[0].went), (2, 1));
    }

    #[test]
    fn another_data_set_means_to_look_through_the_outbox_for_a_while() {
        let memory = Memory::default();
        memory.did("one", 1, Moved::new());
        assert!(memory.take_behind());
        memory.did("one", 2, Moved::new());
        assert!(!memory.take_behind());
        memory.did("two", 1, Moved::new());
        assert!(memory.take_behind() && memory.is_unsure(unix_ms()));
        memory.look_again();
        assert!(memory.take_behind() && !memory.is_unsure(unix_ms() + UNSURE_MS));
    }

    #[test]
    fn changes_are_bounded_while_the_odb_is_away() {
        let memory = Memory::default();
        let count = i64::try_from(CHANGES_MAX).unwrap() * 2;
        for tick in 0..count {
            memory.did("one", tick, moved(1, 0));
        }
        let past = memory.past("two");
        assert!(past[0].1.len() <= CHANGES_MAX);
        let came: u64 = past[0].1.iter().map(|change| change.came).sum();
        assert_eq!(i64::try_from(came).unwrap(), count);
    }
}
