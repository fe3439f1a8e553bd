//! Ten times more requests than a service can take, for half a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use busker_integration_tests::{Environment, until};
use futures::future::join_all;
use serde_json::json;

use crate::{SLEEPER, proc};

/// Invocations the service takes at once, and as many may wait.
const PERMITS: usize = 20;
/// Time of one invocation, in seconds, as the service is told.
const PAYLOAD: &str = r#"{"seconds": 0.05}"#;
const TIME: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
struct Counts {
    served: AtomicU64,
    refused: AtomicU64,
    untold: AtomicU64,
    other: AtomicU64,
}

/// Each client asks again `pause` after its answer. Answers the highest resident memory seen, in KiB.
async fn load(
    environment: &Environment,
    clients: usize,
    pause: Duration,
    length: Duration,
) -> (u64, Arc<Counts>) {
    let pid = environment.pid().unwrap();
    let (counts, end) = (Arc::<Counts>::default(), Instant::now() + length);
    let client = || async {
        while Instant::now() < end {
            let answer = environment.post("/sleep", PAYLOAD).await;
            let told = answer.header("retry-after") == "1";
            let count = match (answer.status, told) {
                (200, _) => &counts.served,
                (503, true) => &counts.refused,
                (503, false) => &counts.untold,
                _ => &counts.other,
            };
            count.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
        }
    };
    let memory = async {
        let mut most = 0;
        while Instant::now() < end {
            most = most.max(proc::rss_kib(pid));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        most
    };
    let (most, _) = tokio::join!(memory, join_all((0..clients).map(|_| client())));
    (most, counts)
}

fn of(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "heavy: cargo xtask test --all"]
async fn ten_times_too_much_for_half_a_minute_is_refused_and_forgotten() {
    proc::raise_open_files();
    let environment = Environment::start().await;
    environment.deploy("sleeper.py", SLEEPER).await;
    let settings =
        json!({"name": "sleeper", "active": true, "settings": {"max_concurrency": PERMITS}});
    environment
        .ok("busker.service.settings.create", settings)
        .await;
    environment
        .add_channel("sleep", json!({"url_path": "/sleep", "service": "sleeper"}))
        .await;
    let (saturated, counts) = load(
        &environment,
        PERMITS,
        Duration::ZERO,
        Duration::from_secs(10),
    )
    .await;
    let rate = of(&counts.served) / 10;
    println!("saturated: {rate} requests a second, RSS {saturated} KiB");
    assert!(of(&counts.refused) == 0 && rate > 50, "{counts:?}");

    // A client that is refused asks again after the time of one invocation.
    let clients = 14 * PERMITS;
    let (overloaded, counts) = load(&environment, clients, TIME, Duration::from_secs(30)).await;
    let served = of(&counts.served) / 30;
    let refused = of(&counts.refused) / 30;
    println!("overloaded: {served} served and {refused} refused a second, RSS {overloaded} KiB");
    assert_eq!(
        (of(&counts.untold), of(&counts.other)),
        (0, 0),
        "{counts:?}"
    );
    assert!(served > rate / 2 && refused > 5 * rate, "{counts:?}");
    assert!(
        overloaded * 10 <= saturated * 13,
        "{saturated} to {overloaded} KiB"
    );

    let ended = Instant::now();
    until("recovery", Duration::from_secs(5), || async {
        let began = Instant::now();
        let answer = environment.post("/sleep", PAYLOAD).await;
        (answer.status == 200 && began.elapsed() < Duration::from_millis(500)).then_some(())
    })
    .await;
    println!("recovered after {:?}", ended.elapsed());
    assert!(
        ended.elapsed() < Duration::from_secs(1),
        "{:?}",
        ended.elapsed()
    );
}
