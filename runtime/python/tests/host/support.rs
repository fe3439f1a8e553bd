//! A node as small as the host needs it: a tree, stub ports, and the runners of what was loaded last.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use busker_kit::{RootEnd, Supervisor, SupervisorSpec, Tree, clock};
use busker_model::invocation::ReplyBody;
use busker_model::report::ReportKind;
use busker_model::{
    Cid, ErrorClass, Fault, Reply, Request, ServiceDefinition, ServiceName, SupervisionReport,
    Transport,
};
use busker_python::{PythonConfig, PythonHost};
use busker_service::ports::{AsyncOptions, NoKeyValue};
use busker_service::{
    BoxFuture, Context, Engine, HttpAnswer, HttpCall, Invoker, OutgoingHttp, PackageFile, Ping,
    Ports, Runner,
};
use serde_json::json;

/// Interpreter to test with instead of the usual one.
const INTERPRETER: Option<&str> = option_env!("BUSKER_TEST_PYTHON");

pub(crate) struct Node {
    pub(crate) host: Arc<PythonHost>,
    tree: Tree,
    runners: busker_kit::Slot<Vec<Arc<dyn Runner>>>,
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
        let ports = Arc::new(Ports {
            invoker: Arc::new(StubInvoker),
            http: Arc::new(StubHttp),
            key_value: Arc::new(NoKeyValue),
            cluster: "test-cluster".into(),
            node: "test".into(),
        });
        let cell = Arc::new(OnceLock::new());
        cell.set(Arc::clone(&ports)).unwrap();
        let host = PythonHost::start(config, cell, root.0.clone())
            .await
            .unwrap();
        let runners = busker_kit::Slot::new(Vec::new());
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
        let runners = self.runners.load_full();
        let runner = runners
            .iter()
            .find(|runner| runner.definition().name.as_str() == service)
            .unwrap();
        let name = ServiceName::new(service).unwrap();
        let request = Request::json(name, payload.to_owned().into(), clock::now() + time);
        runner
            .run(Context::new(request, Arc::clone(&self.ports)))
            .await
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

#[derive(Debug)]
struct StubInvoker;

impl Invoker for StubInvoker {
    fn invoke(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
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

    fn definition(&self, _service: &str) -> Option<Arc<ServiceDefinition>> {
        None
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
