//! One part fails, alone: its callers get the right class with the cid, its neighbours notice nothing, it comes back by
//! itself, and the reports say what happened, where and why.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

#[path = "isolation/churn.rs"]
mod churn;
#[path = "isolation/yard.rs"]
mod yard;

use std::time::{Duration, Instant};

use busker_integration_tests::{Environment, Peer, PeerAnswer, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use yard::{BACK_WITHIN, CALM, Yard, failed};

/// The one worker of the pool in which services fail.
const WORKERS: &str = "node1/packages/python/default/";

/// A way to fail and what its caller and an operator are told.
struct Case {
    service: &'static str,
    status: u16,
    class: &'static str,
    /// Part of the reason in the report of the service.
    reason: &'static str,
    /// Part of the reason in the report of the worker, if it goes down.
    worker: Option<&'static str>,
}

const fn case(
    service: &'static str,
    status: u16,
    class: &'static str,
    reason: &'static str,
) -> Case {
    Case {
        service,
        status,
        class,
        reason,
        worker: None,
    }
}

const fn crash(service: &'static str, worker: &'static str) -> Case {
    Case {
        worker: Some(worker),
        ..case(service, 502, "unavailable", worker)
    }
}

const CASES: [Case; 8] = [
    case("faults.raises", 500, "internal", "ValueError"),
    case("faults.loops", 504, "timeout", "in time"),
    case("faults.allocates", 500, "internal", "MemoryError"),
    case("faults.allocates-at-once", 500, "internal", "MemoryError"),
    case("faults.calls", 504, "timeout", "hanging"),
    crash("faults.segfaults", "SIGSEGV"),
    crash("faults.exits", "exited with code 3"),
    // Nothing wakes it: after a while the worker is replaced.
    Case {
        worker: Some("a cancelled request still runs"),
        ..case("faults.sleeps", 504, "timeout", "in time")
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_python_service_that_fails_fails_alone() {
    let yard = Yard::start().await;
    let peer = Peer::start(|_| PeerAnswer::ok("text/plain", "").after(Duration::from_secs(600)));
    let hanging = json!({"address": peer.address, "url_path": "/", "timeout_ms": 500});
    yard.environment.add_outgoing("hanging", hanging).await;
    let beside = yard.expose("faults.slow").await;
    for case in &CASES {
        let path = yard.expose(case.service).await;
        yard.is_back(&path).await;
        let began = Instant::now();
        let cid = fail(&yard, case, (&path, &beside)).await;
        println!(
            "{}: {} after {:?}",
            case.service,
            case.status,
            began.elapsed()
        );
        let actor = format!("node1/services/{}", case.service);
        let report = yard.report("invocation-failed", &actor, &cid).await;
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains(case.reason), "{}: {report}", case.service);
        if let Some(ended) = case.worker {
            let report = yard.report("crashed", WORKERS, &cid).await;
            let reason = report["reason"].as_str().unwrap();
            assert!(reason.contains(ended), "{}: {report}", case.service);
        }
        yard.is_back(&path).await;
    }
    yard.end().await;
}

/// Has a service fail; answers the cid. As long as the worker lives, another service in it answers meanwhile.
async fn fail(yard: &Yard, case: &Case, (path, beside): (&str, &str)) -> String {
    let dies = case.status == 502;
    let other = async {
        if !dies {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let answer = yard.environment.post(beside, CALM).await;
            assert_eq!(answer.status, 200, "beside {}: {answer:?}", case.service);
        }
    };
    let (answer, ()) = tokio::join!(yard.environment.post(path, "fail"), other);
    let (status, problem) = failed(&answer);
    let got = (status, problem["class"].as_str().unwrap());
    assert_eq!(
        got,
        (case.status, case.class),
        "{}: {answer:?}",
        case.service
    );
    assert_eq!(problem["code"] == "worker-lost", dies, "{problem}");
    problem["cid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_takes_only_what_it_was_running() {
    let yard = Yard::start().await;
    let environment = &yard.environment;
    let slow = yard.expose("faults.slow").await;
    let patient = yard.expose("faults.patient").await;
    let other = yard.expose("faults.raises").await;
    yard.is_back(&other).await;
    let killer = async {
        until("both to run", BACK_WITHIN, || async {
            let slow = environment
                .ok("busker.service.get", json!({"name": "faults.slow"}))
                .await;
            let patient = environment
                .ok("busker.service.get", json!({"name": "faults.patient"}))
                .await;
            (slow["in_flight"] == 1 && patient["in_flight"] == 1).then_some(())
        })
        .await;
        // With the node since they were counted, and with the worker soon after.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let pid = kill_worker(environment).await;
        until("the process to end", BACK_WITHIN, || async {
            has_ended(pid).then_some(())
        })
        .await;
        // Whether the node knows it or not: it waits for the next worker.
        environment.post(&other, CALM).await
    };
    let (slow, patient, next) = tokio::join!(
        environment.post(&slow, "fail"),
        environment.post(&patient, "fail"),
        killer
    );
    let (status, problem) = failed(&slow);
    assert_eq!((status, &problem["code"]), (502, &json!("worker-lost")));
    assert_eq!((patient.status, &*patient.body), (200, CALM), "{patient:?}");
    assert_eq!((next.status, &*next.body), (200, CALM), "{next:?}");
    let cid = problem["cid"].as_str().unwrap();
    let report = yard.report("crashed", WORKERS, cid).await;
    assert!(
        report["reason"].as_str().unwrap().contains("SIGKILL"),
        "{report}"
    );
    // Both were in flight, and both are named.
    assert!(
        report["cause"].as_str().unwrap().contains("faults.patient"),
        "{report}"
    );
    yard.end().await;
}

/// Whether a process has closed all it had open: its last thread has ended, whether its parent has heard of it or not.
fn has_ended(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let only_one = threads.map_or(true, |threads| threads.count() <= 1);
    stat.map_or(true, |stat| stat.contains(") Z") && only_one)
}

/// Kills the one worker of the pool in which services fail; answers its process id.
async fn kill_worker(environment: &Environment) -> i32 {
    let pid = until("a worker", BACK_WITHIN, || async {
        environment.workers(Some("default")).await.first().copied()
    })
    .await;
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    pid
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_keeps_dying_is_not_started_in_a_tight_loop() {
    let yard = Yard::start().await;
    let path = yard.expose("faults.raises").await;
    let end = Instant::now() + Duration::from_secs(10);
    let mut killed = Vec::new();
    while Instant::now() < end {
        for pid in yard.environment.workers(Some("default")).await {
            // One that was killed may be listed for a moment more.
            if !killed.contains(&pid) && kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok() {
                killed.push(pid);
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("killed {} workers in 10 s", killed.len());
    // 20, 40, 80 ms ... 5 s: the waits between them grow.
    assert!((4..=12).contains(&killed.len()), "{killed:?}");
    yard.is_back(&path).await;
    yard.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_keeps_taking_workers_down_is_refused_for_a_while() {
    let yard = Yard::start().await;
    let path = yard.expose("faults.exits").await;
    let other = yard.expose("faults.raises").await;
    for _ in 0..3 {
        let (status, problem) = failed(&yard.environment.post(&path, "fail").await);
        assert_eq!((status, &problem["code"]), (502, &json!("worker-lost")));
    }
    let answer = yard.environment.post(&path, CALM).await;
    let (status, problem) = failed(&answer);
    assert_eq!((status, &problem["code"]), (503, &json!("quarantined")));
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=31).contains(&seconds), "{answer:?}");
    yard.is_back(&other).await;
    yard.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rust_service_that_panics_fails_alone_and_is_failed_when_it_goes_on() {
    let mut environment = Environment::create();
    environment.configure(yard::ONE_WORKER);
    environment
        .start_by(env!("CARGO_BIN_EXE_faulty_node"))
        .await;
    let yard = Yard::over(environment).await;
    let hangs = yard.expose("faulty.hangs").await;
    let (status, problem) = failed(&yard.environment.post(&hangs, "fail").await);
    assert_eq!((status, &problem["class"]), (504, &json!("timeout")));
    yard.is_back(&hangs).await;

    let path = yard.expose("faulty.panics").await;
    yard.is_back(&path).await;
    let (status, problem) = failed(&yard.environment.post(&path, "fail").await);
    assert_eq!((status, &problem["code"]), (500, &json!("panic")));
    let cid = problem["cid"].as_str().unwrap();
    let actor = "node1/services/faulty.panics";
    let report = yard.report("crashed", actor, cid).await;
    assert_eq!(report["reason"], "a panic on purpose");
    assert!(
        report["backtrace"]
            .as_str()
            .unwrap()
            .contains("faulty_node.rs"),
        "{report}"
    );
    let log = yard.environment.log();
    let told = log.lines().filter(|line| line.contains(" - ERROR - "));
    let told: Vec<&str> = told
        .filter(|line| line.contains("a panic on purpose"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(cid), "{told:?}");
    yard.is_back(&path).await;

    // Ten restarts a minute are its budget; with each, the wait before the next grows.
    let refused = until(
        "the budget to be spent",
        Duration::from_secs(50),
        || async {
            let answer = yard.environment.post(&path, "fail").await;
            (answer.status != 500).then_some(answer)
        },
    )
    .await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
    let info = yard.environment.actor(actor).await.unwrap();
    assert_eq!(
        (&info["state"], &info["restarts"]),
        (&json!("failed"), &json!(11))
    );
    // A person may try again.
    yard.environment
        .ok("busker.tree.restart-actor", json!({"path": actor}))
        .await;
    yard.is_back(&path).await;
    yard.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_change_under_load_among_few() {
    churn::channels(100, Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "heavy: cargo xtask test --all"]
async fn channels_change_under_load_among_five_thousand() {
    churn::channels(5_000, Duration::from_secs(10)).await;
}
