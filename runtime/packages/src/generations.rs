//! Which generations there are. It outlives the deployer, so that a new one neither uses a number twice nor leaves the
//! workers of the one before it behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use busker_kit::Pump;
use busker_service::Engine;
use parking_lot::Mutex;

/// Time requests have that still run in a generation when the next one serves.
pub const RETIRE_GRACE: Duration = Duration::from_secs(60);
/// Generations that may be finishing at once; one more is loaded when the oldest of them is gone.
const RETIRING_MAX: usize = 8;

/// Numbers of generations, from 1, those that have workers, and those that are finishing.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    last: AtomicU64,
    loaded: Mutex<Vec<(&'static str, u64)>>,
    retiring: Mutex<VecDeque<Pump>>,
}

impl Generations {
    /// The number of a generation that is about to be loaded.
    pub(crate) async fn begin(&self, engine: &'static str) -> u64 {
        while let Some(oldest) = self.one_too_many() {
            oldest.join().await;
        }
        let number = self.last.fetch_add(1, Relaxed) + 1;
        self.loaded.lock().push((engine, number));
        number
    }

    fn one_too_many(&self) -> Option<Pump> {
        let mut retiring = self.retiring.lock();
        retiring.retain(|pump| !pump.is_finished());
        if retiring.len() < RETIRING_MAX {
            return None;
        }
        retiring.pop_front()
    }

    /// A generation was not loaded: its engine has ended it already.
    pub(crate) fn forget(&self, number: u64) {
        self.loaded.lock().retain(|(_, known)| *known != number);
    }

    /// Lets all generations of an engine finish but one.
    pub(crate) fn retire_others(&self, engine: &Arc<dyn Engine>, keep: Option<u64>) {
        let mut old = Vec::new();
        self.loaded.lock().retain(|(name, number)| {
            let stays = *name != engine.name() || Some(*number) == keep;
            if !stays {
                old.push(*number);
            }
            stays
        });
        for number in old {
            let end = engine.retire(number, RETIRE_GRACE);
            self.retiring
                .lock()
                .push_back(Pump::spawn("retire a generation", end));
        }
    }
}
