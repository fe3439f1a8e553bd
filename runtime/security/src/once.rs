//! What may be used once in a whole cluster.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use busker_model::Fault;

/// Something that was shown and must not be shown again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Names it: a digest, so that nothing of the caller's is kept.
    pub id: String,
    /// Until when it is remembered, in Unix milliseconds.
    pub until_ms: i64,
}

/// Remembers, for all nodes, what was used.
pub trait NonceBook: Send + Sync + fmt::Debug {
    /// Takes it; `false` when somebody has taken it before.
    ///
    /// Errors: `Unavailable` when the book is away, `Busy` when it is full. The request is refused then as well: what cannot
    /// be shown to be new is not let in.
    fn claim(&self, once: Once) -> Pin<Box<dyn Future<Output = Result<bool, Fault>> + Send + '_>>;
}
