//! A load of a fixed rate, whatever the server does: the times are from when a request was due, so that a server that
//! stalls is not excused from the requests it held up.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::link::Link;
use crate::time;

/// What is asked, and how often.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) port: u16,
    pub(super) path: &'static str,
    pub(super) body: &'static str,
    /// Connections, each with its share of the rate.
    pub(super) connections: u32,
    /// Requests per second in all.
    pub(super) per_second: u32,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Times from due to answered, sorted.
    times: Vec<Duration>,
    /// Requests without an answer of 200.
    pub(super) errors: usize,
}

impl Seen {
    pub(super) fn requests(&self) -> usize {
        self.times.len()
    }

    /// The time that this many of a thousand requests stay below, in milliseconds.
    pub(super) fn per_mille_ms(&self, per_mille: usize) -> f64 {
        let index = (self.times.len() * per_mille / 1_000).min(self.times.len().saturating_sub(1));
        self.times
            .get(index)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    }
}

/// Runs the load for `length`.
pub(super) fn run(load: &Load, length: Duration) -> Result<Seen> {
    let shares: Vec<_> = (0..load.connections)
        .map(|number| {
            let load = load.clone();
            thread::spawn(move || share(&load, number, length))
        })
        .collect();
    let mut seen = Seen {
        times: Vec::new(),
        errors: 0,
    };
    for share in shares {
        let (times, errors) = share
            .join()
            .map_err(|_| anyhow!("a load thread panicked"))??;
        seen.times.extend(times);
        seen.errors += errors;
    }
    seen.times.sort_unstable();
    Ok(seen)
}

fn share(load: &Load, number: u32, length: Duration) -> Result<(Vec<Duration>, usize)> {
    let every = Duration::from_secs(1) * load.connections / load.per_second;
    let mut link = Link::open(load.port, None)?;
    // Spread over one interval, so that connections do not ask in step.
    let mut due = time::now() + every * number / load.connections;
    let end = time::now() + length;
    let (mut times, mut errors) = (Vec::new(), 0);
    while due < end {
        time::sleep(due.saturating_duration_since(time::now()));
        let answered = link.post(load.path, load.body);
        times.push(time::now().saturating_duration_since(due));
        if !matches!(answered, Ok((200, _))) {
            errors += 1;
            link = Link::open(load.port, None)?;
        }
        due += every;
    }
    Ok((times, errors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_read_off_sorted_times() {
        let times = (1..=1_000).map(Duration::from_millis).collect();
        let seen = Seen { times, errors: 0 };
        assert_eq!(
            (
                seen.requests(),
                seen.per_mille_ms(500),
                seen.per_mille_ms(990)
            ),
            (1_000, 501.0, 991.0)
        );
    }
}
