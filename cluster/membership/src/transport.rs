//! The ways from node to node. Sessions do not know which one they run over.

use std::fmt;

use busker_model::{ErrorClass, Fault};
use futures::future::BoxFuture;

use crate::member::MemberId;
use crate::stream::BoxBytes;

pub(crate) mod hello;
mod pubsub;
mod tcp;

pub use pubsub::PubSubTransport;
pub use tcp::{TcpTransport, TlsPaths};

/// Whom to dial.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) id: MemberId,
    /// What the peer said about where it takes sessions.
    pub(crate) address: String,
}

/// Whether the other end may call itself by a name.
pub(crate) type MayBeCalled = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// A connection that was accepted, and the proof of who it may be.
pub(crate) struct Accepted {
    pub(crate) bytes: BoxBytes,
    pub(crate) may_be_called: MayBeCalled,
}

/// A connection that is being accepted: it makes its own way, so that a slow one holds up no other.
pub(crate) type Accepting = BoxFuture<'static, Result<Accepted, Fault>>;

/// Takes connections.
pub(crate) trait Listener: Send {
    /// The next connection.
    ///
    /// # Errors
    /// When none can come any more; the listener is then opened again.
    fn accept(&mut self) -> BoxFuture<'_, Result<Accepting, Fault>>;
}

/// A way from node to node.
pub(crate) trait Way: Send + Sync + fmt::Debug {
    /// What others are told about where this node takes sessions.
    fn address(&self) -> String;

    /// Opens the door.
    fn listen(&self) -> BoxFuture<'static, Result<Box<dyn Listener>, Fault>>;

    /// Reaches a peer, and makes sure that it is the one that was meant.
    fn dial(&self, to: Target) -> BoxFuture<'static, Result<BoxBytes, Fault>>;
}

/// A failure of the other side or of what lies between.
pub(crate) fn failed(what: impl fmt::Display, error: impl fmt::Display) -> Fault {
    Fault::remote(ErrorClass::Unavailable, format!("{what}: {error}"))
}
