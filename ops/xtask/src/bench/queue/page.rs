//! The figures of `bench async` as a page, ratios first.

use anyhow::{Context, Result};
use serde_json::Value;

/// Name of the contender the goal is set against.
pub(super) const BARE: &str = "bare Redis Streams client";

/// Delays of one paced run, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Delays {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Delays {
    pub(super) fn read(answer: &Value) -> Result<Self> {
        let figure = |name: &str| answer[name].as_f64().with_context(|| format!("no {name}"));
        Ok(Self {
            p50_ms: figure("p50_ms")?,
            p99_ms: figure("p99_ms")?,
        })
    }
}

/// Medians of one contender.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) per_second: f64,
    pub(super) delays: Delays,
}

impl Row {
    /// The median of each figure by itself.
    pub(super) fn medians(name: &'static str, full: Vec<f64>, paced: Vec<Delays>) -> Self {
        Self {
            name,
            per_second: median(full),
            delays: Delays {
                p50_ms: median(paced.iter().map(|delays| delays.p50_ms).collect()),
                p99_ms: median(paced.iter().map(|delays| delays.p99_ms).collect()),
            },
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The whole page.
pub(super) fn page(rows: &[Row], about: &str) -> String {
    let mut page = String::from(
        "# Asynchronous invocations, side by side\n\n## Ratios\n\n| | against | messages/s |\n|---|---|---|\n",
    );
    let busker = |row: &&Row| row.name.starts_with("busker");
    for own in rows.iter().filter(busker) {
        for other in rows.iter().filter(|row| !busker(row)) {
            let ratio = own.per_second / other.per_second;
            page.push_str(&format!("| {} | {} | {ratio:.2} |\n", own.name, other.name));
        }
    }
    page.push_str(
        "\n## Figures\n\n| | messages/s | p50 ms at half of it | p99 ms at half of it |\n|---|---|---|---|\n",
    );
    for row in rows {
        let Delays { p50_ms, p99_ms } = row.delays;
        page.push_str(&format!(
            "| {} | {:.0} | {p50_ms:.2} | {p99_ms:.2} |\n",
            row.name, row.per_second
        ));
    }
    page.push('\n');
    page.push_str(about);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_busker_is_held_against_each_other() {
        let row = |name, per_second| {
            let delays = [3.0, 1.0, 2.0].map(|ms| Delays {
                p50_ms: ms,
                p99_ms: ms * 2.0,
            });
            Row::medians(name, vec![0.0, per_second, per_second * 9.0], delays.into())
        };
        let rows = [row(BARE, 100.0), row("busker fast", 60.0), row("arq", 10.0)];
        let page = page(&rows, "rounds");
        assert!(
            page.contains(&format!("| busker fast | {BARE} | 0.60 |")),
            "{page}"
        );
        assert!(page.contains("| busker fast | arq | 6.00 |"), "{page}");
        assert!(page.contains("| arq | 10 | 2.00 | 4.00 |"), "{page}");
    }
}
