//! How anything fails: one class for every error that crosses a border, its side, and its retry verdict.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::invocation::LocalCall;
use crate::object::Violation;

/// What kind of failure it is. `runtime/pipeline/src/respond.rs` turns classes into protocol answers, nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// Bad input: 400.
    Invalid,
    /// No or wrong credentials: 401.
    Unauthenticated,
    /// Known caller without the right: 403.
    Forbidden,
    /// No such path, service or object: 404.
    NotFound,
    /// The state does not allow it (name taken, in use, stale revision): 409.
    Conflict,
    /// Body, head or answer over its limit: 413.
    TooLarge,
    /// Full: 503 with Retry-After, or 429 for a rate limit.
    Busy,
    /// Deadline passed: 504.
    Timeout,
    /// Something needed is away: 502 when it is a remote, 503 when it is ours.
    Unavailable,
    /// A bug of the service or of ours: 500.
    Internal,
}

impl ErrorClass {
    /// All classes.
    pub const ALL: [Self; 10] = [
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::TooLarge,
        Self::Busy,
        Self::Timeout,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The word used in answers, metrics and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The caller's.
    Caller,
    /// Ours: the node or the service.
    Us,
    /// The remote system's that was called.
    Remote,
}

/// A failure as a value. Small enough to return everywhere; the rare parts are boxed.
#[derive(Clone, PartialEq)]
pub struct Fault {
    /// Class.
    pub class: ErrorClass,
    /// Side.
    pub side: Side,
    /// Whether the same call may succeed later without a change.
    pub retry: bool,
    /// What the caller may read: names the field and the remedy, never a secret, a path or a traceback.
    pub message: Box<str>,
    /// What only the operator sees, and structured parts.
    pub detail: Option<Box<Detail>>,
    /// Where it was made.
    pub place: Place,
}

/// A line of our sources. Faults that say the same are equal wherever they were made, so all places are.
#[derive(Debug, Clone, Copy)]
pub struct Place(pub &'static Location<'static>);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The rare parts of a [`Fault`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detail {
    /// Stable short code, such as `worker-lost` or `missing-service`.
    pub code: Option<&'static str>,
    /// Text for the log.
    pub operator: Option<String>,
    /// The exception behind it, with frames.
    pub exception: Option<Exception>,
    /// Every fault found in the input.
    pub violations: Vec<Violation>,
    /// Seconds after which a retry makes sense.
    pub retry_after_s: Option<u32>,
    /// Realm of the 401 challenge.
    pub realm: Option<String>,
    /// The whole 401 challenge, where it is not that of Basic Auth.
    pub challenge: Option<String>,
    /// HTTP status that the service chose for its error.
    pub status: Option<u16>,
    /// Nested calls that were made before it in the same worker process.
    pub local_calls: Vec<LocalCall>,
}

impl Fault {
    /// A fault with its usual side and retry verdict for the class.
    #[must_use]
    #[track_caller]
    pub fn new(class: ErrorClass, message: impl Into<Box<str>>) -> Self {
        let (side, retry) = match class {
            ErrorClass::Busy => (Side::Us, true),
            ErrorClass::Timeout | ErrorClass::Internal => (Side::Us, false),
            ErrorClass::Unavailable => (Side::Us, true),
            ErrorClass::Invalid
            | ErrorClass::Unauthenticated
            | ErrorClass::Forbidden
            | ErrorClass::NotFound
            | ErrorClass::Conflict
            | ErrorClass::TooLarge => (Side::Caller, false),
        };
        Self {
            class,
            side,
            retry,
            message: message.into(),
            detail: None,
            place: Place(Location::caller()),
        }
    }

    /// Bad input.
    #[must_use]
    #[track_caller]
    pub fn invalid(message: impl Into<Box<str>>) -> Self {
        Self::new(ErrorClass::Invalid, message)
    }

    /// Bad input in one or more fields; the message lists them all.
    #[must_use]
    #[track_caller]
    pub fn violations(violations: Vec<Violation>) -> Self {
        let text: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let mut fault = Self::invalid(text.join("; "));
        fault.detail_mut().violations = violations;
        fault
    }

    /// Nothing by that name.
    #[must_use]
    #[track_caller]
    pub fn not_found(message: impl Into<Box<str>>) -> Self {
        Self::new(ErrorClass::NotFound, message)
    }

    /// A bug of the service or of ours. The message must be fit for the caller; put the rest in [`Self::operator`].
    #[must_use]
    #[track_caller]
    pub fn internal(message: impl Into<Box<str>>) -> Self {
        Self::new(ErrorClass::Internal, message)
    }

    /// Full; try again after `retry_after_s` seconds.
    #[must_use]
    #[track_caller]
    pub fn busy(message: impl Into<Box<str>>, retry_after_s: u32) -> Self {
        let mut fault = Self::new(ErrorClass::Busy, message);
        fault.detail_mut().retry_after_s = Some(retry_after_s);
        fault
    }

    /// The deadline passed.
    #[must_use]
    #[track_caller]
    pub fn timeout(message: impl Into<Box<str>>) -> Self {
        Self::new(ErrorClass::Timeout, message)
    }

    /// The remote system failed or is away.
    #[must_use]
    #[track_caller]
    pub fn remote(class: ErrorClass, message: impl Into<Box<str>>) -> Self {
        let mut fault = Self::new(class, message);
        fault.side = Side::Remote;
        fault
    }

    /// Sets the stable code.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.detail_mut().code = Some(code);
        self
    }

    /// Adds text for the log only.
    #[must_use]
    pub fn operator(mut self, text: impl Into<String>) -> Self {
        self.detail_mut().operator = Some(text.into());
        self
    }

    /// Adds the exception behind it.
    #[must_use]
    pub fn exception(mut self, exception: Exception) -> Self {
        self.detail_mut().exception = Some(exception);
        self
    }

    /// Sets the retry verdict.
    #[must_use]
    pub fn retry(mut self, retry: bool) -> Self {
        self.retry = retry;
        self
    }

    /// The rare parts, made when first asked for.
    pub fn detail_mut(&mut self) -> &mut Detail {
        self.detail.get_or_insert_with(Box::default)
    }

    /// The traceback of the exception behind it, on lines of its own for a log; empty when there is none.
    #[must_use]
    pub fn traceback(&self) -> String {
        let detail = self.detail.as_ref();
        let exception = detail.and_then(|detail| detail.exception.as_ref());
        exception.map_or_else(String::new, |exception| format!("\n{exception}"))
    }

    /// The stable code, if it has one.
    #[must_use]
    pub fn code_str(&self) -> Option<&'static str> {
        self.detail.as_ref().and_then(|detail| detail.code)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?}): {}", self.class, self.side, self.message)?;
        if let Some(text) = self
            .detail
            .as_ref()
            .and_then(|detail| detail.operator.as_ref())
        {
            write!(f, " [{text}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// An exception of a service, in a form that every language can rebuild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exception {
    /// Type, such as `ValueError` or a Rust type name.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its message.
    pub message: String,
    /// Frames, outermost first.
    #[serde(default)]
    pub frames: Vec<SourceFrame>,
    /// What caused it.
    #[serde(default)]
    pub cause: Option<Box<Exception>>,
    /// Service it was raised in.
    #[serde(default)]
    pub service: Option<String>,
}

/// One line of a traceback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceFrame {
    /// File.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Function.
    pub function: String,
    /// The source line, trimmed; empty when not known.
    #[serde(default)]
    pub source: String,
}

impl fmt::Display for Exception {
    /// The shape of a Python traceback, cause first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cause) = &self.cause {
            writeln!(
                f,
                "{cause}\nThe above exception was the direct cause of the following exception:\n"
            )?;
        }
        writeln!(f, "Traceback (most recent call last):")?;
        for frame in &self.frames {
            writeln!(
                f,
                "  File \"{}\", line {}, in {}",
                frame.file, frame.line, frame.function
            )?;
            if !frame.source.is_empty() {
                writeln!(f, "    {}", frame.source)?;
            }
        }
        write!(f, "{}: {}", self.kind, self.message)
    }
}
