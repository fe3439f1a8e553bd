//! Whether this node takes traffic: one word, told to whoever asks or waits.

use tokio::sync::watch;

/// What a node says of itself on `/readyz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Boot is not over.
    Starting,
    /// It takes traffic.
    Ready,
    /// An operator took it off traffic; configuration and deploys go on.
    Standby,
    /// It finishes what it has and ends.
    Draining,
    /// Its tree gave up.
    Failed,
}

impl Readiness {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Standby => "standby",
            Self::Draining => "draining",
            Self::Failed => "failed",
        }
    }

    /// The word of a node's row, and of its beacon.
    pub(crate) const fn as_word(self) -> &'static str {
        match self {
            Self::Ready => "running",
            Self::Starting | Self::Standby | Self::Draining | Self::Failed => self.as_str(),
        }
    }
}

/// The word, shared by all that show or change it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Board(watch::Sender<Readiness>);

impl Default for Board {
    fn default() -> Self {
        Self(watch::Sender::new(Readiness::Starting))
    }
}

impl Board {
    pub(crate) fn get(&self) -> Readiness {
        *self.0.borrow()
    }

    pub(crate) fn set(&self, readiness: Readiness) {
        self.0.send_replace(readiness);
    }

    /// Changes it only from one of `from`; tells whether it did.
    pub(crate) fn change(&self, from: &[Readiness], to: Readiness) -> bool {
        self.0.send_if_modified(|now| {
            let may = from.contains(now);
            if may {
                *now = to;
            }
            may
        })
    }

    /// Changes whenever the word does.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Readiness> {
        self.0.subscribe()
    }

    /// Waits until the node is going down.
    pub(crate) async fn ending(&self) {
        let mut heard = self.0.subscribe();
        let ends = |now: &Readiness| matches!(now, Readiness::Draining | Readiness::Failed);
        // An error would mean that the board is gone, which this handle prevents.
        drop(heard.wait_for(ends).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_going_down_cannot_be_put_back() {
        let board = Board::default();
        board.set(Readiness::Draining);
        assert!(!board.change(&[Readiness::Standby], Readiness::Ready));
        assert_eq!(board.get(), Readiness::Draining);
    }
}
