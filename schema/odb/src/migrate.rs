//! The schema: `migrations/V<n>__<name>.sql`, forward only, one set for both databases.

use crate::error::OdbError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The migrations of this version of Busker.
pub(crate) fn runner() -> refinery::Runner {
    embedded::migrations::runner()
}

/// How many there are.
pub(crate) fn count() -> i64 {
    i64::try_from(runner().get_migrations().len()).unwrap_or(i64::MAX)
}

/// A migration that did not go through; what it did is rolled back.
#[expect(
    clippy::needless_pass_by_value,
    reason = "shaped for map_err, which hands the error over"
)]
pub(crate) fn failed(error: refinery::Error) -> OdbError {
    OdbError::Refused {
        detail: format!("migration: {error}"),
    }
}
