//! The time rows are stamped with.

/// Epoch milliseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "a stamp in a row, nothing is decided by it; the kit's clock is for actors"
)]
pub(crate) fn unix_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}
