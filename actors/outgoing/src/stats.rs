//! Counters of one connection on one node.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    errors: AtomicU64,
    refused: AtomicU64,
    total_micros: AtomicU64,
    max_micros: AtomicU64,
}

/// Counters, allocated with the first request: an idle connection costs a pointer.
#[derive(Debug, Default)]
pub(crate) struct Stats(OnceLock<Box<Counters>>);

/// Counters of a connection at one moment, since it was last started or changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionStats {
    /// Requests sent that ended.
    pub requests: u64,
    /// Of those, without an answer or with one of 5xx.
    pub errors: u64,
    /// Requests not sent: no permit, or the circuit was open.
    pub refused: u64,
    /// Requests under way.
    pub in_flight: u32,
    /// Time requests took in all, in microseconds.
    pub total_micros: u64,
    /// Time the longest one took, in microseconds.
    pub max_micros: u64,
}

impl Stats {
    pub(crate) fn ended(&self, took: Duration, ok: bool) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let counters = self.counters();
        counters.requests.fetch_add(1, Relaxed);
        counters.total_micros.fetch_add(micros, Relaxed);
        counters.max_micros.fetch_max(micros, Relaxed);
        if !ok {
            counters.errors.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn refused(&self) {
        self.counters().refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn snapshot(&self, in_flight: u32) -> ConnectionStats {
        let Some(counters) = self.0.get() else {
            return ConnectionStats {
                in_flight,
                ..ConnectionStats::default()
            };
        };
        ConnectionStats {
            requests: counters.requests.load(Relaxed),
            errors: counters.errors.load(Relaxed),
            refused: counters.refused.load(Relaxed),
            in_flight,
            total_micros: counters.total_micros.load(Relaxed),
            max_micros: counters.max_micros.load(Relaxed),
        }
    }

    fn counters(&self) -> &Counters {
        self.0.get_or_init(Box::default)
    }
}
