//! Which invocations of a service are kept to be looked at: every n-th, and each that took too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use busker_model::{Fault, Origin, Payload, Reply, Request};
use busker_service::record::{Asked, Record};

use crate::directory::{Directory, Entry};
use crate::run::micros;

/// Counts invocations of one service on one node. It lives as long as its setting does, whatever generation runs, so that
/// a deploy does not make it count anew.
#[derive(Debug)]
pub struct Sampler {
    /// One in so many is kept; 0 means none.
    every: u32,
    seen: AtomicU64,
}

impl Sampler {
    /// One that keeps one in `every`, the last of them; none when that is 0.
    #[must_use]
    pub fn new(every: u32) -> Arc<Self> {
        Arc::new(Self {
            every,
            seen: AtomicU64::new(0),
        })
    }

    /// The one of the generation before, unless it was set otherwise.
    pub(crate) fn of(every: u32, before: Option<&Entry>) -> Arc<Self> {
        before
            .filter(|entry| entry.sampler.every == every)
            .map_or_else(|| Self::new(every), |entry| Arc::clone(&entry.sampler))
    }

    /// Counts an invocation; answers whether it is one to keep.
    fn takes(&self) -> bool {
        if self.every == 0 {
            return false;
        }
        let number = self.seen.fetch_add(1, Relaxed).wrapping_add(1);
        number.is_multiple_of(u64::from(self.every))
    }
}

/// An invocation that may be kept once it has ended.
pub(crate) struct Watched {
    asked: Asked,
    sampled: bool,
}

impl Watched {
    /// Looks at a request that is about to run. Services of Busker itself are never kept: they are given passwords.
    pub(crate) fn begin(directory: &Directory, entry: &Entry, request: &Request) -> Option<Self> {
        directory.recorder()?;
        if entry.runner.definition().origin == Origin::Internal {
            return None;
        }
        let body = match &request.payload {
            Payload::Json(payload) | Payload::Raw(payload) if request.raw.is_empty() => payload,
            Payload::None | Payload::Json(_) | Payload::Raw(_) => &request.raw,
        };
        Some(Self {
            asked: Asked {
                cid: request.cid,
                channel: request.channel,
                data_format: request.data_format,
                transport: request.transport,
                body: body.clone(),
                http: request.http.clone(),
                principal: request.principal.clone(),
            },
            sampled: entry.sampler.takes(),
        })
    }

    /// Hands it over if it is one to keep.
    pub(crate) fn end(
        self,
        directory: &Directory,
        entry: &Entry,
        took: std::time::Duration,
        outcome: &Result<Reply, Fault>,
    ) {
        let took_micros = micros(took);
        let slow = took_micros > entry.slow_after_micros;
        let Some(recorder) = directory.recorder().filter(|_| self.sampled || slow) else {
            return;
        };
        recorder.record(Record {
            definition: Arc::clone(entry.runner.definition()),
            asked: self.asked,
            outcome: match outcome {
                Ok(reply) => Ok(reply.body.clone()),
                Err(fault) => Err((fault.class, fault.message.clone())),
            },
            took_micros,
            threshold_micros: entry.slow_after_micros,
            sampled: self.sampled,
            slow,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_many_is_taken_however_many_ask_at_once() {
        let sampler = Sampler::new(7);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..700).filter(|_| sampler.takes()).count()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(taken, 400);
        let first: Vec<usize> = (1..=15).filter(|_| sampler.takes()).collect();
        assert_eq!(first, [7, 14]);
    }

    #[test]
    fn none_is_taken_and_none_counted_when_it_is_off() {
        let sampler = Sampler::new(0);
        assert!((0..10).all(|_| !sampler.takes()));
        assert_eq!(sampler.seen.load(Relaxed), 0);
    }
}
