//! The gateway of a node: the only actor that others reach, and it has no name. Owns: the questions that wait. Hears:
//! questions of other nodes, as bytes. Says: answers, as bytes.
//! Dies when: its pump ended (crash, at the next question). Restart: permanent; peers find the new one by its group.

use std::fmt;
use std::sync::Arc;

use busker_kit::ractor::{self, Actor, ActorProcessingErr, ActorRef, RpcReplyPort, pg};
use busker_kit::{ChildSpec, Crash, Pump};
use busker_model::report::{ActorInfo, ActorPath};
use busker_model::{ErrorClass, Fault};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use ractor_cluster::RactorClusterMessage;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::limits::{ANSWER_BYTES, QUESTION_BYTES, QUESTIONS_AT_ONCE, QUESTIONS_WAITING};
use crate::member::MemberId;

/// Scope of the groups by which gateways are found.
pub(crate) const SCOPE: &str = "busker-gateways";

/// What a node is asked by another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Are you there?
    Ping,
    /// Actors at and below a path, at most so many.
    Tree {
        /// Path; everything without one.
        prefix: Option<String>,
        /// Most actors.
        limit: usize,
    },
    /// There is a configuration of that revision: a hint, what changed is read from the database.
    Hint(i64),
    /// Take no traffic.
    Drain,
    /// Take traffic again.
    Resume,
    /// Stop an actor and start it again.
    Restart(ActorPath),
    /// Stop an actor.
    Stop(ActorPath),
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is so, or it was done.
    Done,
    /// The actors that were asked for.
    Tree(Vec<ActorInfo>),
    /// It was refused.
    Refused {
        /// Class of the error.
        class: ErrorClass,
        /// What is wrong, fit for the caller.
        message: String,
    },
}

impl Answer {
    fn of(outcome: Result<Self, Fault>) -> Self {
        outcome.unwrap_or_else(|fault| Self::Refused {
            class: fault.class,
            message: fault.message.to_string(),
        })
    }
}

/// What a gateway asks of its node.
pub trait Host: Send + Sync + fmt::Debug {
    /// Answers a question of a peer.
    fn answer(&self, question: Question) -> BoxFuture<'static, Result<Answer, Fault>>;
}

/// What a gateway hears: bytes, which are read here, since ractor drops in silence what it cannot read.
#[derive(Debug, RactorClusterMessage)]
pub enum GatewayMessage {
    /// A [`Question`] and the way back for its [`Answer`], both in JSON.
    #[rpc]
    Ask(Vec<u8>, RpcReplyPort<Vec<u8>>),
}

/// The child spec of a gateway.
#[must_use]
pub fn spec(me: &MemberId, host: &Arc<dyn Host>) -> ChildSpec {
    let (me, host) = (me.clone(), Arc::clone(host));
    ChildSpec::actor("gateway", "gateway", move |_seat| {
        (GatewayActor, (me.clone(), Arc::clone(&host)))
    })
}

#[derive(Debug)]
struct GatewayActor;

type Waiting = (Vec<u8>, RpcReplyPort<Vec<u8>>);

#[derive(Debug)]
struct GatewayState {
    waiting: mpsc::Sender<Waiting>,
    desk: Pump,
}

impl Actor for GatewayActor {
    type Msg = GatewayMessage;
    type State = GatewayState;
    type Arguments = (MemberId, Arc<dyn Host>);

    async fn pre_start(
        &self,
        me: ActorRef<GatewayMessage>,
        (id, host): (MemberId, Arc<dyn Host>),
    ) -> Result<GatewayState, ActorProcessingErr> {
        let (waiting, queue) = mpsc::channel(QUESTIONS_WAITING);
        pg::join_scoped(SCOPE.to_owned(), id.to_string(), vec![me.get_cell()]);
        Ok(GatewayState {
            waiting,
            desk: Pump::spawn("gateway-desk", serve(queue, host)),
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<GatewayMessage>,
        message: GatewayMessage,
        state: &mut GatewayState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            GatewayMessage::Ask(bytes, reply) => state.ask(bytes, reply),
        }
    }
}

impl GatewayState {
    fn ask(&self, bytes: Vec<u8>, reply: RpcReplyPort<Vec<u8>>) -> Result<(), ActorProcessingErr> {
        if self.desk.is_finished() {
            return Err(Crash::new("its pump gateway-desk ended").into());
        }
        match self.waiting.try_send((bytes, reply)) {
            Ok(()) => {}
            Err(
                mpsc::error::TrySendError::Full((_, reply))
                | mpsc::error::TrySendError::Closed((_, reply)),
            ) => {
                let busy = Fault::busy("this node has as many questions of peers as it may", 1);
                send(reply, &Answer::of(Err(busy)));
            }
        }
        Ok(())
    }
}

async fn serve(mut queue: mpsc::Receiver<Waiting>, host: Arc<dyn Host>) {
    let mut at_work = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(()) = at_work.next() => {}
            next = queue.recv(), if at_work.len() < QUESTIONS_AT_ONCE => {
                let Some((bytes, reply)) = next else { return };
                at_work.push(answer(&host, bytes, reply));
            }
        }
    }
}

async fn answer(host: &Arc<dyn Host>, bytes: Vec<u8>, reply: RpcReplyPort<Vec<u8>>) {
    let outcome = match read(&bytes) {
        Ok(question) => host.answer(question).await,
        Err(fault) => Err(fault),
    };
    send(reply, &Answer::of(outcome));
}

fn read(bytes: &[u8]) -> Result<Question, Fault> {
    if bytes.len() > QUESTION_BYTES {
        let message = format!("a question to a peer may not be longer than {QUESTION_BYTES} bytes");
        return Err(Fault::new(ErrorClass::TooLarge, message));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        Fault::invalid(format!(
            "a question that this version does not know: {error}"
        ))
    })
}

/// Whoever asked may be gone.
fn send(reply: RpcReplyPort<Vec<u8>>, answer: &Answer) {
    let bytes = match serde_json::to_vec(answer) {
        Ok(bytes) if bytes.len() <= ANSWER_BYTES => bytes,
        Ok(_) => refusal("the answer is too large: ask for less, such as a part of the tree"),
        Err(_) => refusal("the answer has no form in JSON"),
    };
    if reply.send(bytes).is_err() {
        tracing::debug!("a peer gave up before it was answered");
    }
}

fn refusal(message: &str) -> Vec<u8> {
    let refused = Answer::Refused {
        class: ErrorClass::TooLarge,
        message: message.to_owned(),
    };
    serde_json::to_vec(&refused).unwrap_or_default()
}
