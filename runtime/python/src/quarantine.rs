//! Services that keep taking their workers down are refused for a while, so that they cannot burn the pool.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use busker_model::{ErrorClass, Fault, ServiceName};
use dashmap::DashMap;

/// Crashes with the same service in flight after which it is refused.
const CRASHES: usize = 3;
/// Time within which they count.
const WITHIN: Duration = Duration::from_secs(60);
/// Time it is refused.
const FOR: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct Record {
    crashes: VecDeque<Instant>,
    until: Option<Instant>,
}

/// Which services were running when workers crashed. Holds at most the services that were.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    records: DashMap<ServiceName, Record>,
    /// Services refused now; read on every request, so that the map need not be.
    refused: AtomicUsize,
}

impl Quarantine {
    /// Counts a crash. Returns the services that are refused from now on.
    pub(crate) fn count(&self, running: &[ServiceName], now: Instant) -> Vec<ServiceName> {
        let mut names: Vec<&ServiceName> = running.iter().collect();
        names.sort();
        names.dedup();
        names
            .into_iter()
            .filter(|name| self.count_one(name, now))
            .cloned()
            .collect()
    }

    fn count_one(&self, name: &ServiceName, now: Instant) -> bool {
        let mut record = self.records.entry(name.clone()).or_default();
        record
            .crashes
            .retain(|&at| now.saturating_duration_since(at) <= WITHIN);
        record.crashes.push_back(now);
        if record.until.is_some() || record.crashes.len() < CRASHES {
            return false;
        }
        record.until = Some(now + FOR);
        record.crashes.clear();
        self.refused.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// Whether a service may run.
    ///
    /// # Errors
    /// `Unavailable`, code `quarantined`.
    pub(crate) fn check(
        &self,
        name: &ServiceName,
        now: impl FnOnce() -> Instant,
    ) -> Result<(), Fault> {
        if self.refused.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        let Some(mut record) = self.records.get_mut(name) else {
            return Ok(());
        };
        let Some(until) = record.until else {
            return Ok(());
        };
        let left = until.saturating_duration_since(now());
        if left.is_zero() {
            record.until = None;
            self.refused.fetch_sub(1, Ordering::AcqRel);
            return Ok(());
        }
        let seconds = u32::try_from(left.as_secs())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let message = format!(
            "service {name} took its workers down {CRASHES} times within a minute; it is refused for a while"
        );
        let mut fault = Fault::new(ErrorClass::Unavailable, message).code("quarantined");
        fault.detail_mut().retry_after_s = Some(seconds);
        Err(fault)
    }
}

#[cfg(test)]
mod tests {
    use busker_kit::clock;

    use super::*;

    #[test]
    fn three_crashes_within_a_minute_are_refused_for_half_a_minute() {
        let (bad, good) = (
            ServiceName::new("bad").unwrap(),
            ServiceName::new("good").unwrap(),
        );
        let book = Quarantine::default();
        let start = clock::now();
        let second = Duration::from_secs(1);
        assert!(book.count(std::slice::from_ref(&bad), start).is_empty());
        assert!(
            book.count(&[bad.clone(), good.clone(), bad.clone()], start + second)
                .is_empty()
        );
        assert_eq!(
            book.count(std::slice::from_ref(&bad), start + second * 2),
            vec![bad.clone()]
        );
        let fault = book.check(&bad, || start + second * 3).unwrap_err();
        assert_eq!(
            (fault.code_str(), fault.class),
            (Some("quarantined"), ErrorClass::Unavailable)
        );
        assert!(book.check(&good, || start + second * 3).is_ok());
        assert!(book.check(&bad, || start + second * 33).is_ok());
        assert_eq!(book.refused.load(Ordering::Acquire), 0);
    }

    #[test]
    fn crashes_far_apart_are_forgiven() {
        let bad = [ServiceName::new("bad").unwrap()];
        let book = Quarantine::default();
        let start = clock::now();
        for minute in 0..10 {
            assert!(
                book.count(&bad, start + Duration::from_secs(61) * minute)
                    .is_empty()
            );
        }
    }
}
