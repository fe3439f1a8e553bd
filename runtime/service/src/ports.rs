//! The ports: what services, channels and the Python host ask of the node without knowing it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use busker_model::bus::{Envelope, InvocationStatus};
use busker_model::{Cid, Delivery, Fault, Reply, Request, ServiceDefinition, Transport};
use bytes::Bytes;

use crate::outgoing::{HttpAnswer, HttpCall, Ping};
use crate::record::Record;
use crate::runner::Runner;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Invokes services by name, wherever their code lives.
pub trait Invoker: Send + Sync + fmt::Debug {
    /// Runs a service now and waits for its answer, at most until the request's deadline.
    ///
    /// Errors: `NotFound` for an unknown service, `Busy` when it is full, `Forbidden` when it is inactive, or whatever
    /// the service fails with.
    fn invoke(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>>;

    /// Hands an invocation over to be run later and returns its cid. The service must exist.
    fn invoke_async(
        &self,
        request: Request,
        how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>>;

    /// The definition of a service that can be invoked now.
    fn definition(&self, service: &str) -> Option<Arc<ServiceDefinition>>;

    /// Names of all services, sorted.
    fn names(&self) -> Vec<String>;
}

/// How an asynchronous invocation is to be kept and when it is to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AsyncOptions {
    /// Delivery class; the service's own when not given.
    pub delivery: Option<Delivery>,
    /// Time to wait before it may start.
    pub delay: Duration,
    /// It starts no earlier, Unix milliseconds; the later of this and the delay counts.
    pub not_before_ms: Option<i64>,
    /// It is not started later, Unix milliseconds.
    pub deadline_ms: Option<i64>,
    /// Invocations of one service with the same key run one after another, in the order they were accepted.
    pub key: Option<String>,
    /// cid of the request that hands it over, when it has a cid of its own.
    pub parent: Option<Cid>,
}

/// Keeps asynchronous invocations until they have run.
pub trait Bus: Send + Sync + fmt::Debug {
    /// Keeps an invocation and then answers its cid. One that is kept already, or has run, is not kept twice.
    ///
    /// Errors: `Busy` when as many wait as may, `TooLarge`, `Invalid` for a wrong key, `Unavailable` when the store is
    /// away; nothing is kept then.
    fn publish(&self, envelope: Envelope) -> BoxFuture<'static, Result<Cid, Fault>>;

    /// Where an invocation is; `None` when the bus never had it or has forgotten it.
    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>, Fault>>;
}

/// Sends requests through outgoing HTTP connections by name.
pub trait OutgoingHttp: Send + Sync + fmt::Debug {
    /// Sends one request and reads the whole answer. A status of 4xx or 5xx is an answer, not an error.
    ///
    /// Errors: `NotFound` for an unknown connection, `Busy` when its bulkhead is full, `Unavailable` when the peer is
    /// away or the circuit is open, `Timeout` past the deadline, `TooLarge` for an answer over the cap.
    fn send(
        &self,
        connection: &str,
        transport: Transport,
        call: HttpCall,
    ) -> BoxFuture<'static, Result<HttpAnswer, Fault>>;

    /// Asks whether the peer is there. A dead peer is an answer with `ok: false`.
    fn ping(
        &self,
        connection: &str,
        transport: Transport,
    ) -> BoxFuture<'static, Result<Ping, Fault>>;
}

/// Commands to the key/value store.
pub trait KeyValue: Send + Sync + fmt::Debug {
    /// Runs one command, such as `["GET", "key"]`, and returns its reply as JSON.
    fn command(&self, words: Vec<String>) -> BoxFuture<'static, Result<serde_json::Value, Fault>>;
}

/// A value of one system, and the key of another it is asked for.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Term {
    /// System that has the value.
    pub system1: String,
    /// Its key.
    pub key1: String,
    /// The value.
    pub value1: String,
    /// System it is asked for.
    pub system2: String,
    /// Its key.
    pub key2: String,
}

/// The data dictionaries of the cluster.
pub trait Dictionaries: Send + Sync + fmt::Debug {
    /// What a value is called in another system; `None` when nobody said.
    ///
    /// Errors: `Unavailable` or `Busy` when it is not remembered and the database is away or full.
    fn translate(&self, term: Term) -> BoxFuture<'static, Result<Option<Arc<str>>, Fault>>;
}

/// Keeps invocations to be looked at.
pub trait Recorder: Send + Sync + fmt::Debug {
    /// Takes one in, without waiting; one that there is no room for is dropped and counted.
    fn record(&self, record: Record);
}

/// What a service may reach; one per node, shared by all its services.
#[derive(Debug, Clone)]
pub struct Ports {
    /// Other services.
    pub invoker: Arc<dyn Invoker>,
    /// Outgoing HTTP connections.
    pub http: Arc<dyn OutgoingHttp>,
    /// The key/value store.
    pub key_value: Arc<dyn KeyValue>,
    /// Data dictionaries.
    pub dictionaries: Arc<dyn Dictionaries>,
    /// Name of the cluster.
    pub cluster: Arc<str>,
    /// Name of the node.
    pub node: Arc<str>,
}

/// A key/value port for a node that has no store configured: every command fails with the remedy.
#[derive(Debug, Clone, Copy)]
pub struct NoKeyValue;

impl KeyValue for NoKeyValue {
    fn command(&self, _words: Vec<String>) -> BoxFuture<'static, Result<serde_json::Value, Fault>> {
        let fault = Fault::new(
            busker_model::ErrorClass::Unavailable,
            "the key/value store is not configured on this node; it arrives with the Redis connector",
        );
        Box::pin(std::future::ready(Err(fault
            .retry(false)
            .code("kv-not-configured"))))
    }
}

/// Data dictionaries without an entry, for a node without a database, as in tests.
#[derive(Debug, Clone, Copy)]
pub struct NoDictionaries;

impl Dictionaries for NoDictionaries {
    fn translate(&self, _term: Term) -> BoxFuture<'static, Result<Option<Arc<str>>, Fault>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// One file of a set of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFile {
    /// Package it belongs to; 0 for a static source.
    pub package: i64,
    /// Name of that package as deployed, such as `stockmarket.py` or `crm.zip`.
    pub package_name: String,
    /// Path inside the importable tree, such as `stockmarket.py` or `crm/api.py`.
    pub path: String,
    /// Contents.
    pub bytes: Bytes,
    /// Whether it is a static source of this node rather than a deployed package.
    pub is_static: bool,
}

/// All files one generation consists of.
pub type PackageSet = Vec<PackageFile>;

/// A generation that is loaded and ready to take requests.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its number.
    pub generation: u64,
    /// One runner per service.
    pub services: Vec<Arc<dyn Runner>>,
}

/// Why a set of packages was not accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// Package at fault; `None` when it cannot be said.
    pub package: Option<i64>,
    /// File at fault.
    pub file: Option<String>,
    /// The failure; its exception carries the traceback.
    pub fault: Fault,
}

/// A host of service code: it verifies, loads and retires whole generations.
pub trait Engine: Send + Sync + fmt::Debug {
    /// Name, such as `python`.
    fn name(&self) -> &'static str;

    /// File endings it takes, such as `["py", "zip"]`.
    fn endings(&self) -> &'static [&'static str];

    /// Imports a set in a throw-away process and says which services it defines. Serving code is not touched.
    fn verify(
        &self,
        files: PackageSet,
    ) -> BoxFuture<'static, Result<Vec<ServiceDefinition>, Rejected>>;

    /// Loads a set as a new generation beside the one that serves. It serves nothing until its runners are used.
    fn load(
        &self,
        generation: u64,
        files: PackageSet,
    ) -> BoxFuture<'static, Result<Loaded, Rejected>>;

    /// Lets a generation finish what it has, at most for `grace`, then ends it.
    fn retire(&self, generation: u64, grace: Duration) -> BoxFuture<'static, ()>;

    /// One line of state for `info`: interpreter, version, workers; or what is missing and the remedy.
    fn status(&self) -> serde_json::Value;
}
