//! One run of wrk: what it is told, what it says.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::contender::Contender;
use crate::process::Step;

/// How hard, with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) connections: u32,
    /// Length of the text in the JSON body, in bytes.
    pub(super) text_bytes: usize,
}

/// What wrk saw from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    pub(super) requests: f64,
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Case {
    pub(super) fn body(self) -> String {
        format!("{{\"text\":\"{}\"}}", "x".repeat(self.text_bytes))
    }

    pub(super) fn title(self) -> String {
        let size = match self.text_bytes {
            bytes if bytes >= 1_000 => format!("{} kB", bytes / 1_000),
            bytes => format!("{bytes} B"),
        };
        format!("{} connections, {size}", self.connections)
    }
}

/// Posts `case` at a contender for `seconds`. Any answer but a 2xx spoils the figures, so it is an error.
pub(super) fn run(contender: &Contender, case: Case, seconds: u32, scratch: &Path) -> Result<Seen> {
    let url = &contender.url();
    let script = scratch.join("post.lua");
    let mut lua = format!(
        "wrk.method = \"POST\"\nwrk.body = '{}'\nwrk.headers[\"Content-Type\"] = \"application/json\"\n",
        case.body()
    );
    if let Some(value) = contender.authorization {
        lua.push_str(&format!("wrk.headers[\"Authorization\"] = \"{value}\"\n"));
    }
    std::fs::write(&script, lua).with_context(|| format!("writing {}", script.display()))?;
    let connections = format!("-c{}", case.connections);
    let duration = format!("-d{seconds}s");
    let step = Step::new("wrk")
        .args(["-t1", &connections, &duration, "--latency", "-s"])
        .args([&script])
        .args([url]);
    let answer = step.capture()?;
    ensure!(answer.ok, "wrk {url}: {}{}", answer.stdout, answer.stderr);
    parse(&answer.stdout).with_context(|| format!("wrk {url}: {}", answer.stdout))
}

fn parse(text: &str) -> Result<Seen> {
    ensure!(!text.contains("Non-2xx"), "some answers were not 2xx");
    let value = |label: &str| {
        let line = text
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with(label))?;
        line.split_whitespace().nth(1).map(str::to_owned)
    };
    let requests = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok());
    let time = |label: &str| value(label).as_deref().and_then(milliseconds);
    let per_second = value("Requests/sec:").and_then(|number| number.parse().ok());
    Ok(Seen {
        requests: requests.context("no number of requests")?,
        per_second: per_second.context("no rate")?,
        p50_ms: time("50%").context("no median")?,
        p99_ms: time("99%").context("no 99th percentile")?,
    })
}

/// `532.00us`, `1.20ms`, `1.05s`.
fn milliseconds(text: &str) -> Option<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1_000.0)];
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::{Seen, parse};

    const OUTPUT: &str = "Running 2s test @ http://127.0.0.1:1/echo\n  1 threads and 16 connections\n  Latency Distribution\n     50%  532.00us\n     75%    1.10ms\n     90%    2.00ms\n     99%    1.05s \n  60012 requests in 2.00s, 9.44MB read\nRequests/sec:  29981.20\nTransfer/sec:      4.72MB\n";

    #[test]
    fn figures_are_read_with_their_units() {
        let expected = Seen {
            requests: 60_012.0,
            per_second: 29_981.2,
            p50_ms: 0.532,
            p99_ms: 1_050.0,
        };
        let seen = parse(OUTPUT).unwrap();
        assert!((seen.p50_ms - expected.p50_ms).abs() < 1e-9);
        assert_eq!(
            Seen {
                p50_ms: expected.p50_ms,
                ..seen
            },
            expected
        );
    }

    #[test]
    fn a_run_with_errors_gives_no_figures() {
        assert!(parse(&format!("{OUTPUT}  Non-2xx or 3xx responses: 7\n")).is_err());
        assert!(parse("unable to connect").is_err());
    }
}
