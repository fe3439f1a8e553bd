//! How a connector fails: facts, from which the actor above decides what to do.

use std::fmt;

use busker_model::{ErrorClass, Fault, Side};

/// Whether the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would fail the same way.
    Never,
    /// The peer may have acted on it already.
    IfIdempotent,
    /// The peer has seen nothing of it.
    Always,
}

/// A failure of a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Class.
    pub class: ErrorClass,
    /// Whose failure it is.
    pub side: Side,
    /// Whether the same request may be sent again.
    pub retry: Retry,
    /// What the caller may read.
    pub message: Box<str>,
    /// Text for the log only.
    pub operator: Option<Box<str>>,
}

impl Failure {
    /// A failure of the peer.
    #[must_use]
    pub fn remote(class: ErrorClass, retry: Retry, message: impl Into<Box<str>>) -> Self {
        Self {
            class,
            side: Side::Remote,
            retry,
            message: message.into(),
            operator: None,
        }
    }

    /// A failure of our own: settings or limits of the connection.
    #[must_use]
    pub fn ours(class: ErrorClass, message: impl Into<Box<str>>) -> Self {
        Self {
            class,
            side: Side::Us,
            retry: Retry::Never,
            message: message.into(),
            operator: None,
        }
    }

    /// A request that cannot be sent as it is.
    #[must_use]
    pub fn invalid(message: impl Into<Box<str>>) -> Self {
        Self {
            class: ErrorClass::Invalid,
            side: Side::Caller,
            retry: Retry::Never,
            message: message.into(),
            operator: None,
        }
    }

    /// Adds text for the log only.
    #[must_use]
    pub fn operator(mut self, text: impl Into<Box<str>>) -> Self {
        self.operator = Some(text.into());
        self
    }

    /// Whether it says that the peer is away: this is what a circuit breaker counts.
    #[must_use]
    pub fn peer_is_away(&self) -> bool {
        self.side == Side::Remote
            && matches!(self.class, ErrorClass::Unavailable | ErrorClass::Timeout)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let mut fault =
            Self::new(failure.class, failure.message).retry(failure.retry != Retry::Never);
        fault.side = failure.side;
        match failure.operator {
            Some(text) => fault.operator(text),
            None => fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_peer_that_is_away_counts_for_the_breaker() {
        let remote = |class| Failure::remote(class, Retry::Never, "x").peer_is_away();
        assert!(remote(ErrorClass::Unavailable) && remote(ErrorClass::Timeout));
        assert!(!remote(ErrorClass::TooLarge));
        assert!(!Failure::ours(ErrorClass::Unavailable, "x").peer_is_away());
    }

    #[test]
    fn a_fault_keeps_side_verdict_and_the_text_for_the_log() {
        let failure = Failure::remote(ErrorClass::Unavailable, Retry::Always, "away");
        let fault = Fault::from(failure.operator("refused by 10.0.0.1"));
        assert_eq!(
            (fault.side, fault.retry, &*fault.message),
            (Side::Remote, true, "away")
        );
        assert!(format!("{fault:?}").contains("refused by 10.0.0.1"));
    }
}
