//! A breaker shared by the requests of one connection, without a lock: a change is tried until no other came between.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use busker_connector_http::breaker::{Phase, Turn};
use busker_connector_http::{Admission, Breaker, BreakerSettings};
use busker_kit::clock;

/// The breaker of one connection. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Circuit(Arc<ArcSwap<Breaker>>);

/// What a change led to, when a person should see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Calls are refused from now on.
    Opened,
    /// Calls pass again.
    Closed,
}

/// The right to make one call. One that is dropped without a finding counts as abandoned.
#[derive(Debug)]
pub(crate) struct Ticket {
    circuit: Circuit,
    turn: Turn,
    told: bool,
}

impl Circuit {
    pub(crate) fn new(settings: BreakerSettings) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Breaker::new(settings))))
    }

    /// A ticket, or the time to wait.
    pub(crate) fn admit(&self) -> Result<Ticket, Duration> {
        let now = clock::now();
        let mut admission = Admission::Wait(Duration::ZERO);
        self.change(|breaker| {
            let (next, answer) = breaker.admit(now);
            admission = answer;
            next
        });
        match admission {
            Admission::Pass(turn) => Ok(Ticket {
                circuit: self.clone(),
                turn,
                told: false,
            }),
            Admission::Wait(wait) => Err(wait),
        }
    }

    fn change(&self, mut step: impl FnMut(&Breaker) -> Option<Breaker>) -> Option<Seen> {
        loop {
            let before = self.0.load_full();
            let after = Arc::new(step(&before)?);
            let found = self.0.compare_and_swap(&before, Arc::clone(&after));
            if Arc::ptr_eq(&found, &before) {
                return seen(before.phase(), after.phase());
            }
        }
    }
}

fn seen(before: &Phase, after: &Phase) -> Option<Seen> {
    match (before, after) {
        (Phase::Closed(_), Phase::Open(_)) => Some(Seen::Opened),
        (Phase::HalfOpen, Phase::Closed(_)) => Some(Seen::Closed),
        (Phase::Closed(_) | Phase::Open(_) | Phase::HalfOpen, _) => None,
    }
}

impl Ticket {
    /// The peer answered.
    pub(crate) fn succeeded(mut self) -> Option<Seen> {
        self.told = true;
        self.circuit.change(|breaker| breaker.succeeded(self.turn))
    }

    /// The peer was away.
    pub(crate) fn failed(mut self) -> Option<Seen> {
        self.told = true;
        let now = clock::now();
        self.circuit
            .change(|breaker| breaker.failed(self.turn, now))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.told {
            let now = clock::now();
            self.circuit
                .change(|breaker| breaker.abandoned(self.turn, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn opened() -> Circuit {
        let settings = BreakerSettings {
            failures: 2,
            window_ms: 1_000,
            open_ms: 500,
        };
        let circuit = Circuit::new(settings);
        assert_eq!(circuit.admit().unwrap().failed(), None);
        assert_eq!(circuit.admit().unwrap().failed(), Some(Seen::Opened));
        circuit
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_lets_one_try_and_closes() {
        let circuit = opened();
        assert_eq!(circuit.admit().unwrap_err(), Duration::from_millis(500));
        advance(Duration::from_millis(500)).await;
        let ticket = circuit.admit().unwrap();
        assert!(circuit.admit().is_err());
        assert_eq!(ticket.succeeded(), Some(Seen::Closed));
        assert!(circuit.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_try_does_not_hold_the_circuit_open() {
        let circuit = opened();
        advance(Duration::from_millis(500)).await;
        drop(circuit.admit().unwrap());
        assert_eq!(circuit.admit().unwrap().succeeded(), Some(Seen::Closed));
    }
}
