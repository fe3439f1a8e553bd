//! Metrics in the text format of Prometheus (exposition format 0.0.4).
//!
//! Who counts holds a handle, so a request costs atomic additions and nothing else; names of labels are looked up once,
//! when the handle is made. Every metric has a name in [`MetricName`] and at most [`SERIES_PER_METRIC`] series; one more
//! is counted under the label value `other`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use dashmap::DashMap;

mod render;

/// Series of one metric; further label values are counted together as [`OTHER`].
pub const SERIES_PER_METRIC: usize = 1000;
/// Label value of everything beyond [`SERIES_PER_METRIC`].
pub const OTHER: &str = "other";
/// Upper bounds of the buckets of durations, in microseconds.
pub const BUCKETS_MICROS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// What sort of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations by bucket.
    Histogram,
}

/// All metrics of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetricName {
    /// Answers of channels, by class of the status: `2xx`, `4xx`, ...
    HttpRequests,
    /// Time from a request to its answer.
    HttpDuration,
    /// Invocations by service.
    ServiceInvocations,
    /// Failed invocations by service.
    ServiceErrors,
    /// Invocations running now, by service.
    ServiceInFlight,
    /// Worker processes by pool.
    PythonWorkers,
    /// Actors by state.
    Actors,
    /// Restarts of actors since boot.
    ActorRestarts,
    /// Revision of the configuration this node runs.
    OdbRevision,
    /// Asynchronous invocations of the cluster, by state.
    BusInvocations,
    /// Asynchronous invocations that wait or run, by service.
    BusPending,
    /// Rows of the ledger that do not balance.
    BusDifferences,
    /// Asynchronous invocations that were lost with Redis.
    BusLost,
    /// Sampled and slow invocations that could not be kept.
    SamplesDropped,
    /// 1, labelled with the version.
    BuildInfo,
}

impl MetricName {
    /// All of them, in the order they are rendered.
    pub const ALL: [Self; 15] = [
        Self::BuildInfo,
        Self::HttpRequests,
        Self::HttpDuration,
        Self::ServiceInvocations,
        Self::ServiceErrors,
        Self::ServiceInFlight,
        Self::PythonWorkers,
        Self::Actors,
        Self::ActorRestarts,
        Self::OdbRevision,
        Self::BusInvocations,
        Self::BusPending,
        Self::BusDifferences,
        Self::BusLost,
        Self::SamplesDropped,
    ];

    /// Name in the text format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HttpRequests => "busker_http_requests_total",
            Self::HttpDuration => "busker_http_request_duration_seconds",
            Self::ServiceInvocations => "busker_service_invocations_total",
            Self::ServiceErrors => "busker_service_errors_total",
            Self::ServiceInFlight => "busker_service_in_flight",
            Self::PythonWorkers => "busker_python_workers",
            Self::Actors => "busker_actors",
            Self::ActorRestarts => "busker_actor_restarts_total",
            Self::OdbRevision => "busker_odb_revision",
            Self::BusInvocations => "busker_bus_invocations",
            Self::BusPending => "busker_bus_pending",
            Self::BusDifferences => "busker_bus_ledger_differences",
            Self::BusLost => "busker_bus_lost",
            Self::SamplesDropped => "busker_samples_dropped_total",
            Self::BuildInfo => "busker_build_info",
        }
    }

    /// What sort it is.
    #[must_use]
    pub const fn metric_type(self) -> MetricType {
        match self {
            Self::HttpRequests
            | Self::ServiceInvocations
            | Self::ServiceErrors
            | Self::ActorRestarts
            | Self::SamplesDropped => MetricType::Counter,
            Self::HttpDuration => MetricType::Histogram,
            Self::ServiceInFlight
            | Self::PythonWorkers
            | Self::Actors
            | Self::OdbRevision
            | Self::BusInvocations
            | Self::BusPending
            | Self::BusDifferences
            | Self::BusLost
            | Self::BuildInfo => MetricType::Gauge,
        }
    }

    /// Its label; `None` when it has one series only.
    #[must_use]
    pub const fn label(self) -> Option<&'static str> {
        match self {
            Self::HttpRequests => Some("class"),
            Self::ServiceInvocations
            | Self::ServiceErrors
            | Self::ServiceInFlight
            | Self::BusPending => Some("service"),
            Self::PythonWorkers => Some("pool"),
            Self::Actors | Self::BusInvocations => Some("state"),
            Self::BuildInfo => Some("version"),
            Self::HttpDuration
            | Self::ActorRestarts
            | Self::OdbRevision
            | Self::BusDifferences
            | Self::BusLost
            | Self::SamplesDropped => None,
        }
    }

    /// One line of help.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::HttpRequests => "Answers of channels by class of the status.",
            Self::HttpDuration => "Seconds from a request to its answer.",
            Self::ServiceInvocations => "Invocations of services on this node.",
            Self::ServiceErrors => "Invocations of services on this node that failed.",
            Self::ServiceInFlight => "Invocations running now.",
            Self::PythonWorkers => "Python worker processes.",
            Self::Actors => "Actors of this node by state.",
            Self::ActorRestarts => "Restarts of actors since boot.",
            Self::OdbRevision => "Revision of the configuration this node runs.",
            Self::BusInvocations => "Asynchronous invocations of the cluster by state.",
            Self::BusPending => "Asynchronous invocations that wait or run.",
            Self::BusDifferences => {
                "Rows of the ledger that do not balance; anything but 0 is a fault."
            }
            Self::BusLost => "Asynchronous invocations lost with Redis in the last 90 days.",
            Self::SamplesDropped => {
                "Sampled and slow invocations that could not be kept, for want of room or of the database."
            }
            Self::BuildInfo => "Version of this node.",
        }
    }
}

/// A number that only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Value now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to it; a negative number takes away.
    pub fn add(&self, more: i64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Value now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Durations by bucket: see [`BUCKETS_MICROS`].
#[derive(Debug, Clone, Default)]
pub struct Histogram(Arc<Cells>);

#[derive(Debug, Default)]
struct Cells {
    /// One per bucket, and one for what is longer than all of them.
    buckets: [AtomicU64; BUCKETS_MICROS.len() + 1],
    sum_micros: AtomicU64,
}

impl Histogram {
    /// Records a duration in microseconds.
    pub fn observe_micros(&self, micros: u64) {
        let bucket = BUCKETS_MICROS.partition_point(|&bound| bound < micros);
        if let Some(cell) = self.0.buckets.get(bucket) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        self.0.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone)]
enum Series {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// The metrics of one node. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics(Arc<DashMap<(MetricName, String), Series>>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("series", &self.0.len())
            .finish()
    }
}

impl Metrics {
    /// No series yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter of a label value; keep it. A name that is no counter gives one that is not rendered.
    #[must_use]
    pub fn counter(&self, name: MetricName, value: &str) -> Counter {
        let made = self.series(name, value, MetricType::Counter, || {
            Series::Counter(Counter::default())
        });
        match made {
            Some(Series::Counter(counter)) => counter,
            Some(Series::Gauge(_) | Series::Histogram(_)) | None => Counter::default(),
        }
    }

    /// The gauge of a label value; keep it. A name that is no gauge gives one that is not rendered.
    #[must_use]
    pub fn gauge(&self, name: MetricName, value: &str) -> Gauge {
        let made = self.series(name, value, MetricType::Gauge, || {
            Series::Gauge(Gauge::default())
        });
        match made {
            Some(Series::Gauge(gauge)) => gauge,
            Some(Series::Counter(_) | Series::Histogram(_)) | None => Gauge::default(),
        }
    }

    /// The histogram of a label value; keep it. A name that is no histogram gives one that is not rendered.
    #[must_use]
    pub fn histogram(&self, name: MetricName, value: &str) -> Histogram {
        let made = self.series(name, value, MetricType::Histogram, || {
            Series::Histogram(Histogram::default())
        });
        match made {
            Some(Series::Histogram(histogram)) => histogram,
            Some(Series::Counter(_) | Series::Gauge(_)) | None => Histogram::default(),
        }
    }

    /// Forgets a series, such as that of a service that was deleted. Handles that are still held count into nothing.
    pub fn forget(&self, name: MetricName, value: &str) {
        self.0.remove(&(name, value.to_owned()));
    }

    /// The text a scraper reads.
    #[must_use]
    pub fn render(&self) -> String {
        let mut all: Vec<_> = self
            .0
            .iter()
            .map(|entry| (entry.key().clone(), entry.value().clone()))
            .collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        render::text(&all)
    }

    fn series(
        &self,
        name: MetricName,
        value: &str,
        wanted: MetricType,
        make: impl FnOnce() -> Series,
    ) -> Option<Series> {
        debug_assert_eq!(name.metric_type(), wanted, "{name:?} is of another sort");
        if name.metric_type() != wanted {
            return None;
        }
        let mut key = (name, value.to_owned());
        if !self.0.contains_key(&key) && self.count(name) >= SERIES_PER_METRIC {
            OTHER.clone_into(&mut key.1);
        }
        Some(self.0.entry(key).or_insert_with(make).clone())
    }

    fn count(&self, name: MetricName) -> usize {
        self.0.iter().filter(|entry| entry.key().0 == name).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_counts_where_it_was_made() {
        let metrics = Metrics::new();
        let counter = metrics.counter(MetricName::HttpRequests, "2xx");
        counter.increment();
        metrics.counter(MetricName::HttpRequests, "2xx").add(2);
        assert_eq!(counter.get(), 3);
    }

    #[test]
    fn labels_are_bounded() {
        let metrics = Metrics::new();
        for number in 0..SERIES_PER_METRIC + 50 {
            metrics
                .counter(MetricName::ServiceInvocations, &format!("s{number}"))
                .increment();
        }
        let other = metrics.counter(MetricName::ServiceInvocations, OTHER);
        assert_eq!(other.get(), 50);
        assert_eq!(
            metrics.count(MetricName::ServiceInvocations),
            SERIES_PER_METRIC + 1
        );
        metrics.forget(MetricName::ServiceInvocations, "s1");
        assert_eq!(
            metrics.count(MetricName::ServiceInvocations),
            SERIES_PER_METRIC
        );
    }

    #[test]
    fn each_name_is_listed_once() {
        let mut names = MetricName::ALL.map(MetricName::as_str);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
