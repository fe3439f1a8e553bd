//! How the bus fails.

use busker_model::bus::EnvelopeError;
use busker_model::{Cid, ErrorClass, Fault, ServiceName};
use busker_odb::OdbError;

/// Seconds a refused publisher is told to wait.
const RETRY_AFTER_S: u32 = 1;

/// What went wrong. `Display` is fit for the caller; what only the operator may read is in `detail`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BusError {
    /// As many wait as may.
    #[error(
        "service {service} has {pending} asynchronous invocations pending, as many as it may: try again later"
    )]
    Busy {
        /// Service.
        service: ServiceName,
        /// Invocations pending.
        pending: u64,
    },
    /// What was handed over cannot be kept as it is.
    #[error("{0}")]
    Refused(Box<Fault>),
    /// The lease ran out and somebody else has the invocation, or has ended it.
    #[error("invocation {0} is not held by this lease any more")]
    NotHeld(Cid),
    /// No dead letter with that cid.
    #[error("cid: there is no dead letter {0}; busker.message.list-dead has those there are")]
    NotDead(Cid),
    /// The store cannot be reached or does not answer.
    #[error("the store of asynchronous invocations is not available")]
    Unavailable {
        /// For the log.
        detail: String,
    },
    /// What is stored is not what this version can read.
    #[error("a stored invocation cannot be read")]
    Corrupt {
        /// For the log.
        detail: String,
    },
}

/// What every operation of this crate returns.
pub type Result<T, E = BusError> = std::result::Result<T, E>;

impl BusError {
    pub(crate) fn unavailable(detail: impl ToString) -> Self {
        Self::Unavailable {
            detail: detail.to_string(),
        }
    }

    pub(crate) fn corrupt(detail: impl ToString) -> Self {
        Self::Corrupt {
            detail: detail.to_string(),
        }
    }

    /// Whether the store failed, rather than the operation being one it refuses: nothing of a transaction stands then.
    pub(crate) const fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Corrupt { .. })
    }
}

impl From<Fault> for BusError {
    fn from(fault: Fault) -> Self {
        Self::Refused(Box::new(fault))
    }
}

impl From<OdbError> for BusError {
    fn from(error: OdbError) -> Self {
        Self::unavailable(format!("the database: {:?}", Fault::from(error)))
    }
}

impl From<EnvelopeError> for BusError {
    fn from(error: EnvelopeError) -> Self {
        Self::corrupt(error)
    }
}

impl From<BusError> for Fault {
    fn from(error: BusError) -> Self {
        let message = error.to_string();
        match error {
            BusError::Busy { .. } => Self::busy(message, RETRY_AFTER_S).code("bus-full"),
            BusError::Refused(fault) => *fault,
            BusError::NotHeld(_) => Self::new(ErrorClass::Conflict, message).code("lease-lost"),
            BusError::NotDead(_) => Self::not_found(message),
            BusError::Unavailable { detail } => Self::new(ErrorClass::Unavailable, message)
                .code("bus-unavailable")
                .operator(detail),
            BusError::Corrupt { detail } => {
                Self::internal(message).code("bus-corrupt").operator(detail)
            }
        }
    }
}
