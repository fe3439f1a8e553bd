//! The parts of membership put together: one supervisor, in the order in which they need each other.

use std::sync::Arc;

use busker_kit::{ChildSpec, OnExcess, Strategy, SupervisorSpec};
use busker_model::Fault;
use tokio::sync::watch;

use crate::book::Book;
use crate::gateway::{self, Host};
use crate::members::{self, MembersParts};
use crate::peers::Peers;
use crate::server::{self, ServerParts};
use crate::sessions::{self, SessionsParts};
use crate::transport::{PubSubTransport, TcpTransport, Way};

/// How nodes reach each other.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Over TCP.
    Tcp(TcpTransport),
    /// Over Redis.
    PubSub(PubSubTransport),
}

impl Transport {
    /// What others are told about where this node takes sessions.
    #[must_use]
    pub fn address(&self) -> String {
        self.way().address()
    }

    fn way(&self) -> Arc<dyn Way> {
        match self.clone() {
            Self::Tcp(tcp) => Arc::new(tcp),
            Self::PubSub(pubsub) => Arc::new(pubsub),
        }
    }
}

/// The sessions of a node and what they need.
#[derive(Debug, Clone)]
pub struct Cluster {
    transport: Transport,
    members: MembersParts,
    found: server::Found,
    book: Book,
}

impl Cluster {
    /// A cluster; nothing is started yet.
    #[must_use]
    pub fn new(members: MembersParts, transport: Transport) -> Self {
        Self {
            transport,
            members,
            found: watch::Sender::new(None),
            book: Book::default(),
        }
    }

    /// The other nodes.
    #[must_use]
    pub fn peers(&self) -> Peers {
        Peers::new(self.members.members.clone(), self.book.clone())
    }

    /// Makes sure that what this node would listen on can be opened, so that a port that is taken ends the boot. A Redis
    /// that is away does not.
    ///
    /// # Errors
    /// `Unavailable`, naming the field.
    pub async fn try_door(&self) -> Result<(), Fault> {
        match &self.transport {
            Transport::Tcp(tcp) => tcp.listen().await.map(drop),
            Transport::PubSub(_) => Ok(()),
        }
    }

    /// The supervisor of all of it, but for roles: a node contends for none before it has joined.
    #[must_use]
    pub fn spec(&self, host: &Arc<dyn Host>) -> ChildSpec {
        let spec = SupervisorSpec::new("cluster")
            .on_excess(OnExcess::Escalate)
            .child(members::spec(&self.members))
            .child(ChildSpec::supervisor(self.sessions(host)));
        ChildSpec::supervisor(spec)
    }

    /// A lost server takes its sessions along, and whoever feeds it must find the new one.
    fn sessions(&self, host: &Arc<dyn Host>) -> SupervisorSpec {
        let members = &self.members;
        let me = members.members.me();
        let server = ServerParts {
            me: me.clone(),
            keys: members.keys.clone(),
            found: self.found.clone(),
            book: self.book.clone(),
        };
        let porter = SessionsParts {
            members: members.members.clone(),
            cluster: members.redis.cluster.clone(),
            way: self.transport.way(),
            found: self.found.clone(),
            book: self.book.clone(),
        };
        SupervisorSpec::new("sessions")
            .strategy(Strategy::RestForOne)
            .on_excess(OnExcess::Escalate)
            .child(gateway::spec(me, host))
            .child(server::spec(&server))
            .child(sessions::spec(&porter))
    }
}
