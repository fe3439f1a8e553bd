//! What services and channels do per second, for whoever reads the stream of events.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use busker_kit::{Pump, clock};
use busker_services::{Directory, StatsSnapshot};

use serde_json::{Value, json};

use crate::feed::Feed;
use crate::meter::{Answers, Meter};

/// Time between two frames.
const EVERY: Duration = Duration::from_secs(1);
/// Most services in a frame, the busiest first.
const SERVICES_SHOWN: usize = 200;

/// Tells rates as long as the pump lives. Nothing is counted for nobody, and a node at rest says so once.
pub(crate) fn tell(feed: &Feed, directory: &Directory, meter: &Meter) -> Pump {
    let (feed, directory, meter) = (feed.clone(), directory.clone(), meter.clone());
    Pump::spawn("rates", async move {
        let mut last = Counters::read(&directory, &meter);
        let mut at_rest = false;
        loop {
            tokio::time::sleep(EVERY).await;
            if !feed.has_readers() {
                at_rest = false;
                continue;
            }
            let now = Counters::read(&directory, &meter);
            let (rates, rest) = now.since(&last);
            if !(rest && at_rest) {
                feed.tell_once("rates", &rates);
            }
            (last, at_rest) = (now, rest);
        }
    })
}

/// All counters at one moment.
struct Counters {
    at_ms: i64,
    answers: Answers,
    /// Counters and what is in flight, by service.
    services: HashMap<String, (StatsSnapshot, u32)>,
}

impl Counters {
    fn read(directory: &Directory, meter: &Meter) -> Self {
        let entries = directory.all();
        let services = entries.iter().map(|entry| {
            let name = entry.runner.definition().name.to_string();
            (name, (entry.stats.snapshot(), entry.gate.in_flight()))
        });
        Self {
            at_ms: clock::unix_ms(),
            answers: meter.answers(),
            services: services.collect(),
        }
    }

    /// What happened in between, and whether that was nothing.
    fn since(&self, before: &Self) -> (Value, bool) {
        let nothing = StatsSnapshot::default();
        let mut rows: Vec<(u64, Value)> = self
            .services
            .iter()
            .filter_map(|(name, (now, in_flight))| {
                let then = before.services.get(name).map_or(&nothing, |(then, _)| then);
                // A service that was deployed anew counts from zero again.
                let requests = now.requests.saturating_sub(then.requests);
                let refused = now.refused.saturating_sub(then.refused);
                if requests + refused == 0 && *in_flight == 0 {
                    return None;
                }
                let micros = now.total_micros.saturating_sub(then.total_micros);
                let row = json!({
                    "name": name,
                    "requests": requests,
                    "errors": now.errors.saturating_sub(then.errors),
                    "refused": refused,
                    "mean_micros": micros.checked_div(requests).unwrap_or_default(),
                    "in_flight": in_flight,
                });
                Some((requests, row))
            })
            .collect();
        let answers = self.answers.since(&before.answers);
        let rest = rows.is_empty() && answers.all() == 0;
        rows.sort_by_key(|(requests, _)| Reverse(*requests));
        let rows: Vec<Value> = rows
            .into_iter()
            .map(|(_, row)| row)
            .take(SERVICES_SHOWN)
            .collect();
        let rates = json!({
            "at_ms": self.at_ms,
            "interval_ms": self.at_ms - before.at_ms,
            "http": {"requests": answers.all(), "refused": answers.refused(), "errors": answers.failed()},
            "services": rows,
        });
        (rates, rest)
    }
}
