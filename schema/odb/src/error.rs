//! How the operational database fails.

use busker_model::{ErrorClass, Fault, ObjectKey};

/// What went wrong. `Display` is fit for the caller; what only the operator may read is in `detail`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OdbError {
    /// The write itself is wrong: the message names the field.
    #[error("{0}")]
    Invalid(String),
    /// A name, number or unique key is taken; the message names by what.
    #[error("{0}")]
    Conflict(String),
    /// Nothing by that name.
    #[error("there is no {0}")]
    NotFound(String),
    /// Somebody else wrote in between.
    #[error("{what} is at revision {current}, not {expected}: read it again")]
    Stale {
        /// The object.
        what: String,
        /// Revision the caller expected.
        expected: i64,
        /// Revision it has.
        current: i64,
    },
    /// Others refer to it.
    #[error("{target} is used by {}", list(.users))]
    InUse {
        /// What was to be deleted.
        target: String,
        /// Who refers to it, at most [`crate::objects::USERS_SHOWN`].
        users: Vec<ObjectKey>,
    },
    /// Too many operations wait already; try again soon.
    #[error("the database has too many operations waiting: try again")]
    Busy,
    /// The database cannot be reached or does not answer.
    #[error("the operational database is not available")]
    Unavailable {
        /// For the log.
        detail: String,
    },
    /// What is stored is not what this version can read.
    #[error("stored data cannot be read")]
    Corrupt {
        /// For the log: table, column and what was found.
        detail: String,
    },
    /// A secret cannot be sealed or opened.
    #[error("a secret cannot be sealed or opened: {0}")]
    Vault(&'static str),
    /// The database refused a statement: a bug of ours, or a schema that is not migrated.
    #[error("the database refused the operation")]
    Refused {
        /// For the log.
        detail: String,
    },
}

/// What every operation of this crate returns.
pub type Result<T, E = OdbError> = std::result::Result<T, E>;

impl OdbError {
    /// Something that cannot be reached.
    pub(crate) fn unavailable(detail: impl ToString) -> Self {
        Self::Unavailable {
            detail: detail.to_string(),
        }
    }

    /// Something stored that cannot be read.
    pub(crate) fn corrupt(detail: impl ToString) -> Self {
        Self::Corrupt {
            detail: detail.to_string(),
        }
    }
}

fn list(users: &[ObjectKey]) -> String {
    let names: Vec<String> = users.iter().map(ToString::to_string).collect();
    names.join(", ")
}

impl From<OdbError> for Fault {
    fn from(error: OdbError) -> Self {
        let message = error.to_string();
        match error {
            OdbError::Invalid(_) => Self::invalid(message),
            OdbError::Conflict(_) => Self::new(ErrorClass::Conflict, message),
            OdbError::NotFound(_) => Self::not_found(message),
            OdbError::Stale { .. } => Self::new(ErrorClass::Conflict, message).code("stale"),
            OdbError::InUse { .. } => Self::new(ErrorClass::Conflict, message).code("in-use"),
            OdbError::Busy => Self::busy(message, 1),
            OdbError::Unavailable { detail } => Self::new(ErrorClass::Unavailable, message)
                .code("odb-unavailable")
                .operator(detail),
            OdbError::Corrupt { detail } => {
                Self::internal(message).code("odb-corrupt").operator(detail)
            }
            OdbError::Vault(_) => Self::internal(message).code("vault"),
            OdbError::Refused { detail } => {
                Self::internal(message).code("odb-refused").operator(detail)
            }
        }
    }
}
