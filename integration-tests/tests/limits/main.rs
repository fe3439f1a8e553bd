//! Limits: slow clients, deaf clients, idle connections, concurrency, overload, and the way down. Nobody takes the node
//! from the others, and nothing grows without a bound.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_integration_tests::{Answer, Environment, Wire, busker, until};
use futures::future::join_all;
use serde_json::json;

mod overload;
mod proc;

/// A service that sleeps as long as it is told.
pub(crate) const SLEEPER: &str = "
import time
from zato.server.service import Service

class Sleeper(Service):
    name = 'sleeper'
    def handle(self):
        time.sleep(self.request.payload['seconds'])
        self.response.payload = 'done'
";
/// One byte of a slow client.
const SLOW: Duration = Duration::from_secs(1);
/// What noise of the machine may add to a bound.
const NOISE: Duration = Duration::from_secs(5);

/// Sends `bytes` one a second until the other side ends it; tells how long that took, and the answer.
async fn trickle(mut wire: Wire, bytes: Vec<u8>) -> (Duration, Option<Answer>) {
    let began = Instant::now();
    let mut left = bytes.into_iter();
    let answer = loop {
        let next = left.next().expect("the node ends it before all is sent");
        wire.send(&[next]).await;
        tokio::select! {
            answer = wire.answer() => break answer,
            () = tokio::time::sleep(SLOW) => {}
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nobody ends it");
    };
    (began.elapsed(), answer)
}

#[tokio::test]
async fn a_client_that_sends_one_byte_a_second_is_let_go() {
    let environment =
        Environment::start_with("[limits]\nhead_timeout_ms = 2000\nbody_timeout_ms = 3000").await;
    environment
        .add_channel("echo", json!({"url_path": "/echo", "service": "echo"}))
        .await;
    let port = environment.channel_port();
    let head = b"POST /echo HTTP/1.1\r\nHost: a\r\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_vec();
    let first = trickle(Wire::open(port).await, head.clone());
    let second = async {
        let mut wire = Wire::open(port).await;
        wire.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
            .await;
        assert_eq!(wire.answer().await.unwrap().status, 200);
        trickle(wire, head.clone()).await
    };
    let body = async {
        let mut wire = Wire::open(port).await;
        wire.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n")
            .await;
        trickle(wire, vec![b' '; 60]).await
    };
    let others = async {
        for _ in 0..20 {
            assert_eq!(environment.post("/echo", "{}").await.status, 200);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (first, second, body, ()) = tokio::join!(first, second, body, others);
    println!(
        "let go after {:?}, {:?} and {:?}",
        first.0, second.0, body.0
    );
    for (what, (took, answer), bound) in [
        ("head", &first, Duration::from_secs(2)),
        // It may be silent first for as long as a connection is kept.
        ("second head", &second, Duration::from_secs(7)),
        ("body", &body, Duration::from_secs(3)),
    ]
    .map(|(what, done, bound)| (what, done.clone(), bound))
    {
        assert!(took < bound + NOISE, "{what}: {took:?}");
        let status = answer.as_ref().map(|answer| answer.status);
        assert!(matches!(status, None | Some(408)), "{what}: {answer:?}");
    }
    let slow = body.1.expect("an answer to a slow body");
    assert_eq!(slow.status, 408, "{slow:?}");
    let problem = slow.json();
    assert_eq!(problem["cid"], slow.header("x-busker-cid"), "{slow:?}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("not complete after 3 s"),
        "{slow:?}"
    );
}

#[tokio::test]
async fn a_client_that_never_reads_its_answer_is_let_go() {
    /// More than sockets buffer.
    const ANSWER_BYTES: usize = 12_000_000;
    const CLIENTS: usize = 20;
    let environment = Environment::start_with("[limits]\nwrite_timeout_ms = 2000").await;
    let settings = json!({"url_path": "/echo", "service": "echo", "data_format": "raw"});
    environment.add_channel("echo", settings).await;
    let pid = environment.pid().unwrap();
    let (files, rss) = (proc::open_files(pid), proc::rss_kib(pid));
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {ANSWER_BYTES}\r\n\r\n");
    let request = Arc::new([head.into_bytes(), vec![b'a'; ANSWER_BYTES]].concat());
    let most = u64::try_from(CLIENTS * ANSWER_BYTES * 3 / 1024).unwrap();
    let mut first = None;
    // The allocator may keep what was freed, but not ask for more the next time.
    for round in 1..=3 {
        let deaf = join_all((0..CLIENTS).map(|_| async {
            let mut wire = Wire::open(environment.channel_port()).await;
            assert!(wire.send(&request).await);
            wire
        }))
        .await;
        until("their answers to be held", NOISE, || async {
            (proc::rss_kib(pid) > rss + 12_000).then_some(())
        })
        .await;
        assert_eq!(environment.post("/echo", "{}").await.status, 200);
        until("the deaf to be let go", Duration::from_secs(30), || async {
            (proc::open_files(pid) <= files + 5).then_some(())
        })
        .await;
        let after = proc::rss_kib(pid);
        println!("round {round}: RSS {rss} KiB before, {after} KiB after {CLIENTS} deaf clients");
        // Requests and answers at once, and nothing beside them.
        assert!(after < rss + most, "{after} KiB");
        assert!(after * 10 < *first.get_or_insert(after) * 15, "{after} KiB");
        drop(deaf);
    }
}

async fn idle_connections(count: usize) {
    proc::raise_open_files();
    let environment = Environment::start_with("[limits]\nhead_timeout_ms = 120000").await;
    environment
        .add_channel("echo", json!({"url_path": "/echo", "service": "echo"}))
        .await;
    let pid = environment.pid().unwrap();
    environment.post("/echo", "{}").await;
    let (files, before) = (proc::open_files(pid), proc::rss_kib(pid));
    let mut idle = Vec::new();
    for _ in 0..count {
        idle.push(Wire::open(environment.channel_port()).await);
    }
    until("all to be accepted", Duration::from_secs(30), || async {
        (proc::open_files(pid) >= files + count).then_some(())
    })
    .await;
    let began = Instant::now();
    for _ in 0..50 {
        assert_eq!(environment.post("/echo", "{}").await.status, 200);
    }
    let (each, rss) = (began.elapsed() / 50, proc::rss_kib(pid));
    println!(
        "{count} idle connections: RSS {before} KiB before, {rss} KiB with them, {each:?} a request"
    );
    let most = u64::try_from(count * 16).unwrap();
    assert!(
        rss < before + most,
        "more than 16 KiB a connection: {before} to {rss}"
    );
    assert!(each < Duration::from_millis(200), "{each:?}");
    let began = Instant::now();
    environment.must(&["stop"], &[]);
    println!("stopped after {:?} with all of them open", began.elapsed());
    assert!(began.elapsed() < NOISE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn two_thousand_idle_connections_disturb_nobody() {
    idle_connections(2_000).await;
}

#[tokio::test]
#[ignore = "heavy: cargo xtask test --all"]
async fn ten_thousand_idle_connections_disturb_nobody() {
    idle_connections(10_000).await;
}

async fn sleepers(environment: &Environment, count: usize) -> Vec<(Duration, Answer)> {
    let ask = || async {
        let began = Instant::now();
        let answer = environment.post("/sleep", r#"{"seconds": 2}"#).await;
        (began.elapsed(), answer)
    };
    join_all((0..count).map(|_| ask())).await
}

/// How many were served; the others must have been told at once to come back.
fn served(answers: &[(Duration, Answer)], says: &str) -> usize {
    let mut served = 0;
    for (took, answer) in answers {
        if answer.status == 200 {
            served += 1;
            continue;
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.header("retry-after"), "1", "{answer:?}");
        assert!(*took < Duration::from_millis(1_500), "it waited: {took:?}");
        let problem = answer.json();
        assert_eq!(problem["class"], "busy", "{answer:?}");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{answer:?}"
        );
    }
    served
}

#[tokio::test]
async fn a_channel_and_a_service_take_as_much_as_they_are_told() {
    let environment = Environment::start().await;
    environment.deploy("sleeper.py", SLEEPER).await;
    let settings = json!({"url_path": "/sleep", "service": "sleeper", "max_concurrency": 3});
    environment.add_channel("sleep", settings).await;
    let answers = sleepers(&environment, 12).await;
    assert_eq!(
        served(&answers, "channel has all its permits"),
        3,
        "{answers:?}"
    );

    // As many wait for a service as may run, and no more.
    let settings = json!({"url_path": "/sleep", "service": "sleeper", "max_concurrency": null});
    environment
        .ok(
            "busker.channel.http.edit",
            json!({"name": "sleep", "settings": settings}),
        )
        .await;
    let settings = json!({"name": "sleeper", "active": true, "settings": {"max_concurrency": 2}});
    environment
        .ok("busker.service.settings.create", settings)
        .await;
    let says = "\"sleeper\" has all its permits";
    until(
        "the limits to be in force",
        Duration::from_secs(60),
        || async {
            let answers = sleepers(&environment, 12).await;
            let refused = |answer: &Answer| {
                answer.status == 503 && answer.json()["detail"].as_str().unwrap().contains(says)
            };
            answers
                .iter()
                .any(|(_, answer)| refused(answer))
                .then_some(())
        },
    )
    .await;
    let answers = sleepers(&environment, 12).await;
    assert_eq!(served(&answers, says), 4, "{answers:?}");
}

#[tokio::test]
async fn a_node_that_stops_finishes_what_it_has_and_takes_no_more() {
    let environment = Environment::start().await;
    environment.deploy("sleeper.py", SLEEPER).await;
    environment
        .add_channel("sleep", json!({"url_path": "/sleep", "service": "sleeper"}))
        .await;
    let dir = environment.dir.to_str().unwrap().to_owned();
    let mut events = environment
        .http
        .get(environment.api("/api/v1/events"))
        .bearer_auth(environment.token())
        .send()
        .await
        .unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    let mut upload = Wire::open(environment.channel_port()).await;
    upload
        .send(b"POST /sleep HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\n{\"seconds\"")
        .await;
    let port = environment.channel_port();
    let flight = async { environment.post("/sleep", r#"{"seconds": 3}"#).await };
    let stop = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let began = Instant::now();
        let stopping = tokio::task::spawn_blocking(move || busker(&["stop", &dir]));
        tokio::time::sleep(Duration::from_millis(700)).await;
        let refused = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        assert!(refused.is_err(), "new connections are refused");
        upload.send(b": 0}").await;
        let uploaded = upload
            .answer()
            .await
            .expect("an upload under way is finished");
        assert_eq!(uploaded.status, 200, "{uploaded:?}");
        let ran = stopping.await.unwrap();
        assert_eq!(ran.code, 0, "{ran:?}");
        began.elapsed()
    };
    let streamed = async {
        while let Ok(Some(_)) = events.chunk().await {}
        Instant::now()
    };
    let began = Instant::now();
    let (answer, stopped, ended) = tokio::join!(flight, stop, streamed);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "done"),
        "{answer:?}"
    );
    println!("stopped after {stopped:?} with 2.3 s of work in flight");
    assert!(stopped < Duration::from_secs(8), "{stopped:?}");
    let streams = ended - began;
    assert!(
        streams < Duration::from_secs(3),
        "event streams end at once: {streams:?}"
    );
}

#[tokio::test]
async fn idle_keep_alive_connections_do_not_hold_up_a_stop() {
    let environment = Environment::start().await;
    environment
        .add_channel("echo", json!({"url_path": "/echo", "service": "echo"}))
        .await;
    let mut idle = Vec::new();
    for number in 0..20 {
        let mut wire = Wire::open(environment.channel_port()).await;
        if number % 2 == 0 {
            wire.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
                .await;
            assert_eq!(wire.answer().await.unwrap().status, 200);
        }
        idle.push(wire);
    }
    let began = Instant::now();
    environment.must(&["stop"], &[]);
    let took = began.elapsed();
    println!("stopped after {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}
