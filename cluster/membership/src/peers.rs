//! Asking other nodes. What is asked and answered is operations and hints; nothing here is needed for a result to be
//! right.

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_kit::ractor::{ActorRef, pg};
use busker_kit::{Gate, GateSettings, Refused, ask, clock};
use busker_model::{ErrorClass, Fault};
use dashmap::DashMap;

use crate::book::Book;
use crate::gateway::{Answer, GatewayMessage, Question, SCOPE};
use crate::limits::{ANSWER_TIMEOUT, QUESTION_BYTES, QUESTIONS_TO_PEER};
use crate::member::MemberId;
use crate::members::Members;

/// The other nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Peers {
    members: Members,
    book: Book,
    /// How many questions are on their way to each: `ractor_cluster` would take any number.
    gates: Arc<DashMap<MemberId, Gate>>,
}

impl Peers {
    pub(crate) fn new(members: Members, book: Book) -> Self {
        Self {
            members,
            book,
            gates: Arc::default(),
        }
    }

    /// The roster.
    #[must_use]
    pub const fn members(&self) -> &Members {
        &self.members
    }

    /// Nodes with a session that is ready.
    #[must_use]
    pub fn connected(&self) -> Vec<MemberId> {
        self.book.ready()
    }

    /// Asks a node by its name, for at most [`ANSWER_TIMEOUT`].
    ///
    /// # Errors
    /// `NotFound` for a name that is not in the roster, `Unavailable` without a session, `Busy`, `Timeout`; else what the
    /// node refused it with.
    pub async fn ask(&self, node: &str, question: &Question) -> Result<Answer, Fault> {
        self.ask_within(node, question, ANSWER_TIMEOUT).await
    }

    /// The same, with a time of the caller's.
    ///
    /// # Errors
    /// As [`Peers::ask`].
    pub async fn ask_within(
        &self,
        node: &str,
        question: &Question,
        time: Duration,
    ) -> Result<Answer, Fault> {
        let peer = self.peer(node)?;
        let bytes = serde_json::to_vec(question)
            .map_err(|error| Fault::internal(format!("a question: {error}")))?;
        if bytes.len() > QUESTION_BYTES {
            let message = format!("a question to a peer is longer than {QUESTION_BYTES} bytes");
            return Err(Fault::new(ErrorClass::TooLarge, message));
        }
        let _permit = self
            .gate(&peer)
            .try_enter()
            .map_err(|refused| full(node, refused))?;
        let gateway = gateway(&peer).ok_or_else(|| {
            let message = format!("node: there is no session with {node:?} at the moment");
            Fault::new(ErrorClass::Unavailable, message).code("no-session")
        })?;
        let answered = ask(&gateway, time, |reply| GatewayMessage::Ask(bytes, reply)).await;
        let bytes = answered.map_err(|fault| {
            let message = format!("node {node:?} did not answer: {}", fault.message);
            Fault::remote(fault.class, message)
        })?;
        let answer = serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("node {node:?} gave an answer that this version does not know");
            Fault::remote(ErrorClass::Internal, message).operator(error.to_string())
        })?;
        match answer {
            Answer::Refused { class, message } => Err(Fault::remote(class, message)),
            answered @ (Answer::Done | Answer::Tree(_)) => Ok(answered),
        }
    }

    /// How long a question takes there and back.
    ///
    /// # Errors
    /// As [`Peers::ask`].
    pub async fn ping(&self, node: &str) -> Result<Duration, Fault> {
        let asked: Instant = clock::now();
        self.ask(node, &Question::Ping).await?;
        Ok(clock::now().duration_since(asked))
    }

    fn peer(&self, node: &str) -> Result<MemberId, Fault> {
        let view = self.members.view();
        let found = view.peers.into_iter().find(|peer| *peer.id.name == *node);
        found.map(|peer| peer.id).ok_or_else(|| {
            Fault::not_found(format!(
                "node: {node:?} is not in the roster; busker.cluster.get-roster has those that are"
            ))
        })
    }

    fn gate(&self, peer: &MemberId) -> Gate {
        // Boots that are over are forgotten when a new one is met.
        if !self.gates.contains_key(peer) {
            self.gates.retain(|known, _| known.name != peer.name);
        }
        let settings = GateSettings {
            max_concurrency: QUESTIONS_TO_PEER,
            max_waiting: 0,
        };
        let entry = self.gates.entry(peer.clone());
        entry.or_insert_with(|| Gate::new(settings)).clone()
    }
}

fn full(node: &str, refused: Refused) -> Fault {
    tracing::debug!(node, "a question is refused: {refused:?}");
    Fault::busy(
        format!(
            "node: {QUESTIONS_TO_PEER} questions to {node:?} wait for their answers, as many as may"
        ),
        1,
    )
}

/// The gateway of a peer, while there is a session with it.
fn gateway(peer: &MemberId) -> Option<ActorRef<GatewayMessage>> {
    let members = pg::get_scoped_members(&SCOPE.to_owned(), &peer.to_string());
    let mut remote = members.into_iter().filter(|cell| !cell.get_id().is_local());
    remote.next().map(ActorRef::from)
}
