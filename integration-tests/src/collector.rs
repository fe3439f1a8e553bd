//! A stand-in for a collector of OpenTelemetry: it takes what is exported over OTLP/HTTP and keeps it.

use std::sync::Arc;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message;

/// A span as it came.
#[derive(Debug, Clone)]
pub struct Exported {
    /// `service.instance.id` of whoever made it.
    pub instance: String,
    /// The span.
    pub span: Span,
}

impl Exported {
    /// Its trace, in lower-case hexadecimal.
    #[must_use]
    pub fn trace(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// Its own id.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    /// Its parent's id; empty at the root.
    #[must_use]
    pub fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// A fact of it; empty when it is not there.
    #[must_use]
    pub fn fact(&self, key: &str) -> String {
        text(&self.span.attributes, key)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let pair = attributes.iter().find(|pair| pair.key == key);
    let value = pair.and_then(|pair| pair.value.as_ref()?.value.as_ref());
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

/// The stand-in.
#[derive(Debug)]
pub struct Collector {
    /// Such as `http://127.0.0.1:40123`, for `[telemetry] otlp_endpoint`.
    pub address: String,
    spans: Arc<Mutex<Vec<Exported>>>,
}

impl Collector {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
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
        drop(tokio::spawn(server.run()));
        Self {
            address,
            spans: spans.into_inner(),
        }
    }

    /// The spans of a trace so far.
    #[must_use]
    pub fn of_trace(&self, trace: &str) -> Vec<Exported> {
        let spans = self.spans.lock();
        let of_trace = spans.iter().filter(|exported| exported.trace() == trace);
        of_trace.cloned().collect()
    }
}

async fn keep(body: Bytes, kept: Data<Mutex<Vec<Exported>>>) -> HttpResponse {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in request.resource_spans {
        let named = resource.resource.unwrap().attributes;
        assert_ne!(text(&named, "service.name"), "");
        let instance = text(&named, "service.instance.id");
        let spans = resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans);
        kept.lock().extend(spans.map(|span| Exported {
            instance: instance.clone(),
            span,
        }));
    }
    HttpResponse::Ok().finish()
}
