//! One trace through the cluster, as a collector of OpenTelemetry gets it.

use std::time::Duration;

use busker_integration_tests::{ClusterEnvironment, Collector, Exported, until};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use crate::messages::add_services;

const SOON: Duration = Duration::from_secs(20);
/// Calls until another node than the asked one has taken the message.
const CALLS: u64 = 60;

/// The four spans of a call, in the order of the call.
async fn chain(collector: &Collector, trace: &str) -> Vec<Exported> {
    until("four spans", SOON, || async {
        let mut left = collector.of_trace(trace);
        let mut parent = format!("{:016x}", 1);
        let mut chain = Vec::new();
        while let Some(at) = left.iter().position(|span| span.parent() == parent) {
            let next = left.swap_remove(at);
            parent = next.id();
            chain.push(next);
        }
        (chain.len() == 4).then_some(chain)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_leads_over_the_stream_to_another_node_and_its_outgoing_call() {
    let collector = Collector::start();
    let cluster = ClusterEnvironment::create(3).await;
    for node in 1..=3 {
        let line = format!("otlp_endpoint = \"{}\"", collector.address);
        cluster.add_lines(node, "[telemetry]", &line);
    }
    cluster.start_again();
    cluster.whole().await;
    let sink = add_services(&cluster).await;
    let settings = json!({"url_path": "/hand-over", "service": "later.hand-over"});
    cluster
        .create_object("channel.http", "hand-over", settings)
        .await;
    for call in 1..=CALLS {
        let trace = format!("{call:032x}");
        let request = cluster
            .http
            .post(cluster.channel(1, "/hand-over"))
            .header("traceparent", format!("00-{trace}-{:016x}-01", 1));
        let answer = request.body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let chain = chain(&collector, &trace).await;
        let names = chain.iter().map(|exported| exported.span.name.as_str());
        let names: Vec<&str> = names.collect();
        let expected = [
            "POST /hand-over",
            "service later.hand-over",
            "service later.record",
            "outgoing sink",
        ];
        assert_eq!(names, expected);
        let (asked, took) = (&chain[1].instance, &chain[2].instance);
        if asked == took {
            continue;
        }
        assert_eq!(chain[3].instance, *took);
        assert_eq!(chain[3].span.kind, i32::from(SpanKind::Client));
        let seen = sink.seen();
        let sent = format!("00-{trace}-{}-01", chain[3].id());
        assert!(
            seen.iter()
                .any(|request| request.header("traceparent") == sent)
        );
        println!("call {call}: {asked} to {took}");
        return;
    }
    panic!("node1 took every message itself");
}
