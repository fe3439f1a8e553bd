//! Spans, as a collector of OpenTelemetry gets them. The collector here is a stand-in: it takes what is exported over OTLP
//! and keeps it.

use std::collections::HashMap;
use std::time::Duration;

use busker_integration_tests::{Collector, Environment, Exported, Peer, PeerAnswer, until};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

const SERVICES: &str = "
from zato.server.service import Service

class Outer(Service):
    name = 'traced.outer'
    def handle(self):
        self.response.payload = self.invoke('traced.inner')

class Inner(Service):
    name = 'traced.inner'
    class Busker:
        pool = 'elsewhere'
    def handle(self):
        peer = self.outgoing.plain_http.get('peer')
        self.response.payload = {'status': peer.conn.get(self.cid).status_code}
";
const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_caller_over_services_in_two_processes_to_the_peer() {
    let collector = Collector::start();
    let peer = Peer::start(|_| PeerAnswer::ok("text/plain", "here"));
    let environment = Environment::start_with(&format!(
        "[telemetry]\notlp_endpoint = \"{}\"",
        collector.address
    ))
    .await;
    environment.deploy("traced.py", SERVICES).await;
    let settings = json!({"address": peer.address, "url_path": "/"});
    environment.add_outgoing("peer", settings).await;
    environment
        .add_channel(
            "traced",
            json!({"url_path": "/traced", "service": "traced.outer"}),
        )
        .await;
    let request = environment
        .http
        .post(environment.channel("/traced"))
        .header("traceparent", CALLER)
        .body("{}");
    let answer = environment.send(request).await;
    assert_eq!(answer.json(), json!({"status": 200}), "{answer:?}");

    let trace = CALLER.split('-').nth(1).unwrap();
    let found = until("four spans", Duration::from_secs(20), || async {
        Some(collector.of_trace(trace)).filter(|found| found.len() == 4)
    })
    .await;
    let by_name: HashMap<&str, &Exported> = found
        .iter()
        .map(|exported| (exported.span.name.as_str(), exported))
        .collect();
    let mut parent = CALLER.split('-').nth(2).unwrap().to_owned();
    for (name, kind) in [
        ("POST /traced", SpanKind::Server),
        ("service traced.outer", SpanKind::Internal),
        ("service traced.inner", SpanKind::Internal),
        ("outgoing peer", SpanKind::Client),
    ] {
        let exported = by_name[name];
        assert_eq!(exported.parent(), parent, "{name}: {found:#?}");
        assert_eq!(exported.span.kind, i32::from(kind), "{name}");
        let cid = answer.header("x-busker-cid");
        assert_eq!(exported.fact("busker.cid"), cid, "{name}");
        parent = exported.id();
    }
    let seen = peer.seen();
    let sent = seen[0].header("traceparent");
    assert_eq!(sent, format!("00-{trace}-{parent}-01"));
}
