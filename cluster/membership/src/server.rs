//! `ractor_cluster`'s node server as a child of ours. Owns: the sessions, which are its children. Hears: what `ractor_cluster`
//! tells it, and new streams. Says: itself, so that those who make streams find it; what becomes of sessions, to the book.
//! Dies when: its library does (crash). Restart: permanent; all sessions end with it and are made anew.
//!
//! The library opens a listener of its own, without TLS deadlines and on an address that is not ours: it is closed before
//! anybody else hears of it, and its end is kept from the library, which would open it again.

use busker_kit::ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use busker_kit::{ChildSpec, Crash};
use ractor_cluster::node::{NodeConnectionMode, NodeServerState};
use ractor_cluster::{NodeServer, NodeServerMessage};
use tokio::sync::watch;

use crate::book::Book;
use crate::limits::FRAME_BYTES;
use crate::member::MemberId;
use crate::secret::ClusterKeys;

/// The server that is up.
pub(crate) type Found = watch::Sender<Option<ActorRef<NodeServerMessage>>>;

/// What a server works with.
#[derive(Debug, Clone)]
pub(crate) struct ServerParts {
    pub(crate) me: MemberId,
    pub(crate) keys: ClusterKeys,
    pub(crate) found: Found,
    pub(crate) book: Book,
}

pub(crate) fn spec(parts: &ServerParts) -> ChildSpec {
    let parts = parts.clone();
    ChildSpec::actor("server", "session-server", move |_seat| {
        let server = NodeServer::new(
            0,
            parts.keys.cookie().expose().to_owned(),
            parts.me.name.to_string(),
            parts.me.incarnation.to_string(),
            None,
            Some(NodeConnectionMode::Isolated),
        )
        .with_listen_addr(std::net::Ipv4Addr::LOCALHOST.into())
        .with_max_inbound_frame_size(FRAME_BYTES);
        (ServerActor(server), parts.clone())
    })
}

struct ServerActor(NodeServer);

struct ServerState {
    inner: NodeServerState,
    listener: ActorId,
}

impl Actor for ServerActor {
    type Msg = NodeServerMessage;
    type State = ServerState;
    type Arguments = ServerParts;

    async fn pre_start(
        &self,
        me: ActorRef<NodeServerMessage>,
        parts: ServerParts,
    ) -> Result<ServerState, ActorProcessingErr> {
        parts.book.clear();
        let inner = self.0.pre_start(me.clone(), ()).await?;
        let children = me.get_cell().get_children();
        let [listener] = children.as_slice() else {
            return Err(
                Crash::new("ractor_cluster starts other children than its listener").into(),
            );
        };
        let listener = listener.clone();
        listener.kill();
        me.cast(NodeServerMessage::SubscribeToEvents {
            id: "book".to_owned(),
            subscription: Box::new(parts.book.keeper()),
        })?;
        parts.found.send_replace(Some(me));
        Ok(ServerState {
            inner,
            listener: listener.get_id(),
        })
    }

    async fn handle(
        &self,
        me: ActorRef<NodeServerMessage>,
        message: NodeServerMessage,
        state: &mut ServerState,
    ) -> Result<(), ActorProcessingErr> {
        self.0.handle(me, message, &mut state.inner).await
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<NodeServerMessage>,
        event: SupervisionEvent,
        state: &mut ServerState,
    ) -> Result<(), ActorProcessingErr> {
        let ended = match &event {
            SupervisionEvent::ActorTerminated(cell, ..)
            | SupervisionEvent::ActorFailed(cell, _) => Some(cell.get_id()),
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => None,
        };
        if ended == Some(state.listener) {
            return Ok(());
        }
        self.0
            .handle_supervisor_evt(me, event, &mut state.inner)
            .await
    }
}
