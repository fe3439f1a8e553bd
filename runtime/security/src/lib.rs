//! Who is asking: credentials of a request against a security definition, as pure functions.
//!
//! It opens nothing, looks nothing up and keeps no state: a channel holds its prepared [`Definition`] and calls
//! [`verify`] for each request. Users and tokens of the public API are checked elsewhere, since they need the ODB. Start
//! with [`basic`]; a further kind of definition is one more variant of [`Definition`] and one more file.

use std::sync::Arc;

use busker_model::{Fault, Principal};

pub mod basic;

pub use basic::{BasicAuthSettings, PreparedBasic};

/// A security definition made ready for requests.
#[derive(Debug, Clone)]
pub enum Definition {
    /// HTTP Basic Auth.
    BasicAuth(PreparedBasic),
}

/// What a request shows of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// Value of the `Authorization` header as received; a request with two of them has none.
    pub authorization: Option<&'a [u8]>,
}

/// Finds out who is asking.
///
/// # Errors
/// `Unauthenticated` with the realm to challenge with. Its code is `credentials-missing` or `credentials-wrong`; nothing
/// tells which part was wrong.
pub fn verify(
    definition: &Definition,
    credentials: Credentials<'_>,
) -> Result<Arc<Principal>, Fault> {
    match definition {
        Definition::BasicAuth(basic) => basic.verify(credentials.authorization),
    }
}
