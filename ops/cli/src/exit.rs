//! How a command ends: the one table of exit codes.

use std::fmt;
use std::process::ExitCode;

use busker_model::{ErrorClass, Fault};

/// Why a process ended, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok,
    Internal,
    Usage,
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    TooLarge,
    Busy,
    Timeout,
    Unavailable,
    Different,
    GaveUp,
}

impl Exit {
    /// All of them, as documented.
    const ALL: [Self; 14] = [
        Self::Ok,
        Self::Internal,
        Self::Usage,
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::TooLarge,
        Self::Busy,
        Self::Timeout,
        Self::Unavailable,
        Self::Different,
        Self::GaveUp,
    ];

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Unauthenticated => 4,
            Self::Forbidden => 5,
            Self::NotFound => 6,
            Self::Conflict => 7,
            Self::TooLarge => 8,
            Self::Busy => 9,
            Self::Timeout => 10,
            Self::Unavailable => 11,
            Self::Different => 12,
            Self::GaveUp => busker_node::EXIT_GAVE_UP,
        }
    }

    /// The exit of a process of ours that ended with this number.
    pub(crate) fn of_code(code: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|exit| i32::from(exit.code()) == code)
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Internal => "a bug of Busker or of a service; the log has the details",
            Self::Usage => "the command line is wrong, or asks for what this version cannot do",
            Self::Invalid => "an input or a configuration is wrong; the message names the field",
            Self::Unauthenticated => "no token, or one that is revoked",
            Self::Forbidden => "the token's role does not allow it",
            Self::NotFound => "no such environment, node, service, object or path",
            Self::Conflict => "the state does not allow it: name taken, in use, port taken",
            Self::TooLarge => "a payload or an answer is over its limit",
            Self::Busy => "full; try again later",
            Self::Timeout => "not done in time",
            Self::Unavailable => "a node, a database or a remote system is away",
            Self::Different => "what was to be compared is not the same",
            Self::GaveUp => "a node ended because its infrastructure kept failing",
        }
    }

    /// The table of `busker help exit-codes`.
    pub(crate) fn table() -> String {
        let rows = Self::ALL.map(|exit| format!("{:>3}  {}", exit.code(), exit.meaning()));
        rows.join("\n")
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<ErrorClass> for Exit {
    fn from(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Invalid => Self::Invalid,
            ErrorClass::Unauthenticated => Self::Unauthenticated,
            ErrorClass::Forbidden => Self::Forbidden,
            ErrorClass::NotFound => Self::NotFound,
            ErrorClass::Conflict => Self::Conflict,
            ErrorClass::TooLarge => Self::TooLarge,
            ErrorClass::Busy => Self::Busy,
            ErrorClass::Timeout => Self::Timeout,
            ErrorClass::Unavailable => Self::Unavailable,
            ErrorClass::Internal => Self::Internal,
        }
    }
}

/// A command that did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    /// The command line asks for what cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A file or folder that does not do as it should.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        let known = [
            (std::io::ErrorKind::NotFound, Exit::NotFound),
            (std::io::ErrorKind::PermissionDenied, Exit::Forbidden),
            (std::io::ErrorKind::AlreadyExists, Exit::Conflict),
        ];
        let found = known.iter().find(|(kind, _)| *kind == error.kind());
        let exit = found.map_or(Exit::Internal, |(_, exit)| *exit);
        Self::new(exit, format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Fault> for Failure {
    /// The person at the command line is the operator, so the part for operators is shown too.
    fn from(fault: Fault) -> Self {
        let detail = fault
            .detail
            .as_ref()
            .and_then(|detail| detail.operator.as_ref());
        let message = detail.map_or_else(
            || fault.message.to_string(),
            |detail| format!("{} ({detail})", fault.message),
        );
        Self::new(fault.class.into(), message)
    }
}

impl From<busker_odb::OdbError> for Failure {
    fn from(error: busker_odb::OdbError) -> Self {
        Fault::from(error).into()
    }
}

impl From<busker_node::ConfigError> for Failure {
    fn from(error: busker_node::ConfigError) -> Self {
        Self::new(Exit::Invalid, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_an_exit_code_of_its_own_and_the_table_has_them_all() {
        let mut codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes.len(), Exit::ALL.len());
        for class in ErrorClass::ALL {
            assert!(Exit::ALL.contains(&Exit::from(class)));
            assert_ne!(Exit::from(class), Exit::Ok);
        }
        assert_eq!(Exit::table().lines().count(), Exit::ALL.len());
        assert!(Exit::table().contains("\n 70  "));
    }
}
