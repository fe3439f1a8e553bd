//! Channels are edited, added and deleted at a steady rate while others, and those edited, are called.

use std::time::{Duration, Instant};

use busker_integration_tests::{Environment, Load, percentile, until};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::yard::{BACK_WITHIN, Yard};

/// Changes a second.
const EVERY: Duration = Duration::from_millis(50);
/// Channels that are made at once.
const AT_ONCE: usize = 8;

fn settings(number: usize, timeout_ms: u64) -> Value {
    json!({
        "url_path": format!("/many/{number}"), "service": "samples.echo",
        "timeout_ms": timeout_ms,
    })
}

async fn create(environment: &Environment, number: usize) {
    let object = json!({"name": format!("many-{number}"), "settings": settings(number, 5_000)});
    environment.ok("busker.channel.http.create", object).await;
}

/// `present` channels, changed for a while.
pub(crate) async fn channels(present: usize, time: Duration) {
    let yard = Yard::start().await;
    let environment = &yard.environment;
    let began = Instant::now();
    futures::stream::iter(0..present)
        .for_each_concurrent(AT_ONCE, |number| create(environment, number))
        .await;
    let last = format!("/many/{}", present - 1);
    until("the last channel", BACK_WITHIN, || async {
        let answer = environment.post(&last, r#"{"text": ""}"#).await;
        (answer.status == 200).then_some(())
    })
    .await;
    println!("{present} channels made in {:?}", began.elapsed());

    let load = |number: usize| {
        let path = format!("/many/{number}");
        let body = r#"{"text": "hello"}"#;
        Load::start(environment, (&path, body), 2, Duration::from_millis(20))
    };
    // The first is edited again and again, the last is left alone.
    let (edited, left_alone) = (load(0), load(present - 1));
    let mut times = Vec::new();
    let end = Instant::now() + time;
    let mut tick = tokio::time::interval(EVERY);
    let mut round = 0;
    while Instant::now() < end {
        tick.tick().await;
        let began = Instant::now();
        change(environment, present, round).await;
        times.push(began.elapsed());
        round += 1;
    }
    edited.end_unharmed().await;
    left_alone.end_unharmed().await;
    let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
    println!("{} changes, p50 {p50:?}, p99 {p99:?}", times.len());
    // What was made is there, what was deleted is not.
    until("the last change", BACK_WITHIN, || async {
        let gone = environment.post(&format!("/many/{present}"), "{}").await;
        let actor = environment.actor("node1/channels/plain_http:many-0").await;
        (gone.status == 404 && actor?["state"] == "running").then_some(())
    })
    .await;
    yard.end().await;
}

/// In turn: edits the first channel, edits another, makes one, deletes it.
async fn change(environment: &Environment, present: usize, round: usize) {
    let timeout_ms = 5_000 + u64::try_from(round).unwrap();
    let edit = |number: usize| json!({"name": format!("many-{number}"), "settings": settings(number, timeout_ms)});
    let (service, input) = match round % 4 {
        0 => ("busker.channel.http.edit", edit(0)),
        1 => ("busker.channel.http.edit", edit(round % present)),
        2 => return create(environment, present).await,
        _ => {
            let name = json!({"name": format!("many-{present}")});
            ("busker.channel.http.delete", name)
        }
    };
    environment.ok(service, input).await;
}
