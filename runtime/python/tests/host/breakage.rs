//! Services that take their process down, or try to: who is told what, who notices nothing, and how fast it is back.

use std::time::Duration;

use busker_kit::clock;
use busker_model::{ErrorClass, Side};

use crate::support::{Node, text};

/// Longest time until a pool answers again after its only worker died. The usual one is under 150 ms.
const BACK: Duration = Duration::from_secs(3);

/// Ways to break a worker, one service each, and a neighbour in a pool of its own.
const BREAKING: &str = r"
import ctypes, os, signal, time
from zato.server.service import Service
class Segfault(Service):
    name = 'test.segfault'
    def handle(self):
        ctypes.string_at(0)
class Exit(Service):
    name = 'test.exit'
    def handle(self):
        os._exit(0)
class Kill(Service):
    name = 'test.kill'
    def handle(self):
        os.kill(os.getpid(), signal.SIGKILL)
class Abort(Service):
    name = 'test.abort'
    def handle(self):
        os.abort()
class Glutton(Service):
    name = 'test.glutton'
    def handle(self):
        return len(bytearray(64 << 30))
class KillZygote(Service):
    name = 'test.kill-zygote'
    def handle(self):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(10)
class Pid(Service):
    name = 'test.pid'
    def handle(self):
        self.response.payload = {'pid': os.getpid()}
class Neighbour(Pid):
    name = 'test.neighbour'
    class Busker:
        pool = 'reports'
class Alone(Pid):
    name = 'test.alone'
    class Busker:
        isolate = True
    def handle(self):
        if self.request.payload.get('die'):
            os._exit(9)
        super().handle()
class AskAlone(Service):
    name = 'test.ask-alone'
    def handle(self):
        self.response.payload = self.invoke('test.alone', {'die': False})
";

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_worker_is_named_replaced_and_noticed_by_nobody_else() {
    let cases = [
        ("test.segfault", "killed by SIGSEGV"),
        ("test.exit", "exited with code 0"),
        ("test.kill", "killed by SIGKILL"),
        ("test.abort", "killed by SIGABRT"),
    ];
    let node = Node::start(1).await;
    node.load(1, BREAKING).await;
    for (service, reason) in cases {
        let before = text(&node.call("test.pid", "{}").await.unwrap());
        let breaking = async {
            let started = clock::now();
            let fault = node.call(service, "{}").await.unwrap_err();
            let told = clock::now() - started;
            assert_eq!(
                (fault.class, fault.side),
                (ErrorClass::Unavailable, Side::Us),
                "{fault:?}"
            );
            assert_eq!(fault.code_str(), Some("worker-lost"), "{fault:?}");
            assert!(fault.message.contains(reason), "{service}: {fault:?}");
            let after = node.call_until_answered("test.pid", BACK).await;
            assert_ne!(text(&after), before, "{service}");
            let back = clock::now() - started;
            println!("{service}: told after {told:?}, back after {back:?}");
            assert!(told < BACK && back < BACK, "{told:?} {back:?}");
            fault
        };
        let fault = node.while_calling("test.neighbour", breaking).await;
        if service == "test.segfault" {
            let operator = fault.detail.unwrap().operator.unwrap();
            assert!(
                operator.contains("Fatal Python error: Segmentation fault"),
                "{operator}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_memory_than_may_be_is_an_error_of_the_service_and_its_worker_lives() {
    let node = Node::start(1).await;
    node.load(1, BREAKING).await;
    let before = text(&node.call("test.pid", "{}").await.unwrap());
    let glutton = node.call("test.glutton", "{}");
    let fault = node
        .while_calling("test.neighbour", glutton)
        .await
        .unwrap_err();
    assert_eq!(fault.class, ErrorClass::Internal, "{fault:?}");
    let exception = fault.detail.unwrap().exception.unwrap();
    assert_eq!(exception.kind, "MemoryError", "{exception:?}");
    assert_eq!(text(&node.call("test.pid", "{}").await.unwrap()), before);
}

/// Dies with the first request, and only then, while requests of both kinds are in flight.
const MORTAL: &str = r"
import os, signal, time
from zato.server.service import Service
def work(service):
    time.sleep(0.2)
    service.response.payload = {'pid': os.getpid()}
class Safe(Service):
    name = 'test.safe'
    class Busker:
        idempotent = True
    def handle(self):
        work(self)
class Unsafe(Service):
    name = 'test.unsafe'
    def handle(self):
        work(self)
class Pid(Service):
    name = 'test.pid'
    def handle(self):
        self.response.payload = {'pid': os.getpid()}
class Neighbour(Pid):
    name = 'test.neighbour'
    class Busker:
        pool = 'reports'
";

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_is_hidden_from_callers_of_idempotent_services() {
    let node = Node::start(1).await;
    node.load(1, MORTAL).await;
    let before: serde_json::Value =
        serde_json::from_str(&text(&node.call("test.pid", "{}").await.unwrap())).unwrap();
    let pid = i32::try_from(before["pid"].as_i64().unwrap()).unwrap();
    let killing = async {
        tokio::time::sleep(Duration::from_millis(80)).await;
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
    };
    let both = async {
        tokio::join!(
            node.call("test.safe", "{}"),
            node.call("test.unsafe", "{}"),
            killing
        )
    };
    let (safe, unsafe_, ()) = node.while_calling("test.neighbour", both).await;
    let again: serde_json::Value = serde_json::from_str(&text(&safe.unwrap())).unwrap();
    assert_ne!(again["pid"], before["pid"]);
    let fault = unsafe_.unwrap_err();
    assert_eq!(
        (fault.class, fault.code_str(), fault.retry),
        (ErrorClass::Unavailable, Some("worker-lost"), false),
        "{fault:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_zygote_comes_back_and_so_do_its_workers() {
    let node = Node::start(2).await;
    node.load(1, BREAKING).await;
    for _ in 0..2 {
        let started = clock::now();
        let fault = node.call("test.kill-zygote", "{}").await.unwrap_err();
        assert_eq!(
            (fault.class, fault.code_str()),
            (ErrorClass::Unavailable, Some("worker-lost")),
            "{fault:?}"
        );
        // Its workers die with it, which nobody but us can say.
        assert!(fault.message.contains("killed by SIGKILL"), "{fault:?}");
        for service in ["test.pid", "test.neighbour"] {
            node.call_until_answered(service, Duration::from_secs(8))
                .await;
        }
        node.until(|status| {
            status["host"]["state"] == "running"
                && status["workers"].as_array().map(Vec::len) == Some(5)
        })
        .await;
        println!("all workers back after {:?}", clock::now() - started);
    }
    // A new generation can be loaded by the new zygote.
    node.load(2, BREAKING).await;
    node.call("test.pid", "{}").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_service_shares_its_process_with_nobody() {
    let node = Node::start(1).await;
    node.load(1, BREAKING).await;
    let shared = text(&node.call("test.pid", "{}").await.unwrap());
    let alone = text(&node.call("test.alone", "{}").await.unwrap());
    assert_ne!(shared, alone);
    // Even when a service of another process asks: through the node, never inside the caller.
    let asked = text(&node.call("test.ask-alone", "{}").await.unwrap());
    assert_eq!(asked, alone);
    let paths = node.paths().await;
    assert!(
        paths
            .iter()
            .any(|path| path.ends_with("/isolated-test.alone/gen-1-worker-1")),
        "{paths:?}"
    );
    let dying = async {
        let fault = node
            .call("test.alone", r#"{"die":true}"#)
            .await
            .unwrap_err();
        assert_eq!(fault.code_str(), Some("worker-lost"), "{fault:?}");
        assert!(fault.message.contains("exited with code 9"), "{fault:?}");
        let back = text(&node.call_until_answered("test.alone", BACK).await);
        assert_ne!(back, alone);
    };
    node.while_calling("test.pid", dying).await;
    assert_eq!(text(&node.call("test.pid", "{}").await.unwrap()), shared);
}
