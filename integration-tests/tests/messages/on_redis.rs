//! The same over Redis, and what happens when Redis goes away or comes back empty.

use std::collections::HashSet;
use std::time::Duration;

use busker_bus::testing::RedisServer;
use busker_integration_tests::{PeerAnswer, until};
use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::json;

use crate::bus::{Bus, RECORD, SOON};

async fn start(server: &RedisServer) -> Bus {
    Bus::start_with(&format!("[bus]\nurl = \"{}\"", server.url())).await
}

#[tokio::test]
async fn what_was_accepted_survives_a_killed_node() {
    const COUNT: usize = 300;
    let server = RedisServer::start().await.unwrap();
    let mut bus = start(&server).await;
    let info = bus.environment.ok("busker.node.get-info", json!({})).await;
    assert_eq!(info["bus"], "redis");
    let accepted: Vec<String> = futures::stream::iter(0..COUNT)
        .map(|number| bus.later(RECORD, json!({ "n": number }), json!({"delay_ms": 3_000})))
        .buffer_unordered(32)
        .collect()
        .await;
    bus.environment.kill();
    bus.start_again();
    let row = until("all are done", SOON, || async {
        let row = bus.ledger(RECORD, "durable").await;
        (row["pending"] == 0).then_some(row)
    })
    .await;
    assert_eq!(
        (&row["accepted"], &row["done"]),
        (&json!(COUNT), &json!(COUNT))
    );
    let effects = bus.effects();
    assert!(accepted.iter().all(|cid| effects.contains_key(cid)));
    let status = bus.status(&accepted[0]).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("done"), &json!(1))
    );
}

#[tokio::test]
async fn without_redis_fast_ones_are_refused_and_durable_ones_wait() {
    let mut server = RedisServer::start().await.unwrap();
    let bus = start(&server).await;
    server.kill().unwrap();
    let fast = json!({"name": RECORD, "async": true, "delivery": "fast"});
    let refusal = bus.environment.call("busker.service.invoke", fast).await;
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.status, 503, "{refusal:?}");
    let cid = bus.later(RECORD, json!({}), json!({})).await;
    assert_eq!(bus.status(&cid).await["state"], "waiting");
    // Synchronous calls do not need it.
    bus.environment.ok(RECORD, json!({})).await;
    until("the health says so", SOON, || async {
        let info = bus.environment.ok("busker.node.get-info", json!({})).await;
        (info["health"]["bus"] == "store-away").then_some(())
    })
    .await;
    server.run().await.unwrap();
    bus.until(&cid, "done").await;
    assert_eq!(bus.effects().get(&cid), Some(&1));
    until("the health says so", SOON, || async {
        let environment = &bus.environment;
        let asked = environment.http.get(environment.api("/readyz"));
        let ready = environment.send(asked).await.json();
        (ready["health"]["bus"] == "good").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_under_load_loses_nothing_durable_and_counts_what_was_fast() {
    const COUNT: usize = 1_200;
    let mut server = RedisServer::start().await.unwrap();
    let bus = start(&server).await;
    // Few at once, and slow at first, so that many wait when Redis dies.
    let few = json!({"name": RECORD, "settings": {"max_concurrency": 50}});
    bus.environment
        .ok("busker.service.settings.create", few)
        .await;
    bus.sink
        .answer_with(|_| PeerAnswer::ok("text/plain", "").after(Duration::from_millis(1_500)));
    let accepted: Mutex<[HashSet<String>; 2]> = Mutex::default();
    let load = futures::stream::iter(0..COUNT).for_each_concurrent(32, |number| {
        let (bus, accepted) = (&bus, &accepted);
        async move {
            let class = number % 2;
            let delivery = ["durable", "fast"][class];
            let input = json!({"name": RECORD, "payload": {"n": number}, "async": true, "delivery": delivery});
            let answer = bus.environment.call("busker.service.invoke", input).await;
            // One that is refused is refused: its caller knows.
            if let Ok(answer) = answer {
                let cid = answer["cid"].as_str().unwrap().to_owned();
                accepted.lock()[class].insert(cid);
            }
        }
    });
    let fault = async {
        until("half of them are there", SOON, || async {
            let [durable, fast] = &*accepted.lock();
            (durable.len() + fast.len() > COUNT / 2).then_some(())
        })
        .await;
        server.kill().unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        bus.sink.answer_with(|_| PeerAnswer::ok("text/plain", ""));
        server.run().await.unwrap();
    };
    tokio::join!(load, fault);
    let [durable, fast] = accepted.into_inner();
    judge(&bus, &durable, &fast).await;
}

/// Everything durable had its effect; the ledger says how much of the rest is lost.
async fn judge(bus: &Bus, durable: &HashSet<String>, fast: &HashSet<String>) {
    let row = until("all durable ones are done", SOON * 2, || async {
        let row = bus.ledger(RECORD, "durable").await;
        let fast = bus.ledger(RECORD, "fast").await;
        let none = row["pending"] == 0 && (fast.is_null() || fast["pending"] == 0);
        none.then_some(row)
    })
    .await;
    assert_eq!(row["accepted"], durable.len(), "{row}");
    assert_eq!(row["done"], durable.len(), "{row}");
    let ledger = until("the loss is told", SOON, || async {
        let events = bus.environment.ok("busker.event.list", json!({})).await;
        let told = events.to_string().contains("bus-loss");
        let ledger = bus.environment.ok("busker.message.get-ledger", json!({}));
        told.then_some(ledger.await)
    })
    .await;
    let losses = ledger["losses"].as_array().unwrap();
    assert_eq!(losses.len(), 1, "{ledger}");
    let effects = bus.effects();
    let without = |cids: &HashSet<String>| {
        let missing = cids.iter().filter(|cid| !effects.contains_key(*cid));
        u64::try_from(missing.count()).unwrap()
    };
    let twice = effects.values().filter(|&&times| times > 1).count();
    let (said, lost) = (losses[0]["lost"].as_u64().unwrap(), without(fast));
    println!(
        "{} durable: {} without effect, {twice} twice; {} fast: {lost} without effect, the ledger says {said}",
        durable.len(),
        without(durable),
        fast.len(),
    );
    assert_eq!(without(durable), 0);
    // What ran when Redis died could not be settled, so the ledger counts it as lost.
    assert!(lost > 0 && said >= lost, "{lost} {said}");
    assert!(said - lost <= 200, "{lost} {said}");
    assert!(losses[0]["from_ms"].as_i64() <= losses[0]["noticed_ms"].as_i64());
    let environment = &bus.environment;
    let request = environment.http.get(environment.api("/metrics"));
    let request = request.bearer_auth(environment.token());
    let text = environment.send(request).await.body;
    assert!(text.contains(&format!("busker_bus_lost {said}")), "{text}");
    assert!(
        text.contains("busker_bus_ledger_differences 0")
            && text.contains("busker_bus_invocations{state=\"accepted\"}"),
        "{text}"
    );
}

#[tokio::test]
async fn a_redis_that_cannot_be_used_stops_the_start_and_names_the_field() {
    let mut server = RedisServer::start_with(&["--requirepass", "s3cret"])
        .await
        .unwrap();
    let environment = busker_integration_tests::Environment::create();
    environment.configure(&format!("[bus]\nurl = \"{}\"", server.url()));
    let ran = environment.run(&["start"], &[]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("bus.password_file"), "{ran:?}");
    environment.configure(&format!(
        "[bus]\nurl = \"redis://:wr0ng@127.0.0.1:{}/0\"",
        server.port()
    ));
    let ran = environment.run(&["start"], &[]);
    assert_ne!(ran.code, 0);
    server.kill().unwrap();
    let away = environment.run(&["start"], &[]);
    assert_ne!(away.code, 0);
    assert!(away.stderr.contains("bus.url"), "{away:?}");
    let log = std::fs::read_to_string(environment.node().join("logs/node.log")).unwrap();
    for text in [&ran.stderr, &ran.stdout, &away.stderr, &log] {
        assert!(!text.contains("wr0ng"), "{text}");
    }
}
