//! Spans: where the time of a request went, told to an OpenTelemetry collector when there is one.
//!
//! The W3C traceparent is the only context there is. It travels with each request, through processes in Python too, so a
//! span starts from the text of its parent and gives the text for what it calls. Without a collector none is made.

use std::fmt;
use std::sync::{Arc, OnceLock};

use busker_model::TraceParent;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, TraceState,
    Tracer,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// From now on spans are made. Once per process.
pub(crate) fn install(tracer: SdkTracer) {
    if TRACER.set(tracer).is_err() {
        tracing::warn!("spans have an exporter already; the first one stays");
    }
}

/// What side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It serves a request from outside.
    Server,
    /// It works inside the node.
    Internal,
    /// It waits for another system.
    Client,
}

/// A span under way; it ends when dropped. Without a collector it is empty and costs nothing.
pub struct Span(Option<opentelemetry_sdk::trace::Span>);

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Span").field(&self.traceparent()).finish()
    }
}

/// Starts a span below the one that `parent`, a traceparent, names; a new trace when it names none.
pub fn start(role: Role, parent: Option<&str>, name: impl FnOnce() -> String) -> Span {
    let Some(tracer) = TRACER.get() else {
        return Span(None);
    };
    let kind = match role {
        Role::Server => SpanKind::Server,
        Role::Internal => SpanKind::Internal,
        Role::Client => SpanKind::Client,
    };
    let parent = parent.and_then(TraceParent::parse).map(|parent| {
        SpanContext::new(
            parent.trace_id.into(),
            parent.span_id.into(),
            TraceFlags::new(parent.flags),
            true,
            TraceState::default(),
        )
    });
    let context = parent.map_or_else(Context::new, |parent| {
        Context::new().with_remote_span_context(parent)
    });
    let builder = SpanBuilder::from_name(name()).with_kind(kind);
    Span(Some(tracer.build_with_context(builder, &context)))
}

impl Span {
    /// The traceparent for what is called from here.
    #[must_use]
    pub fn traceparent(&self) -> Option<Arc<str>> {
        let context = self.0.as_ref()?.span_context();
        let here = TraceParent {
            trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(context.span_id().to_bytes()),
            flags: context.trace_flags().to_u8(),
        };
        Some(here.to_string().into())
    }

    /// Adds a fact, by the names of OpenTelemetry's semantic conventions where they have one.
    pub fn note(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Marks it as failed.
    pub fn failed(&mut self, why: impl fmt::Display) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(why.to_string()));
        }
    }
}
