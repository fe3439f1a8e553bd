//! Counters of one service on one node. They outlive its generations.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Counters, added to by every invocation.
#[derive(Debug, Default)]
pub struct ServiceStats {
    requests: AtomicU64,
    errors: AtomicU64,
    refused: AtomicU64,
    slow: AtomicU64,
    total_micros: AtomicU64,
    max_micros: AtomicU64,
}

/// Counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StatsSnapshot {
    /// Invocations that ran.
    pub requests: u64,
    /// Of those, how many failed.
    pub errors: u64,
    /// Invocations refused before they ran (full, inactive, failed).
    pub refused: u64,
    /// Invocations over the slow threshold.
    pub slow: u64,
    /// Time they took in all, in microseconds.
    pub total_micros: u64,
    /// Longest, in microseconds.
    pub max_micros: u64,
}

impl ServiceStats {
    /// Counts one invocation that ran for `micros`.
    pub fn ran(&self, micros: u64, ok: bool, slow_after_micros: u64) {
        self.requests.fetch_add(1, Relaxed);
        self.total_micros.fetch_add(micros, Relaxed);
        if !ok {
            self.errors.fetch_add(1, Relaxed);
        }
        if micros > slow_after_micros {
            self.slow.fetch_add(1, Relaxed);
        }
        // A plain load first: the maximum is rarely beaten, and a write would bounce the cache line.
        if micros > self.max_micros.load(Relaxed) {
            self.max_micros.fetch_max(micros, Relaxed);
        }
    }

    /// Counts one refusal.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        StatsSnapshot {
            requests: self.requests.load(Relaxed),
            errors: self.errors.load(Relaxed),
            refused: self.refused.load(Relaxed),
            slow: self.slow.load(Relaxed),
            total_micros: self.total_micros.load(Relaxed),
            max_micros: self.max_micros.load(Relaxed),
        }
    }
}
