//! A node as small as the host needs it: a tree, stub ports, and the runners of what was loaded last.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use busker_kit::{RootEnd, Supervisor, SupervisorSpec, Tree, clock};
use busker_model::invocation::ReplyBody;
use busker_model::report::ReportKind;
use busker_model::{
    Cid, ErrorClass, Fault, Reply, Request, ServiceDefinition, ServiceName, SupervisionReport,
    Transport,
};
use busker_python::{PythonConfig, PythonHost};
use busker_service::ports::{AsyncOptions, NoDictionaries, NoKeyValue};
use busker_service::{
    BoxFuture, Context, Engine, HttpAnswer, HttpCall, Invoker, OutgoingHttp, PackageFile, Ping,
    Ports, Runner,
};
use serde_json::json;

/// Interpreter to test with instead of the usual one.
const INTERPRETER: Option<&str> = option_env!("BUSKER_TEST_PYTHON");

/// What was loaded last.
type Runners = Arc<busker_kit::Slot<Vec<Arc<dyn Runner>>>>;

pub(crate) struct Node {
    pub(crate) host: Arc<PythonHost>,
    tree: Tree,
    runners: Runners,
    ports: Arc<Ports>,
    _root: (Supervisor, RootEnd),
    _data: tempfile::TempDir,
}

impl Node {
    pub(crate) async fn start(workers: usize) -> Self {
        Self::with(|config| {
            config.workers = workers;
            config.interpreter = INTERPRETER.map(Into::into);
        })
        .await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut PythonConfig)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let tree = Tree::new("test");
        let root = Supervisor::start_root(&tree, SupervisorSpec::new("python"))
            .await
            .unwrap();
        let mut config = PythonConfig::new(data.path().join("python"), "test");
        config.environment = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
        change(&mut config);
        let runners: Runners = Arc::new(busker_kit::Slot::new(Vec::new()));
        let invoker = Arc::new(StubInvoker {
            runners: Arc::clone(&runners),
            ports: OnceLock::new(),
        });
        let ports = Arc::new(Ports {
            invoker: Arc::<StubInvoker>::clone(&invoker),
            http: Arc::new(StubHttp),
            key_value: Arc::new(NoKeyValue),
            dictionaries: Arc::new(NoDictionaries),
            cluster: "test-cluster".into(),
            node: "test".into(),
        });
        invoker.ports.set(Arc::downgrade(&ports)).unwrap();
        let cell = Arc::new(OnceLock::new());
        cell.set(Arc::clone(&ports)).unwrap();
        let host = PythonHost::start(config, cell, root.0.clone())
            .await
            .unwrap();
        Self {
            host,
            tree,
            runners,
            ports,
            _root: root,
            _data: data,
        }
    }

    /// Loads one module as a generation and sends what follows to it.
    pub(crate) async fn load(&self, generation: u64, source: &str) {
        let name = format!("test{generation}.py");
        let loaded = self
            .host
            .load(generation, vec![package(&name, source, 1)])
            .await;
        self.runners.store(loaded.unwrap().services);
    }

    pub(crate) async fn call(&self, service: &str, payload: &str) -> Result<Reply, Fault> {
        self.call_within(service, payload, Duration::from_secs(10))
            .await
    }

    pub(crate) async fn call_within(
        &self,
        service: &str,
        payload: &str,
        time: Duration,
    ) -> Result<Reply, Fault> {
        let name = ServiceName::new(service).unwrap();
        let request = Request::json(name, payload.to_owned().into(), clock::now() + time);
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Reply, Fault> {
        let runner = self.runner(request.service.as_str());
        runner
            .run(Context::new(request, Arc::clone(&self.ports)))
            .await
    }

    /// Calls the service of a runner and lets go of it.
    pub(crate) async fn run(
        &self,
        runner: Arc<dyn Runner>,
        time: Duration,
    ) -> Result<Reply, Fault> {
        let name = runner.definition().name.clone();
        let request = Request::json(name, "{}".into(), clock::now() + time);
        runner
            .run(Context::new(request, Arc::clone(&self.ports)))
            .await
    }

    /// The runner of a service, as a caller takes it from the node's directory.
    pub(crate) fn runner(&self, service: &str) -> Arc<dyn Runner> {
        find(&self.runners, service).unwrap()
    }

    /// The same call again and again until it is answered, as clients do; at most for `time`.
    pub(crate) async fn call_until_answered(&self, service: &str, time: Duration) -> Reply {
        let end = clock::now() + time;
        loop {
            match self.call(service, "{}").await {
                Ok(reply) => return reply,
                Err(fault) => assert!(clock::now() < end, "{fault:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Calls a service every few milliseconds while something goes on. Each call must be answered.
    pub(crate) async fn while_calling<T>(
        &self,
        service: &str,
        something: impl Future<Output = T>,
    ) -> T {
        let (done, calls) = (AtomicBool::new(false), AtomicU32::new(0));
        let calling = async {
            while !done.load(Ordering::Acquire) {
                self.call(service, "{}").await.unwrap();
                calls.fetch_add(1, Ordering::AcqRel);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let something = async {
            let found = something.await;
            done.store(true, Ordering::Release);
            found
        };
        let ((), found) = tokio::join!(calling, something);
        assert!(calls.load(Ordering::Acquire) > 0);
        found
    }

    /// Waits until the status is as wanted, at most 5 s.
    pub(crate) async fn until(&self, wanted: impl Fn(&serde_json::Value) -> bool) {
        let end = clock::now() + Duration::from_secs(5);
        loop {
            let status = self.host.status();
            if wanted(&status) {
                return;
            }
            assert!(clock::now() < end, "{status}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The first report of a crash, waited for at most 5 s.
    pub(crate) async fn crash_report(&self) -> Arc<SupervisionReport> {
        let end = clock::now() + Duration::from_secs(5);
        loop {
            let found = self
                .tree
                .recent(1000)
                .into_iter()
                .find(|report| report.kind == ReportKind::Crashed);
            if let Some(report) = found {
                return report;
            }
            assert!(clock::now() < end, "no crash was reported");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Paths of all actors.
    pub(crate) async fn paths(&self) -> Vec<String> {
        // Children that were stopped leave the tree a moment later.
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.tree
            .snapshot(None, 1000)
            .iter()
            .map(|actor| actor.path.to_string())
            .collect()
    }
}

pub(crate) fn package(path: &str, source: &str, package: i64) -> PackageFile {
    PackageFile {
        package,
        package_name: path.to_owned(),
        path: path.to_owned(),
        bytes: source.to_owned().into(),
        is_static: false,
    }
}

pub(crate) fn text(reply: &Reply) -> String {
    match &reply.body {
        ReplyBody::Json(bytes) | ReplyBody::Raw(bytes) => {
            let value: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
            value.map_or_else(
                |_| String::from_utf8_lossy(bytes).into_owned(),
                |value| value.to_string(),
            )
        }
        ReplyBody::Empty => String::new(),
    }
}

fn find(runners: &Runners, service: &str) -> Option<Arc<dyn Runner>> {
    let runners = runners.load_full();
    let found = runners
        .iter()
        .find(|runner| runner.definition().name.as_str() == service);
    found.cloned()
}

/// Runs the services that are loaded, and answers for any other itself.
#[derive(Debug)]
struct StubInvoker {
    runners: Runners,
    ports: OnceLock<Weak<Ports>>,
}

impl Invoker for StubInvoker {
    fn invoke(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        if let Some(runner) = find(&self.runners, request.service.as_str()) {
            let ports = self.ports.get().and_then(Weak::upgrade).unwrap();
            return runner.run(Context::new(request, ports));
        }
        Box::pin(async move {
            let mut value: serde_json::Value = serde_json::from_slice(&request.raw).unwrap();
            value["service"] = json!(request.service.as_str());
            value["depth"] = json!(request.depth);
            Ok(Reply::json(value.to_string()))
        })
    }

    fn invoke_async(
        &self,
        _request: Request,
        _how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>> {
        Box::pin(async { Ok(Cid::from_u128(77)) })
    }

    fn definition(&self, service: &str) -> Option<Arc<ServiceDefinition>> {
        find(&self.runners, service).map(|runner| Arc::clone(runner.definition()))
    }

    fn names(&self) -> Vec<String> {
        vec!["stub.echo".to_owned()]
    }
}

struct StubHttp;

impl fmt::Debug for StubHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StubHttp")
    }
}

impl OutgoingHttp for StubHttp {
    fn send(
        &self,
        connection: &str,
        _transport: Transport,
        call: HttpCall,
    ) -> BoxFuture<'static, Result<HttpAnswer, Fault>> {
        if connection == "asleep" {
            // As actors/outgoing words it.
            let fault = Fault::new(
                ErrorClass::Unavailable,
                "outgoing connection \"asleep\" is inactive",
            );
            return Box::pin(async { Err(fault.retry(false).code("inactive")) });
        }
        if connection == "nowhere" {
            let fault = Fault::new(
                ErrorClass::NotFound,
                "there is no outgoing connection nowhere",
            );
            return Box::pin(async { Err(fault) });
        }
        let query: Vec<String> = call
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let text = format!("{} {connection} {body} {}", call.method, query.join("&"));
        Box::pin(async move {
            Ok(HttpAnswer {
                status: 201,
                headers: Vec::new(),
                body: text.into(),
            })
        })
    }

    fn ping(
        &self,
        _connection: &str,
        _transport: Transport,
    ) -> BoxFuture<'static, Result<Ping, Fault>> {
        Box::pin(async {
            Ok(Ping {
                ok: true,
                ms: 1,
                message: "pong".to_owned(),
                class: None,
            })
        })
    }
}
