//! The two ways to say no. Neither tells which part was wrong.

use busker_model::{ErrorClass, Fault};

/// Code of a fault for a request without credentials; it never counts towards a lock-out.
pub const MISSING: &str = "credentials-missing";
/// Code of a fault for a request with wrong credentials.
pub const WRONG: &str = "credentials-wrong";

/// Nothing was shown, or twice.
pub(crate) fn missing(message: impl Into<Box<str>>, challenge: &str) -> Fault {
    challenged(message, MISSING, challenge)
}

/// What was shown is not right.
pub(crate) fn wrong(challenge: &str) -> Fault {
    challenged("Credentials are not right", WRONG, challenge)
}

/// Who asks was right before, or will be: the credentials hold, but not for this request now.
pub(crate) fn no_longer(message: impl Into<Box<str>>, challenge: &str) -> Fault {
    challenged(message, WRONG, challenge)
}

fn challenged(message: impl Into<Box<str>>, code: &'static str, challenge: &str) -> Fault {
    let mut fault = Fault::new(ErrorClass::Unauthenticated, message).code(code);
    fault.detail_mut().challenge = Some(challenge.to_owned());
    fault
}
