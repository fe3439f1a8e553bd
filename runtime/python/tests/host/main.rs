//! The host with a real interpreter and the real package: what services get, and what they cannot break.

mod breakage;
mod deploys;
mod nested;
mod stuck;
mod support;

use std::sync::Arc;
use std::time::Duration;

use busker_kit::clock;
use busker_model::invocation::ReplyBody;
use busker_model::{ErrorClass, Side};
use busker_service::Engine;
use futures::future::join_all;
use support::{Node, package, text};

const ECHO: &str = r"
from zato.server.service import Service
class Echo(Service):
    name = 'test.echo'
    def handle(self):
        self.response.payload = self.request.payload
";

#[tokio::test(flavor = "multi_thread")]
async fn a_service_answers_what_it_was_asked() {
    let node = Node::start(1).await;
    node.load(1, ECHO).await;
    let reply = node.call("test.echo", r#"{"a":[1,2.50]}"#).await.unwrap();
    assert_eq!(text(&reply), r#"{"a":[1,2.5]}"#.to_owned());
    let status = node.host.status();
    assert_eq!(status["host"]["state"], "running", "{status}");
    assert_eq!(status["workers"][0]["pool"], "default", "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_at_once_get_their_own_answers() {
    let node = Node::start(2).await;
    node.load(1, ECHO).await;
    let calls = (0..200).map(|number| {
        let node = &node;
        async move {
            (
                number,
                node.call("test.echo", &format!(r#"{{"n":{number}}}"#))
                    .await,
            )
        }
    });
    for (number, reply) in join_all(calls).await {
        let got: serde_json::Value = serde_json::from_str(&text(&reply.unwrap())).unwrap();
        assert_eq!(got["n"], number);
    }
}

const CRASHING: &str = r"
import os, time, signal
from zato.server.service import Service
class Kill(Service):
    name = 'test.kill'
    def handle(self):
        os.kill(os.getpid(), signal.SIGKILL)
class Exit(Service):
    name = 'test.exit'
    def handle(self):
        os._exit(3)
class Sleep(Service):
    name = 'test.sleep'
    def handle(self):
        time.sleep(0.3)
        self.response.payload = {'pid': os.getpid()}
class Pid(Service):
    name = 'test.pid'
    def handle(self):
        self.response.payload = {'pid': os.getpid()}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_fails_its_requests_at_once_and_is_replaced() {
    let node = Node::start(1).await;
    node.load(1, CRASHING).await;
    let started = clock::now();
    let (neighbour, killed) = tokio::join!(node.call("test.sleep", "{}"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.call("test.kill", "{}").await
    });
    for fault in [neighbour.unwrap_err(), killed.unwrap_err()] {
        assert_eq!(
            (fault.class, fault.side),
            (ErrorClass::Unavailable, Side::Us),
            "{fault:?}"
        );
        assert_eq!(fault.code_str(), Some("worker-lost"));
        assert!(fault.message.contains("SIGKILL"), "{fault:?}");
    }
    node.call("test.pid", "{}").await.unwrap();
    assert!(
        clock::now() - started < Duration::from_secs(2),
        "{:?}",
        clock::now() - started
    );
    let report = node.crash_report().await;
    assert!(
        report.path.as_str().ends_with("/default/gen-1-worker-1"),
        "{report:?}"
    );
    assert!(
        report
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("SIGKILL")),
        "{report:?}"
    );
    assert!(
        report
            .cause
            .as_deref()
            .is_some_and(|cause| cause.contains("test.kill (K")),
        "{report:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_exits_is_told_by_its_code() {
    let node = Node::start(1).await;
    node.load(1, CRASHING).await;
    let fault = node.call("test.exit", "{}").await.unwrap_err();
    assert!(fault.message.contains("exited with code 3"), "{fault:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_crashes_three_times_is_refused_and_others_go_on() {
    let node = Node::start(1).await;
    node.load(1, CRASHING).await;
    for _ in 0..3 {
        let fault = node.call("test.kill", "{}").await.unwrap_err();
        assert_eq!(fault.code_str(), Some("worker-lost"), "{fault:?}");
    }
    let fault = node.call("test.kill", "{}").await.unwrap_err();
    assert_eq!(
        (fault.class, fault.code_str()),
        (ErrorClass::Unavailable, Some("quarantined"))
    );
    node.call("test.pid", "{}").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_service_is_run_again_when_its_worker_dies() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("died");
    let source = r"
import os
from zato.server.service import Service
class Once(Service):
    name = 'test.once'
    class Busker:
        idempotent = True
    def handle(self):
        if not os.path.exists('MARKER'):
            open('MARKER', 'w').close()
            os._exit(1)
        self.response.payload = {'again': True}
";
    let node = Node::start(1).await;
    node.load(1, &source.replace("MARKER", &marker.display().to_string()))
        .await;
    assert_eq!(
        text(&node.call("test.once", "{}").await.unwrap()),
        r#"{"again":true}"#
    );
}

const SLOW: &str = r"
import os, time
from zato.server.service import Service
class Sleep(Service):
    name = 'test.sleep'
    def handle(self):
        time.sleep(1.0)
class Loop(Service):
    name = 'test.loop'
    def handle(self):
        while True:
            pass
class Pid(Service):
    name = 'test.pid'
    def handle(self):
        self.response.payload = {'pid': os.getpid()}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_holds_whatever_the_service_does() {
    let node = Node::start(1).await;
    node.load(1, SLOW).await;
    for service in ["test.sleep", "test.loop"] {
        let started = clock::now();
        let fault = node
            .call_within(service, "{}", Duration::from_millis(200))
            .await
            .unwrap_err();
        assert_eq!(fault.class, ErrorClass::Timeout, "{fault:?}");
        let took = clock::now() - started;
        assert!(
            took >= Duration::from_millis(200) && took < Duration::from_millis(400),
            "{took:?}"
        );
        node.call("test.pid", "{}").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_is_cut_without_a_loss_of_the_worker() {
    let node = Node::start(1).await;
    node.load(1, SLOW).await;
    let before = text(&node.call("test.pid", "{}").await.unwrap());
    node.call_within("test.loop", "{}", Duration::from_millis(100))
        .await
        .unwrap_err();
    node.until(|status| status["workers"][0]["in_flight"] == 0)
        .await;
    assert_eq!(text(&node.call("test.pid", "{}").await.unwrap()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_full_of_dead_requests_is_replaced() {
    let source = r"
import os, time
from zato.server.service import Service
class Stuck(Service):
    name = 'test.stuck'
    def handle(self):
        time.sleep(30)
class Pid(Service):
    name = 'test.pid'
    def handle(self):
        self.response.payload = {'pid': os.getpid()}
";
    let node = Node::start(1).await;
    node.load(1, source).await;
    let before = text(&node.call("test.pid", "{}").await.unwrap());
    let stuck = (0..10).map(|_| node.call_within("test.stuck", "{}", Duration::from_millis(100)));
    assert!(join_all(stuck).await.iter().all(Result::is_err));
    node.until(|status| status["workers"][0]["in_flight"] == 0)
        .await;
    assert_ne!(text(&node.call("test.pid", "{}").await.unwrap()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_keeps_its_frames_and_its_class() {
    let source = r"
from zato.server.service import Service
class Bad(Service):
    name = 'test.bad'
    def handle(self):
        self.deeper()
    def deeper(self):
        raise ValueError('the secret of the stack')
";
    let node = Node::start(1).await;
    node.load(1, source).await;
    let fault = node.call("test.bad", "{}").await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Internal);
    assert!(!fault.message.contains("secret"), "{fault:?}");
    let exception = fault.detail.unwrap().exception.unwrap();
    assert_eq!(
        (exception.kind.as_str(), exception.message.as_str()),
        ("ValueError", "the secret of the stack")
    );
    let last = exception.frames.last().unwrap();
    assert!(
        last.function.ends_with("deeper") && last.source.contains("raise ValueError"),
        "{last:?}"
    );
    assert!(last.file.ends_with("test1.py"), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_generation_finishes_what_it_has() {
    let node = Node::start(1).await;
    node.load(1, CRASHING).await;
    let old = node.call("test.sleep", "{}");
    let retired = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.load(2, CRASHING).await;
        node.host.retire(1, Duration::from_secs(5)).await;
    };
    let (old, ()) = tokio::join!(old, retired);
    old.unwrap();
    node.call("test.pid", "{}").await.unwrap();
    let status = node.host.status();
    assert_eq!(status["workers"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status["workers"][0]["generation"], 2);
    assert!(
        node.paths()
            .await
            .iter()
            .all(|path| !path.contains("gen-1-")),
        "{:?}",
        node.paths().await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn services_reach_the_node() {
    let source = r#"
from zato.server.service import Service
class Nested(Service):
    name = 'test.nested'
    def handle(self):
        answer = self.outgoing.plain_http.get('crm').conn.post(self.cid, 'ping?', params={'a': '1'})
        reply = self.invoke('stub.echo', {'x': 1})
        self.response.payload = {'status': answer.status_code, 'text': answer.text, 'reply': reply,
            'later': self.invoke_async('stub.later', {})}
class Missing(Service):
    name = 'test.missing'
    def handle(self):
        self.outgoing.plain_http.get('nowhere').conn.get(self.cid)
"#;
    let node = Node::start(1).await;
    node.load(1, source).await;
    let reply = node.call("test.nested", "{}").await.unwrap();
    let got: serde_json::Value = serde_json::from_str(&text(&reply)).unwrap();
    assert_eq!(got["status"], 201, "{got}");
    assert_eq!(got["text"], "POST crm ping? a=1", "{got}");
    assert_eq!(
        got["reply"],
        serde_json::json!({"x": 1, "service": "stub.echo", "depth": 1}),
        "{got}"
    );
    assert_eq!(got["later"], format!("K{:039}", 77), "{got}");
    let fault = node.call("test.missing", "{}").await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::NotFound, "{fault:?}");
    assert!(fault.message.contains("nowhere"), "{fault:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_publishes_what_a_package_defines() {
    let node = Node::start(1).await;
    let services = node
        .host
        .verify(vec![package("echo.py", ECHO, 7)])
        .await
        .unwrap();
    assert_eq!(services.len(), 1);
    assert_eq!(services[0].name.as_str(), "test.echo");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_package_is_refused_by_name_and_nothing_else_suffers() {
    let node = Node::start(1).await;
    node.load(1, ECHO).await;
    let cases = [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module_at_all\n", "no_such_module_at_all"),
        ("raise SystemExit(2)\n", "SystemExit"),
        ("import os\nos._exit(5)\n", "exited with code 5"),
    ];
    for (source, expected) in cases {
        let files = vec![package("good.py", ECHO, 1), package("bad.py", source, 2)];
        let rejected = node.host.verify(files).await.unwrap_err();
        assert_eq!(rejected.package, Some(2), "{rejected:?}");
        assert_eq!(rejected.file.as_deref(), Some("bad.py"), "{rejected:?}");
        assert!(rejected.fault.message.contains("bad.py"), "{rejected:?}");
        assert!(rejected.fault.message.contains(expected), "{rejected:?}");
        assert_eq!(rejected.fault.class, ErrorClass::Invalid, "{rejected:?}");
    }
    let rejected = node
        .host
        .load(2, vec![package("bad.py", "def broken(:\n", 2)])
        .await
        .unwrap_err();
    assert!(
        rejected.fault.message.contains("SyntaxError"),
        "{rejected:?}"
    );
    node.call("test.echo", "{}").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_hangs_is_given_up() {
    let node = Node::start(1).await;
    let started = clock::now();
    let files = vec![package("slow.py", "import time\ntime.sleep(60)\n", 3)];
    let rejected = node.host.verify(files).await.unwrap_err();
    assert_eq!(
        (rejected.package, rejected.file.as_deref()),
        (Some(3), Some("slow.py")),
        "{rejected:?}"
    );
    assert!(clock::now() - started < Duration::from_secs(12));
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_have_workers_of_their_own() {
    let source = r"
import os
from zato.server.service import Service
class Here(Service):
    name = 'test.here'
    def handle(self):
        self.response.payload = {'pid': os.getpid()}
class There(Service):
    name = 'test.there'
    class Busker:
        pool = 'reports'
    def handle(self):
        self.response.payload = {'pid': os.getpid()}
";
    let node = Node::start(1).await;
    node.load(1, source).await;
    let (here, there) = (
        node.call("test.here", "{}").await.unwrap(),
        node.call("test.there", "{}").await.unwrap(),
    );
    assert_ne!(text(&here), text(&there));
    let paths = node.paths().await;
    assert!(
        paths
            .iter()
            .any(|path| path.ends_with("/reports/gen-1-worker-1")),
        "{paths:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_interpreter_is_a_state_with_a_remedy() {
    let node = Node::with(|config| config.interpreter = Some("/nowhere/python3".into())).await;
    let rejected = node
        .host
        .verify(vec![package("echo.py", ECHO, 1)])
        .await
        .unwrap_err();
    assert_eq!(
        rejected.fault.code_str(),
        Some("python-missing"),
        "{rejected:?}"
    );
    let status = node.host.status();
    assert_eq!(status["host"]["state"], "python-missing", "{status}");
    assert!(
        status["host"]["remedy"]
            .as_str()
            .unwrap()
            .contains("[python] interpreter")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_and_empty_answers_keep_their_kind() {
    let source = r"
from zato.server.service import Service
class Raw(Service):
    name = 'test.raw'
    def handle(self):
        self.response.status_code = 202
        self.response.content_type = 'text/csv'
        self.response.payload = 'a,b'
class Nothing(Service):
    name = 'test.nothing'
    def handle(self):
        pass
";
    let node = Node::start(1).await;
    node.load(1, source).await;
    let raw = node.call("test.raw", "{}").await.unwrap();
    assert_eq!(
        (raw.status, raw.content_type.as_deref()),
        (Some(202), Some("text/csv"))
    );
    assert_eq!(raw.body, ReplyBody::Raw("a,b".into()));
    let nothing = node.call("test.nothing", "{}").await.unwrap();
    assert_eq!(nothing.body, ReplyBody::Empty);
    drop(Arc::clone(&node.host));
}
