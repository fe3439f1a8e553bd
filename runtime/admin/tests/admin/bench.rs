//! A migrated SQLite database, and a node made of remembered calls.

use std::sync::Arc;
use std::time::Duration;

use busker_admin::ports::{
    AdminDeps, CallAnswer, DeployAnswer, Deployer, JobControl, LiveNode, NodeControl, NodeView,
    RedisCommands, ServiceCall, ServiceCaller, ServiceRow, TreeControl,
};
use busker_catalog::Catalog;
use busker_kit::{Tree, clock};
use busker_model::event::Event;
use busker_model::invocation::{ReplyBody, Role};
use busker_model::job::Verdict;
use busker_model::redis::RedisReply;
use busker_model::report::{ActorInfo, ActorPath};
use busker_model::{
    Cid, ErrorClass, Fault, Origin, Principal, Reply, Request, ServiceDefinition, ServiceName,
    Transport,
};
use busker_odb::{Odb, OdbConfig, PasswordCost, Passwords, Vault};
use busker_scheduler::Executed;
use busker_service::outgoing::{HttpAnswer, HttpCall, Ping};
use busker_service::ports::{AsyncOptions, NoDictionaries, NoKeyValue};
use busker_service::{BoxFuture, Context, Invoker, OutgoingHttp, Ports, Runner};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

mod mailbox;

pub(crate) use mailbox::DEAD;

/// Calls the node remembers.
const REMEMBERED: usize = 64;

/// What the node was asked to do.
#[derive(Debug)]
pub(crate) struct Node {
    asked: mpsc::Sender<String>,
    package: i64,
    /// Whether it is one of several.
    others: bool,
}

impl Node {
    fn remember(&self, what: String) {
        self.asked.try_send(what).unwrap();
    }

    fn answer(&self, name: &str) -> DeployAnswer {
        DeployAnswer {
            package: self.package,
            name: name.to_owned(),
            generation: 1,
            state: "active".to_owned(),
            services: vec!["stockmarket.get-market-cap".to_owned()],
        }
    }

    fn definitions(&self) -> Vec<ServiceDefinition> {
        let origin = Origin::Python {
            package: self.package,
            file: "stockmarket.py".to_owned(),
            pool: "default".to_owned(),
        };
        let name = |text| ServiceName::new(text).unwrap();
        let mut guarded = ServiceDefinition::new(name("vault.open"), "Vault", Origin::Rust);
        guarded.permission = Role::Admin;
        let market = name("stockmarket.get-market-cap");
        vec![
            ServiceDefinition::new(market, "stockmarket.GetMarketCap", origin),
            guarded,
        ]
    }
}

fn done<T: Send + 'static>(value: T) -> BoxFuture<'static, Result<T, Fault>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Deployer for Node {
    fn deploy(
        &self,
        name: String,
        bytes: Bytes,
        who: String,
    ) -> BoxFuture<'static, Result<DeployAnswer, Fault>> {
        self.remember(format!("deploy {name} {} bytes {who}", bytes.len()));
        done(self.answer(&name))
    }

    fn delete(&self, name: String, who: String) -> BoxFuture<'static, Result<DeployAnswer, Fault>> {
        self.remember(format!("delete {name} {who}"));
        done(self.answer("stockmarket.py"))
    }

    fn rollback(
        &self,
        name: String,
        to: Option<i64>,
        who: String,
    ) -> BoxFuture<'static, Result<DeployAnswer, Fault>> {
        self.remember(format!("rollback {name} {to:?} {who}"));
        done(self.answer(&name))
    }
}

impl NodeView for Node {
    fn name(&self) -> String {
        "node1".to_owned()
    }

    fn info(&self) -> Value {
        json!({"name": "node1", "version": "test"})
    }

    fn services(&self) -> Vec<ServiceRow> {
        let row = |definition| ServiceRow {
            definition: Arc::new(definition),
            active: true,
            state: "running".to_owned(),
            in_flight: 1,
            requests: 4,
            errors: 1,
            total_micros: 10_000,
            max_micros: 7_500,
        };
        self.definitions().into_iter().map(row).collect()
    }

    fn statistics(&self) -> Value {
        json!({"channels": {"crm": {"requests": 3}}, "outgoing": {}})
    }

    fn events(&self, _limit: usize) -> Vec<Event> {
        Vec::new()
    }

    fn role_holder(&self) -> Option<String> {
        Some("node1".to_owned())
    }

    fn position(&self) -> String {
        "boot-7".to_owned()
    }

    fn runs(&self, _revision: i64) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }

    fn roster(&self) -> Option<Vec<LiveNode>> {
        self.others.then(|| {
            let live = |name: &str, state: &str| LiveNode {
                name: name.to_owned(),
                incarnation: "2".to_owned(),
                state: state.to_owned(),
                revision: 7,
                suspected: false,
                connected: true,
                clock_ahead_ms: 0,
                in_flight: 0,
            };
            vec![live("node1", "running"), live("node2", "standby")]
        })
    }

    fn tree_of(
        &self,
        node: String,
        prefix: Option<String>,
        limit: usize,
    ) -> Option<BoxFuture<'static, Result<Vec<ActorInfo>, Fault>>> {
        self.others.then(|| {
            self.remember(format!("tree {node} {prefix:?} {limit}"));
            done(Vec::new())
        })
    }
}

impl NodeControl for Node {
    fn drain(&self) -> BoxFuture<'static, Result<(), Fault>> {
        self.remember("drain".to_owned());
        done(())
    }

    fn resume(&self) -> BoxFuture<'static, Result<(), Fault>> {
        self.remember("resume".to_owned());
        done(())
    }

    fn ask_other(
        &self,
        node: String,
        drains: bool,
    ) -> Option<BoxFuture<'static, Result<(), Fault>>> {
        self.others.then(|| {
            self.remember(format!("{node} drains: {drains}"));
            done(())
        })
    }

    fn ping_other(&self, node: String) -> Option<BoxFuture<'static, Result<Duration, Fault>>> {
        self.others.then(|| match node.as_str() {
            "node2" => done(Duration::from_micros(120)),
            _ => {
                let gone = Fault::remote(ErrorClass::Unavailable, "no session");
                Box::pin(std::future::ready(Err(gone))) as BoxFuture<'static, _>
            }
        })
    }
}

impl TreeControl for Node {
    fn restart(&self, path: ActorPath) -> BoxFuture<'static, Result<(), Fault>> {
        self.remember(format!("restart {path}"));
        done(())
    }

    fn stop(&self, path: ActorPath) -> BoxFuture<'static, Result<(), Fault>> {
        self.remember(format!("stop {path}"));
        done(())
    }
}

impl JobControl for Node {
    fn execute(&self, number: i64) -> BoxFuture<'static, Result<Executed, Fault>> {
        self.remember(format!("execute {number}"));
        done(Executed {
            cid: Some(Cid::from_u128(7)),
            due_ms: 1,
            verdict: Verdict::Fired,
            reason: String::new(),
        })
    }
}

impl RedisCommands for Node {
    fn execute(&self, words: Vec<String>) -> BoxFuture<'static, Result<RedisReply, Fault>> {
        self.remember(format!("redis {words:?}"));
        done(RedisReply::Text("OK".to_owned()))
    }
}

impl ServiceCaller for Node {
    fn call(&self, call: ServiceCall) -> BoxFuture<'static, Result<CallAnswer, Fault>> {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let (format, transport) = (call.data_format.as_str(), call.transport.as_str());
        self.remember(format!("call {} {format} {transport} {body}", call.service));
        done(CallAnswer {
            status: 200,
            content_type: "application/json".to_owned(),
            body: Bytes::from_static(b"{\"ok\":true}"),
        })
    }

    fn call_async(
        &self,
        call: ServiceCall,
        how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>> {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let (delay, key) = (how.delay.as_millis(), how.key.as_deref().unwrap_or("-"));
        let dated = how.deadline_ms.is_some();
        self.remember(format!(
            "later {} {body} {delay} {key} {dated} {:?}",
            call.service, how.delivery
        ));
        assert_eq!(how.parent.map(|parent| parent == call.cid), Some(false));
        done(Cid::from_u128(9))
    }
}

impl Invoker for Node {
    fn invoke(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        let fault = Fault::not_found(request.service.to_string());
        Box::pin(std::future::ready(Err(fault)))
    }

    fn invoke_async(
        &self,
        request: Request,
        _how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>> {
        done(request.cid)
    }

    fn definition(&self, service: &str) -> Option<Arc<ServiceDefinition>> {
        let mut all = self.definitions().into_iter();
        all.find(|one| one.name.as_str() == service).map(Arc::new)
    }

    fn names(&self) -> Vec<String> {
        self.definitions()
            .iter()
            .map(|one| one.name.to_string())
            .collect()
    }
}

impl OutgoingHttp for Node {
    fn send(
        &self,
        connection: &str,
        _transport: Transport,
        _call: HttpCall,
    ) -> BoxFuture<'static, Result<HttpAnswer, Fault>> {
        Box::pin(std::future::ready(Err(Fault::not_found(connection))))
    }

    fn ping(
        &self,
        connection: &str,
        transport: Transport,
    ) -> BoxFuture<'static, Result<Ping, Fault>> {
        self.remember(format!("ping {connection} {}", transport.as_str()));
        done(Ping {
            ok: false,
            ms: 3,
            message: "connection refused".to_owned(),
            class: Some(ErrorClass::Unavailable),
        })
    }
}

/// The services, and what they work on.
pub(crate) struct Bench {
    pub(crate) odb: Odb,
    pub(crate) tree: Tree,
    runners: Vec<Arc<dyn Runner>>,
    ports: Arc<Ports>,
    asked: mpsc::Receiver<String>,
    folder: tempfile::TempDir,
}

impl Bench {
    /// File with the keys of the vault.
    pub(crate) fn key_file(&self) -> std::path::PathBuf {
        self.folder.path().join("busker.key")
    }

    pub(crate) async fn new() -> Self {
        Self::with(Catalog::builtin(), 1).await
    }

    /// On a node that is one of two.
    pub(crate) async fn of_two() -> Self {
        Self::on(Catalog::builtin(), 1, true).await
    }

    pub(crate) async fn with(catalog: Catalog, package: i64) -> Self {
        Self::on(catalog, package, false).await
    }

    async fn on(catalog: Catalog, package: i64, others: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::create(&folder.path().join("busker.key")).unwrap();
        let config = OdbConfig::sqlite(folder.path().join("odb.db"));
        let odb = Odb::open(config).await.unwrap().with_vault(Arc::new(vault));
        odb.migrate().await.unwrap();
        let (sender, asked) = mpsc::channel(REMEMBERED);
        let node = Arc::new(Node {
            asked: sender,
            package,
            others,
        });
        let tree = Tree::new("node1");
        let deps = AdminDeps {
            catalog: Arc::new(catalog),
            odb: odb.clone(),
            passwords: Passwords::new(PasswordCost::Test).unwrap(),
            tree: tree.clone(),
            actors: node.clone(),
            deployer: node.clone(),
            node: node.clone(),
            control: node.clone(),
            caller: node.clone(),
            jobs: node.clone(),
            messages: node.clone(),
            redis: node.clone(),
        };
        let ports = Arc::new(Ports {
            invoker: node.clone(),
            http: node,
            key_value: Arc::new(NoKeyValue),
            dictionaries: Arc::new(NoDictionaries),
            cluster: "test".into(),
            node: "node1".into(),
        });
        Self {
            odb,
            tree,
            runners: busker_admin::services(deps).unwrap(),
            ports,
            asked,
            folder,
        }
    }

    /// Invokes a service with a body as it came.
    pub(crate) async fn send(
        &self,
        service: &str,
        role: Option<Role>,
        body: &str,
    ) -> Result<Value, Fault> {
        self.send_as(Principal::new("ann", role), service, body)
            .await
    }

    /// The same, by anyone.
    pub(crate) async fn send_as(
        &self,
        principal: Principal,
        service: &str,
        body: &str,
    ) -> Result<Value, Fault> {
        let runner = self
            .runners
            .iter()
            .find(|runner| runner.definition().name.as_str() == service)
            .unwrap_or_else(|| panic!("there is no {service}"));
        let deadline = clock::now() + Duration::from_secs(30);
        let name = runner.definition().name.clone();
        let mut request = Request::json(name, Bytes::from(body.to_owned()), deadline);
        request.principal = Some(Arc::new(principal));
        let context = Context::new(request, Arc::clone(&self.ports));
        match runner.run(context).await?.body {
            ReplyBody::Json(text) => Ok(serde_json::from_slice(&text).unwrap()),
            other @ (ReplyBody::Empty | ReplyBody::Raw(_)) => panic!("{service} answers {other:?}"),
        }
    }

    pub(crate) async fn as_role(
        &self,
        role: Role,
        service: &str,
        input: Value,
    ) -> Result<Value, Fault> {
        self.send(service, Some(role), &input.to_string()).await
    }

    /// As an admin, who may do it all.
    pub(crate) async fn call(&self, service: &str, input: Value) -> Result<Value, Fault> {
        self.as_role(Role::Admin, service, input).await
    }

    /// The next thing the node was asked to do.
    pub(crate) fn asked(&mut self) -> Option<String> {
        self.asked.try_recv().ok()
    }

    pub(crate) fn runners(&self) -> &[Arc<dyn Runner>] {
        &self.runners
    }
}

/// The class of a refusal, and its message.
pub(crate) fn refusal(outcome: Result<Value, Fault>) -> (ErrorClass, String) {
    let fault = outcome.unwrap_err();
    (fault.class, fault.message.to_string())
}
