//! Services that do not come back: the ladder from the deadline over the cancellations to the end of the process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use busker_kit::clock;
use busker_model::ErrorClass;

use crate::support::{Node, text};

/// Loops of three kinds, and a neighbour in a pool of its own.
const STUCK: &str = r"
import ctypes, os, time
from zato.server.service import Service
class Loop(Service):
    name = 'test.loop'
    def handle(self):
        while True:
            pass
class Stubborn(Service):
    name = 'test.stubborn'
    def handle(self):
        while True:
            try:
                while True:
                    pass
            except BaseException:
                continue
class Deaf(Service):
    name = 'test.deaf'
    def handle(self):
        ctypes.PyDLL(None).sleep(60)  # a call into C that does not let go of the interpreter
class Nap(Service):
    name = 'test.nap'
    def handle(self):
        time.sleep(1.0)
        self.response.payload = {'pid': os.getpid()}
class Hoard(Service):
    name = 'test.hoard'
    kept = []
    def handle(self):
        self.kept.append(bytearray(b'x') * (96 << 20))
        self.response.payload = {'pid': os.getpid()}
class Pid(Service):
    name = 'test.pid'
    def handle(self):
        self.response.payload = {'pid': os.getpid()}
class Neighbour(Pid):
    name = 'test.neighbour'
    class Busker:
        pool = 'reports'
";

const DEADLINE: Duration = Duration::from_millis(300);

/// Calls a service that does not come back. Its caller hears of the deadline when it passes, whatever the service does.
async fn expect_timeout(node: &Node, service: &str) {
    let started = clock::now();
    let fault = node.call_within(service, "{}", DEADLINE).await.unwrap_err();
    let took = clock::now() - started;
    assert_eq!(
        (fault.class, fault.code_str()),
        (ErrorClass::Timeout, Some("service-timeout")),
        "{fault:?}"
    );
    assert!(
        took >= DEADLINE && took < DEADLINE + Duration::from_millis(200),
        "{took:?}"
    );
}

async fn pid(node: &Node) -> String {
    text(&node.call("test.pid", "{}").await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_is_cancelled_and_its_worker_stays() {
    let node = Node::start(1).await;
    node.load(1, STUCK).await;
    let before = pid(&node).await;
    let looping = async {
        expect_timeout(&node, "test.loop").await;
        let started = clock::now();
        node.until(|status| status["workers"][0]["in_flight"] == 0)
            .await;
        println!("cut after {:?}", clock::now() - started);
    };
    node.while_calling("test.neighbour", looping).await;
    assert_eq!(pid(&node).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_swallows_its_cancellation_is_ended_with_its_worker() {
    let node = Node::start(1).await;
    node.load(1, STUCK).await;
    let before = pid(&node).await;
    let looping = async {
        expect_timeout(&node, "test.stubborn").await;
        let started = clock::now();
        // Until then its worker serves, beside the loop; and nothing is lost when it goes.
        while pid(&node).await == before {
            assert!(clock::now() - started < Duration::from_secs(15));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let took = clock::now() - started;
        println!("replaced after {took:?}");
        assert!(took > Duration::from_secs(9), "{took:?}");
    };
    node.while_calling("test.neighbour", looping).await;
    let report = node.crash_report().await;
    let reason = report.reason.as_deref().unwrap();
    assert!(
        reason.contains("a cancelled request still runs"),
        "{reason}"
    );
    assert!(
        report
            .cause
            .as_deref()
            .is_some_and(|cause| cause.contains("test.stubborn")),
        "{report:?}"
    );
}

/// One round with a service that keeps the interpreter to itself.
async fn hang(node: &Node) {
    let before = pid(node).await;
    let started = clock::now();
    expect_timeout(node, "test.deaf").await;
    // Callers that came after it cannot know whether the worker had begun with their requests: at most once.
    let lost = node.call("test.pid", "{}").await.unwrap_err();
    assert_eq!(
        (lost.class, lost.code_str()),
        (ErrorClass::Unavailable, Some("worker-lost")),
        "{lost:?}"
    );
    let after = node.call_until_answered("test.pid", DEADLINE).await;
    let took = clock::now() - started;
    assert_ne!(text(&after), before);
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_keeps_the_interpreter_is_ended_with_its_worker() {
    let node = Node::start(1).await;
    node.load(1, STUCK).await;
    let hanging = async {
        for _ in 0..3 {
            hang(&node).await;
        }
    };
    node.while_calling("test.neighbour", hanging).await;
    let report = node.crash_report().await;
    let reason = report.reason.as_deref().unwrap();
    assert!(reason.contains("no sign of life"), "{reason}");
    // Three times within a minute is enough; what was in flight beside it has done nothing wrong.
    let fault = node.call("test.deaf", "{}").await.unwrap_err();
    assert_eq!(fault.code_str(), Some("quarantined"), "{fault:?}");
    pid(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_uses_too_much_memory_is_replaced_without_a_lost_request() {
    let node = Node::with(|config| {
        config.workers = 1;
        config.rss_soft_bytes = 80 << 20;
    })
    .await;
    node.load(1, STUCK).await;
    let before = text(&node.call("test.hoard", "{}").await.unwrap());
    let replacing = async {
        let started = clock::now();
        loop {
            // One that takes a while, so that some are in flight when the worker is asked to go.
            let (nap, quick) = tokio::join!(node.call("test.nap", "{}"), pid(&node));
            nap.unwrap();
            if quick != before {
                break;
            }
            assert!(clock::now() - started < Duration::from_secs(15));
        }
        println!("replaced after {:?}", clock::now() - started);
    };
    let calling = node.while_calling("test.pid", replacing);
    node.while_calling("test.neighbour", calling).await;
    let reason = node.crash_report().await.reason.clone().unwrap();
    assert!(reason.contains("MiB of memory"), "{reason}");
}
