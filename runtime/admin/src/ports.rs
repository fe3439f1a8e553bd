//! What the admin services ask of the node. The node implements these traits; tests bring their own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_catalog::Catalog;
use busker_kit::Tree;
use busker_model::bus::{DeadLetter, DeadSummary, InvocationStatus, LedgerRow, Loss};
use busker_model::event::Event;
use busker_model::redis::RedisReply;
use busker_model::report::{ActorInfo, ActorPath};
use busker_model::{Cid, DataFormat, Fault, Principal, ServiceDefinition, ServiceName, Transport};
use busker_odb::{Odb, Passwords};
use busker_scheduler::Executed;
use busker_service::BoxFuture;
use busker_service::ports::AsyncOptions;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

/// Everything the admin services work with. Outgoing connections and other services come with each call's context.
#[derive(Debug, Clone)]
pub struct AdminDeps {
    /// The list of kinds.
    pub catalog: Arc<Catalog>,
    /// The operational database, with its vault.
    pub odb: Odb,
    /// Hashes passwords of users.
    pub passwords: Passwords,
    /// Actors of this node.
    pub tree: Tree,
    /// Starts actors again.
    pub actors: Arc<dyn TreeControl>,
    /// Deploys code.
    pub deployer: Arc<dyn Deployer>,
    /// What this node is and runs.
    pub node: Arc<dyn NodeView>,
    /// Drains and resumes this node.
    pub control: Arc<dyn NodeControl>,
    /// Invokes services as a channel would.
    pub caller: Arc<dyn ServiceCaller>,
    /// Runs jobs.
    pub jobs: Arc<dyn JobControl>,
    /// Asynchronous invocations.
    pub messages: Arc<dyn Messages>,
    /// Redis, for commands of people.
    pub redis: Arc<dyn RedisCommands>,
}

/// What came of a deploy, a rollback or an undeploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeployAnswer {
    /// Package.
    pub package: i64,
    /// File name.
    pub name: String,
    /// Generation of that name, from 1.
    pub generation: i64,
    /// State of the package: `active`, `replaced`, `withdrawn`.
    pub state: String,
    /// Services it defines.
    pub services: Vec<String>,
}

/// Deploys code: verify, store, load.
pub trait Deployer: Send + Sync + fmt::Debug {
    /// Deploys a file; errors name what is wrong with it, and nothing has changed then.
    fn deploy(
        &self,
        name: String,
        bytes: Bytes,
        who: String,
    ) -> BoxFuture<'static, Result<DeployAnswer, Fault>>;

    /// Undeploys the package that defines a service; `NotFound` when none does.
    fn delete(
        &self,
        service: String,
        who: String,
    ) -> BoxFuture<'static, Result<DeployAnswer, Fault>>;

    /// Makes an older package of a name run again: `to`, or the one before the active one.
    fn rollback(
        &self,
        name: String,
        to: Option<i64>,
        who: String,
    ) -> BoxFuture<'static, Result<DeployAnswer, Fault>>;
}

/// A service as it runs on this node, with its counters since boot.
#[derive(Debug, Clone)]
pub struct ServiceRow {
    /// What it is.
    pub definition: Arc<ServiceDefinition>,
    /// Whether it takes work.
    pub active: bool,
    /// `running`, or why it is not.
    pub state: String,
    /// Invocations running now.
    pub in_flight: u32,
    /// Invocations that ran.
    pub requests: u64,
    /// Of those, how many failed.
    pub errors: u64,
    /// Time they took in all, in microseconds.
    pub total_micros: u64,
    /// Longest, in microseconds.
    pub max_micros: u64,
}

/// A node of the cluster that is alive, as this one sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveNode {
    /// Name.
    pub name: String,
    /// Made anew at each boot.
    pub incarnation: String,
    /// `starting`, `running`, `standby`, `draining`, `failed`.
    pub state: String,
    /// Revision it runs.
    pub revision: i64,
    /// Whether it missed some beacons.
    pub suspected: bool,
    /// Whether there is a session with it.
    pub connected: bool,
    /// Milliseconds its clock is ahead of ours.
    pub clock_ahead_ms: i64,
    /// Requests it runs now.
    pub in_flight: u64,
}

/// What this node is and runs.
pub trait NodeView: Send + Sync + fmt::Debug {
    /// Name of the node.
    fn name(&self) -> String;

    /// Version, addresses, interpreter, workers, uptime: a JSON object.
    fn info(&self) -> Value;

    /// Services, sorted by name.
    fn services(&self) -> Vec<ServiceRow>;

    /// Counters of channels and outgoing connections: a JSON object with `channels` and `outgoing`.
    fn statistics(&self) -> Value;

    /// The latest events, newest last, at most `limit`.
    fn events(&self, limit: usize) -> Vec<Event>;

    /// Node that holds the singleton role, when one does.
    fn role_holder(&self) -> Option<String>;

    /// Where the stream of events is: the id of its newest frame.
    fn position(&self) -> String;

    /// Ends when this node runs that revision of the configuration, or a newer one.
    fn runs(&self, revision: i64) -> BoxFuture<'static, ()>;

    /// Why a channel may not be mounted on a path; `None` when it may.
    fn reserves(&self, _url_path: &str) -> Option<String> {
        None
    }

    /// The nodes that are alive, this one first; `None` on a node that is alone.
    fn roster(&self) -> Option<Vec<LiveNode>> {
        None
    }

    /// Actors of another node; `None` on a node that is alone.
    fn tree_of(
        &self,
        _node: String,
        _prefix: Option<String>,
        _limit: usize,
    ) -> Option<BoxFuture<'static, Result<Vec<ActorInfo>, Fault>>> {
        None
    }
}

/// Takes this node off traffic and puts it back.
pub trait NodeControl: Send + Sync + fmt::Debug {
    /// Stops taking new requests; configuration and deploys go on.
    fn drain(&self) -> BoxFuture<'static, Result<(), Fault>>;

    /// Takes requests again.
    fn resume(&self) -> BoxFuture<'static, Result<(), Fault>>;

    /// Has another node drained, or resumed; `None` on a node that is alone.
    fn ask_other(
        &self,
        _node: String,
        _drains: bool,
    ) -> Option<BoxFuture<'static, Result<(), Fault>>> {
        None
    }

    /// How long another node takes to answer; `None` on a node that is alone.
    fn ping_other(&self, _node: String) -> Option<BoxFuture<'static, Result<Duration, Fault>>> {
        None
    }
}

/// Acts on the jobs of this node.
pub trait JobControl: Send + Sync + fmt::Debug {
    /// Runs a job now, by its number; `Unavailable` when it is not up here.
    fn execute(&self, number: i64) -> BoxFuture<'static, Result<Executed, Fault>>;
}

/// The ledger of asynchronous invocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// One row per service and class, sorted.
    pub rows: Vec<LedgerRow>,
    /// Losses of the store.
    pub losses: Vec<Loss>,
    /// What keeps them: `sqlite` or `redis`.
    pub store: &'static str,
}

/// Dead letters of one page, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    /// How many there are in all.
    pub total: u64,
    /// Those of the page.
    pub letters: Vec<DeadSummary>,
}

/// Asynchronous invocations, wherever they are kept. `NotFound` for a dead letter that is none.
pub trait Messages: Send + Sync + fmt::Debug {
    /// Where one is; `None` when it is not known.
    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>, Fault>>;

    /// How many there were and where they are.
    fn ledger(&self) -> BoxFuture<'static, Result<Ledger, Fault>>;

    /// Dead letters, of one service or all, newest first.
    fn dead_list(
        &self,
        service: Option<ServiceName>,
        offset: u32,
        limit: u32,
    ) -> BoxFuture<'static, Result<DeadLetters, Fault>>;

    /// One dead letter.
    fn dead_get(&self, cid: Cid) -> BoxFuture<'static, Result<DeadLetter, Fault>>;

    /// Gives a dead letter another payload.
    fn dead_edit(&self, cid: Cid, payload: Bytes) -> BoxFuture<'static, Result<(), Fault>>;

    /// Makes a dead letter an invocation again.
    fn dead_replay(&self, cid: Cid) -> BoxFuture<'static, Result<(), Fault>>;

    /// Lets a dead letter go.
    fn dead_discard(&self, cid: Cid) -> BoxFuture<'static, Result<(), Fault>>;
}

/// Runs commands of people on the Redis of this node.
pub trait RedisCommands: Send + Sync + fmt::Debug {
    /// Runs one, which is allowed; `Unavailable` names the setting when this node has no Redis.
    fn execute(&self, words: Vec<String>) -> BoxFuture<'static, Result<RedisReply, Fault>>;
}

/// Acts on single actors.
pub trait TreeControl: Send + Sync + fmt::Debug {
    /// Stops an actor and starts it again, a parked one too; `NotFound`, or `Conflict` when it cannot be.
    fn restart(&self, path: ActorPath) -> BoxFuture<'static, Result<(), Fault>>;

    /// Stops an actor and leaves it stopped; `NotFound`, or `Conflict` when it cannot be reached.
    fn stop(&self, path: ActorPath) -> BoxFuture<'static, Result<(), Fault>>;
}

/// An invocation of a service as if a channel had received it.
#[derive(Debug, Clone)]
pub struct ServiceCall {
    /// Service.
    pub service: ServiceName,
    /// Body as it would come over the wire.
    pub body: Bytes,
    /// How the body is read and the answer written.
    pub data_format: DataFormat,
    /// Envelope.
    pub transport: Transport,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Parameters, as a query would bring them.
    pub params: Vec<(String, String)>,
    /// cid of the request that asks.
    pub cid: Cid,
    /// Who asks.
    pub principal: Option<Arc<Principal>>,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
    /// Depth of the invocation; its bound is the caller's affair.
    pub depth: u8,
}

/// The answer as a channel would have sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAnswer {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub content_type: String,
    /// Body.
    pub body: Bytes,
}

/// Runs decode, invoke and encode as a channel does.
pub trait ServiceCaller: Send + Sync + fmt::Debug {
    /// Invokes a service. What the service fails with is an answer with its status; errors are for what never ran.
    fn call(&self, call: ServiceCall) -> BoxFuture<'static, Result<CallAnswer, Fault>>;

    /// Hands an invocation over to be run later, and answers its cid once it is kept.
    fn call_async(
        &self,
        call: ServiceCall,
        how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>>;
}
