//! Spans, as a collector of OpenTelemetry gets them. The collector here is a stand-in: it takes what is exported over OTLP
//! and keeps it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use busker_integration_tests::{Environment, Peer, PeerAnswer, until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use parking_lot::Mutex;
use prost::Message;
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

type Spans = Arc<Mutex<Vec<Span>>>;

async fn keep(body: Bytes, spans: Data<Mutex<Vec<Span>>>) -> HttpResponse {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| {
        let named = resource.resource.unwrap().attributes;
        assert!(named.iter().any(|pair| pair.key == "service.name"));
        resource.scope_spans
    });
    spans.lock().extend(scopes.flat_map(|scope| scope.spans));
    HttpResponse::Ok().finish()
}

/// Starts the stand-in; its address, and the spans it gets.
fn collector() -> (String, Spans) {
    let spans = Data::new(Mutex::new(Vec::new()));
    let kept = spans.clone();
    let routes = move || {
        App::new()
            .app_data(kept.clone())
            .route("/v1/traces", web::post().to(keep))
    };
    let server = HttpServer::new(routes)
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
    let address = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.run());
    (address, spans.into_inner())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_caller_over_services_in_two_processes_to_the_peer() {
    let (address, spans) = collector();
    let peer = Peer::start(|_| PeerAnswer::ok("text/plain", "here"));
    let environment =
        Environment::start_with(&format!("[telemetry]\notlp_endpoint = \"{address}\"")).await;
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
        let spans = spans.lock();
        let of_trace = spans.iter().filter(|span| hex(&span.trace_id) == trace);
        let found: Vec<Span> = of_trace.cloned().collect();
        (found.len() == 4).then_some(found)
    })
    .await;
    let by_name: HashMap<&str, &Span> = found
        .iter()
        .map(|span| (span.name.as_str(), span))
        .collect();
    let mut parent = CALLER.split('-').nth(2).unwrap().to_owned();
    for (name, kind) in [
        ("POST /traced", SpanKind::Server),
        ("service traced.outer", SpanKind::Internal),
        ("service traced.inner", SpanKind::Internal),
        ("outgoing peer", SpanKind::Client),
    ] {
        let span = by_name[name];
        assert_eq!(hex(&span.parent_span_id), parent, "{name}: {found:#?}");
        assert_eq!(span.kind, i32::from(kind), "{name}");
        let cid = span.attributes.iter().find(|pair| pair.key == "busker.cid");
        assert!(
            format!("{cid:?}").contains(answer.header("x-busker-cid")),
            "{name}: {cid:?}"
        );
        parent = hex(&span.span_id);
    }
    let seen = peer.seen();
    let sent = seen[0].header("traceparent");
    assert_eq!(sent, format!("00-{trace}-{parent}-01"));
}
