//! What a scraper reads: counters of the front, and gauges that are read off the node when they are asked for.

use std::sync::Arc;

use busker_kit::Tree;
use busker_services::Directory;
use busker_telemetry::{Counter, Histogram, MetricName, Metrics};

/// Classes of status, by their first digit from 1.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counts answers of channels. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    answers: Arc<[Counter; 5]>,
    duration: Histogram,
}

impl Meter {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            answers: Arc::new(
                CLASSES.map(|class| metrics.counter(MetricName::HttpRequests, class)),
            ),
            duration: metrics.histogram(MetricName::HttpDuration, ""),
        }
    }

    pub(crate) fn answered(&self, status: u16, micros: u64) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(counter) = self.answers.get(class) {
            counter.increment();
        }
        self.duration.observe_micros(micros);
    }

    /// Answers given so far.
    pub(crate) fn answers(&self) -> Answers {
        let mut counts = [0; 5];
        for (count, counter) in counts.iter_mut().zip(self.answers.iter()) {
            *count = counter.get();
        }
        Answers(counts)
    }
}

/// Answers of channels, by class of status.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers([u64; 5]);

impl Answers {
    /// Those that were given after `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut counts = self.0;
        for (count, earlier) in counts.iter_mut().zip(before.0) {
            *count = count.saturating_sub(earlier);
        }
        Self(counts)
    }

    pub(crate) fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    /// 4xx: the caller's doing.
    pub(crate) fn refused(&self) -> u64 {
        let [_, _, _, refused, _] = self.0;
        refused
    }

    /// 5xx: ours.
    pub(crate) fn failed(&self) -> u64 {
        let [_, _, _, _, failed] = self.0;
        failed
    }
}

/// Everything a scraper reads, as text.
pub(crate) fn scrape(
    metrics: &Metrics,
    directory: &Directory,
    tree: &Tree,
    revision: i64,
) -> String {
    metrics
        .gauge(MetricName::BuildInfo, env!("CARGO_PKG_VERSION"))
        .set(1);
    metrics.gauge(MetricName::OdbRevision, "").set(revision);
    for (state, count) in tree.counts() {
        metrics.gauge(MetricName::Actors, state).set(whole(count));
    }
    for entry in directory.all() {
        let name = entry.runner.definition().name.as_str();
        let seen = entry.stats.snapshot();
        raise(
            &metrics.counter(MetricName::ServiceInvocations, name),
            seen.requests,
        );
        raise(
            &metrics.counter(MetricName::ServiceErrors, name),
            seen.errors,
        );
        let in_flight = i64::from(entry.gate.in_flight());
        metrics
            .gauge(MetricName::ServiceInFlight, name)
            .set(in_flight);
    }
    metrics.render()
}

/// Two scrapes at once may count a few twice for a moment at most; a counter never falls.
fn raise(counter: &Counter, to: u64) {
    counter.add(to.saturating_sub(counter.get()));
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
