//! A node with services that fail, and two neighbours under a steady low load that must not notice.

use std::time::Duration;

use busker_integration_tests::{Answer, Environment, Feed, Load, until};
use serde_json::{Value, json};

/// One Python worker in each pool, so that it is known who shares a worker with whom.
pub(crate) const ONE_WORKER: &str = "[python]\nworkers = 1";
/// Timeout of the channels of services that fail, in milliseconds.
pub(crate) const TIMEOUT_MS: u64 = 3_000;
/// Longest time until a service that failed answers again.
pub(crate) const BACK_WITHIN: Duration = Duration::from_secs(30);
/// Payload with which the services that fail do not.
pub(crate) const CALM: &str = "calm";
/// Callers of each neighbour, and the time each waits between two requests.
const CALLERS: usize = 2;
const PAUSE: Duration = Duration::from_millis(40);

/// The node, its event stream, and the loads on a Rust service and on a Python service of another pool.
pub(crate) struct Yard {
    pub(crate) environment: Environment,
    pub(crate) feed: Feed,
    rust: Load,
    python: Load,
}

impl Yard {
    /// Starts all of it.
    pub(crate) async fn start() -> Self {
        Self::over(Environment::start_with(ONE_WORKER).await).await
    }

    /// The same on a node that runs.
    pub(crate) async fn over(environment: Environment) -> Self {
        let calm = include_str!("calm.py");
        environment.deploy("calm.py", calm).await;
        environment
            .deploy("faults.py", include_str!("faults.py"))
            .await;
        let echo = json!({"url_path": "/neighbours/rust", "service": "samples.echo"});
        environment.add_channel("rust-neighbour", echo).await;
        let python = json!({"url_path": "/neighbours/python", "service": "calm.neighbour"});
        environment.add_channel("python-neighbour", python).await;
        let load = |path: &str, body: &str| Load::start(&environment, (path, body), CALLERS, PAUSE);
        Self {
            rust: load("/neighbours/rust", r#"{"text": "all is well"}"#),
            python: load("/neighbours/python", ""),
            feed: Feed::open(&environment).await,
            environment,
        }
    }

    /// A channel for a service that fails; answers its path.
    pub(crate) async fn expose(&self, service: &str) -> String {
        let path = format!("/{service}");
        let settings = json!({"url_path": path, "service": service, "data_format": "raw", "timeout_ms": TIMEOUT_MS});
        self.environment.add_channel(service, settings).await;
        path
    }

    /// Waits until a service works again.
    pub(crate) async fn is_back(&self, path: &str) {
        until(&format!("{path} to be back"), BACK_WITHIN, || async {
            let answer = self.environment.post(path, CALM).await;
            (answer.status == 200 && answer.body == CALM).then_some(())
        })
        .await;
    }

    /// The first report that names all of these words, which the API and the event stream must both have.
    pub(crate) async fn report(&self, kind: &str, path: &str, cid: &str) -> Value {
        let wanted = |report: &Value| {
            let text = |field: &str| report[field].as_str().unwrap_or_default();
            text("kind") == kind && text("path").starts_with(path) && text("cause").contains(cid)
        };
        let listed = until(&format!("{kind} of {path}"), BACK_WITHIN, || async {
            let list = self
                .environment
                .ok("busker.event.list", json!({"limit": 1000}))
                .await;
            list["reports"]
                .as_array()?
                .iter()
                .find(|one| wanted(one))
                .cloned()
        })
        .await;
        let streamed = until("the same on the stream", BACK_WITHIN, || async {
            self.feed.frames("tree").into_iter().find(|one| wanted(one))
        })
        .await;
        assert_eq!(listed, streamed);
        listed
    }

    /// The neighbours have noticed nothing.
    pub(crate) async fn end(mut self) {
        self.rust.end_unharmed().await;
        self.python.end_unharmed().await;
        assert!(self.environment.runs_by_program() || self.environment.pid().is_some());
    }
}

/// The status of a failure, which names its cid in body and head alike.
pub(crate) fn failed(answer: &Answer) -> (u16, Value) {
    let problem = answer.json();
    assert_eq!(problem["cid"], answer.header("x-busker-cid"), "{answer:?}");
    assert!(!answer.body.contains("Traceback"), "{answer:?}");
    (answer.status, problem)
}
