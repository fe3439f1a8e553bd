//! Deploys under load: no request is lost when generations change, and how long it takes.

use std::time::Duration;

use busker_kit::clock;
use busker_model::ErrorClass;
use busker_service::Engine;
use futures::future::join_all;

use crate::support::{Node, package, text};

const VERSION: &str = r"
import time
from zato.server.service import Service
class Version(Service):
    name = 'test.version'
    def handle(self):
        time.sleep(0.02)
        self.response.payload = {'version': VERSION}
";

fn version(number: u64) -> String {
    VERSION.replace("VERSION", &number.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_while_generations_change() {
    let node = Node::start(2).await;
    node.load(1, &version(1)).await;
    let deploying = async {
        for number in 2..=6 {
            node.load(number, &version(number)).await;
            node.host.retire(number - 1, Duration::from_secs(10)).await;
        }
    };
    let callers = async {
        let busy = (0..8).map(|_| node.while_calling("test.version", std::future::pending::<()>()));
        join_all(busy).await
    };
    tokio::select! {
        () = deploying => {}
        _ = callers => {}
    }
    let last = text(&node.call("test.version", "{}").await.unwrap());
    assert_eq!(last, r#"{"version":6}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_holds_a_runner_is_served_after_the_retirement_began() {
    let node = Node::start(1).await;
    node.load(1, &version(1)).await;
    // Taken from the directory just before the deploy, and used just after.
    let held = node.runner("test.version");
    node.load(2, &version(2)).await;
    let started = clock::now();
    let retiring = node.host.retire(1, Duration::from_secs(10));
    let late = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let reply = node.run(held, Duration::from_secs(5)).await.unwrap();
        assert_eq!(text(&reply), r#"{"version":1}"#);
    };
    tokio::join!(retiring, late);
    let took = clock::now() - started;
    assert!(
        took > Duration::from_millis(500) && took < Duration::from_secs(3),
        "{took:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_held_beyond_the_grace_is_refused() {
    let node = Node::start(1).await;
    node.load(1, &version(1)).await;
    let held = node.runner("test.version");
    node.load(2, &version(2)).await;
    let started = clock::now();
    node.host.retire(1, Duration::from_millis(300)).await;
    let took = clock::now() - started;
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(3),
        "{took:?}"
    );
    let fault = node.run(held, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(
        (fault.class, fault.code_str()),
        (ErrorClass::Unavailable, Some("generation-retired")),
        "{fault:?}"
    );
}

/// Deploys measured for the print-out.
const ROUNDS: u64 = 15;

#[tokio::test(flavor = "multi_thread")]
async fn the_time_from_verify_to_live_is_printed() {
    let whole = include_str!("../../package/tests/services/stockmarket.py");
    let node = Node::start(2).await;
    let probe = node
        .host
        .verify(vec![package("stockmarket.py", whole, 1)])
        .await;
    let source = if probe.is_ok() {
        whole.to_owned()
    } else {
        println!("without lxml, which this interpreter does not have");
        whole.replace("from lxml.objectify import fromstring\n", "")
    };
    let (mut verified, mut loaded, mut total) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=ROUNDS {
        let files = || vec![package("stockmarket.py", &source, 1)];
        let started = clock::now();
        let services = node.host.verify(files()).await.unwrap();
        let between = clock::now();
        assert!(!services.is_empty());
        let generation = node.host.load(number, files()).await.unwrap();
        let ended = clock::now();
        assert_eq!(generation.services.len(), services.len());
        drop(generation);
        node.host.retire(number, Duration::from_secs(5)).await;
        verified.push(between - started);
        loaded.push(ended - between);
        total.push(ended - started);
    }
    for (what, mut times) in [
        ("verify", verified),
        ("load", loaded),
        ("verify + load", total),
    ] {
        times.sort_unstable();
        let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
        println!("{what}: p50 {median:?}, worst {worst:?}");
    }
}
