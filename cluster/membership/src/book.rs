//! The sessions of a node as `ractor_cluster` tells them: who is at the other end, since when, and whether it is ready.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use busker_kit::clock;
use busker_kit::ractor::{ActorId, ActorRef};
use parking_lot::Mutex;
use ractor_cluster::node::NodeServerSessionInformation;
use ractor_cluster::{NodeEventSubscription, NodeSessionMessage};
use tokio::sync::Notify;

use crate::member::MemberId;

/// One session.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) actor: ActorRef<NodeSessionMessage>,
    /// Who introduced himself at the other end.
    pub(crate) peer: MemberId,
    pub(crate) opened: Instant,
    /// It has proved the cookie, and both sides know each other's actors.
    pub(crate) ready: bool,
}

#[derive(Debug, Default)]
struct Shared {
    rows: Mutex<HashMap<ActorId, Row>>,
    changed: Notify,
}

/// The book. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book(Arc<Shared>);

impl Book {
    /// What `ractor_cluster` writes with.
    pub(crate) fn keeper(&self) -> Keeper {
        Keeper(self.clone())
    }

    /// All sessions.
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.0.rows.lock().values().cloned().collect()
    }

    /// Peers with a session that is ready.
    pub(crate) fn ready(&self) -> Vec<MemberId> {
        let rows = self.0.rows.lock();
        let ready = rows.values().filter(|row| row.ready);
        ready.map(|row| row.peer.clone()).collect()
    }

    /// Resolves when something has changed.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Nothing is left of the sessions of a server that ended.
    pub(crate) fn clear(&self) {
        self.0.rows.lock().clear();
    }
}

/// Writes the book.
#[derive(Debug)]
pub(crate) struct Keeper(Book);

impl NodeEventSubscription for Keeper {
    fn node_session_opened(&self, session: NodeServerSessionInformation) {
        let Some(peer) = MemberId::parse(&session.peer_addr) else {
            // Whatever did not come over our own transport is none of ours.
            session.actor.kill();
            return;
        };
        let row = Row {
            peer,
            opened: clock::now(),
            ready: false,
            actor: session.actor.clone(),
        };
        let rows = &self.0.0.rows;
        rows.lock().insert(session.actor.get_id(), row);
        self.0.0.changed.notify_one();
    }

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        self.0.0.rows.lock().remove(&session.actor.get_id());
        self.0.0.changed.notify_one();
    }

    fn node_session_authenticated(&self, session: NodeServerSessionInformation) {
        let claimed = session.peer_name.map(|name| name.name);
        if claimed.as_deref() != Some(session.peer_addr.as_str()) {
            tracing::warn!(
                "a session of {} calls itself {claimed:?} and is ended",
                session.peer_addr
            );
            session.actor.kill();
        }
    }

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        if let Some(row) = self.0.0.rows.lock().get_mut(&session.actor.get_id()) {
            row.ready = true;
        }
        self.0.0.changed.notify_one();
    }
}
