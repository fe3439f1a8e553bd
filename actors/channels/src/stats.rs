//! Counters of one channel on one node.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    errors: AtomicU64,
    total_micros: AtomicU64,
}

/// Counters, allocated with the first request: an idle channel costs a pointer.
#[derive(Debug, Default)]
pub struct ChannelStats(OnceLock<Box<Counters>>);

/// Counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ChannelStatsSnapshot {
    /// Requests answered.
    pub requests: u64,
    /// Of those, answers of 4xx and 5xx.
    pub errors: u64,
    /// Time they took in all, in microseconds.
    pub total_micros: u64,
}

impl ChannelStats {
    /// Counts one answer.
    pub fn answered(&self, micros: u64, ok: bool) {
        let counters = self.0.get_or_init(Box::default);
        counters.requests.fetch_add(1, Relaxed);
        counters.total_micros.fetch_add(micros, Relaxed);
        if !ok {
            counters.errors.fetch_add(1, Relaxed);
        }
    }

    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> ChannelStatsSnapshot {
        self.0
            .get()
            .map_or_else(ChannelStatsSnapshot::default, |counters| {
                ChannelStatsSnapshot {
                    requests: counters.requests.load(Relaxed),
                    errors: counters.errors.load(Relaxed),
                    total_micros: counters.total_micros.load(Relaxed),
                }
            })
    }
}
