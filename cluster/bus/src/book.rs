//! What the ledger says, told once: events, health, metrics.

use busker_kit::clock::unix_ms;
use busker_model::bus::{LedgerRow, Loss};
use busker_model::event::Severity;
use busker_telemetry::metrics::Gauge;
use busker_telemetry::{Events, MetricName};
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::health::BusHealth;
use crate::keeper::Parts;

/// Time in which the nodes add to a loss what they remember of it, before it is told, in milliseconds.
const LOSS_SETTLES_MS: i64 = 2_500;

/// What has been told already.
#[derive(Debug)]
pub(crate) struct Book {
    differing: Vec<LedgerRow>,
    /// Losses noticed later are told.
    told_ms: i64,
    totals: [Gauge; 6],
    differences: Gauge,
    lost: Gauge,
}

impl Book {
    pub(crate) fn new(parts: &Parts) -> Self {
        let total = |state| parts.metrics.gauge(MetricName::BusInvocations, state);
        Self {
            differing: Vec::new(),
            told_ms: unix_ms(),
            totals: [
                "accepted",
                "done",
                "dead",
                "discarded",
                "expired",
                "pending",
            ]
            .map(total),
            differences: parts.metrics.gauge(MetricName::BusDifferences, ""),
            lost: parts.metrics.gauge(MetricName::BusLost, ""),
        }
    }

    /// Reads the ledger and tells what is new.
    pub(crate) async fn check(&mut self, parts: &Parts) -> Result<()> {
        let rows = parts.store.ledger().await?;
        self.count(parts, &rows);
        let differing: Vec<LedgerRow> = rows.into_iter().filter(|row| !row.balances()).collect();
        self.differences.set(whole(differing.len()));
        let health = if differing.is_empty() {
            BusHealth::Good
        } else {
            BusHealth::LedgerDiffers
        };
        self.compare(&parts.events, differing);
        let losses = parts.store.losses().await?;
        let lost: u64 = losses.iter().map(|loss| loss.lost).sum();
        self.lost.set(i64::try_from(lost).unwrap_or(i64::MAX));
        let settled = unix_ms() - LOSS_SETTLES_MS;
        for loss in &losses {
            if loss.noticed_ms > self.told_ms && loss.noticed_ms <= settled {
                tell_loss(&parts.events, loss);
            }
        }
        let noticed = losses.iter().map(|loss| loss.noticed_ms);
        let told = noticed.filter(|&noticed| noticed <= settled).max();
        self.told_ms = self.told_ms.max(told.unwrap_or_default());
        parts.health.set(health);
        Ok(())
    }

    /// Says that nothing is known.
    pub(crate) fn away(&self, parts: &Parts) {
        parts.health.set(BusHealth::StoreAway);
    }

    fn count(&self, parts: &Parts, rows: &[LedgerRow]) {
        let sum = |of: fn(&LedgerRow) -> u64| rows.iter().map(of).sum::<u64>();
        let sums = [
            sum(|row| row.accepted),
            sum(|row| row.done),
            sum(|row| row.dead),
            sum(|row| row.discarded),
            sum(|row| row.expired),
            sum(|row| row.pending),
        ];
        for (gauge, sum) in self.totals.iter().zip(sums) {
            gauge.set(i64::try_from(sum).unwrap_or(i64::MAX));
        }
        let mut pending: Vec<(&str, u64)> = Vec::new();
        for row in rows {
            match pending.last_mut() {
                Some((service, count)) if *service == row.service.as_str() => *count += row.pending,
                Some(_) | None => pending.push((row.service.as_str(), row.pending)),
            }
        }
        for (service, count) in pending {
            let gauge = parts.metrics.gauge(MetricName::BusPending, service);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    fn compare(&mut self, events: &Events, differing: Vec<LedgerRow>) {
        if differing == self.differing {
            return;
        }
        match differing.first() {
            Some(row) => tell_difference(events, row, differing.len()),
            None => events.tell(
                Severity::Info,
                "ledger-balances",
                "The ledger of asynchronous invocations balances again",
                Map::new(),
            ),
        }
        self.differing = differing;
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn tell_difference(events: &Events, row: &LedgerRow, count: usize) {
    let message = format!(
        "The ledger of asynchronous invocations does not balance for {count} services; first {}: {} accepted, {} accounted for",
        row.service,
        row.accepted,
        row.accounted()
    );
    tracing::error!("{message}");
    events.tell(
        Severity::Error,
        "ledger-difference",
        message,
        fields(json!(row)),
    );
}

fn tell_loss(events: &Events, loss: &Loss) {
    let message = format!(
        "Redis lost what it had between {} and {} (Unix milliseconds): {} fast invocations are lost, durable ones are sent again",
        loss.from_ms, loss.noticed_ms, loss.lost
    );
    tracing::error!("{message}");
    events.tell(Severity::Error, "bus-loss", message, fields(json!(loss)));
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
