//! Traces to an OpenTelemetry collector, over HTTP with protobuf, in bounded batches.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};

use crate::TelemetryError;

/// Spans that wait for export; more are dropped and counted by the exporter.
pub const SPANS_WAITING: usize = 8192;
/// Spans sent at once.
pub const SPANS_PER_BATCH: usize = 512;
/// Longest wait of a span for its batch.
pub const BATCH_DELAY: Duration = Duration::from_secs(2);
/// Longest export of one batch.
pub const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the last batch when a node ends.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// A provider that sends to `endpoint`, such as `http://127.0.0.1:4318`.
///
/// # Errors
/// [`TelemetryError::Exporter`] when the endpoint is no URL.
pub(crate) fn provider(
    endpoint: &str,
    service: &str,
    node: &str,
) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_url(endpoint))
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
    let bounds = BatchConfigBuilder::default()
        .with_max_queue_size(SPANS_WAITING)
        .with_max_export_batch_size(SPANS_PER_BATCH)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    let processor = BatchSpanProcessor::builder(exporter)
        .with_batch_config(bounds)
        .build();
    let resource = Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(KeyValue::new("service.instance.id", node.to_owned()))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_resource(resource)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .build())
}

/// The path of traces is added as the specification of OTLP over HTTP says, unless it is there.
fn traces_url(endpoint: &str) -> String {
    let base = endpoint.trim_end_matches('/');
    if base.ends_with("/v1/traces") {
        base.to_owned()
    } else {
        format!("{base}/v1/traces")
    }
}

#[cfg(test)]
mod tests {
    use super::traces_url;

    #[test]
    fn the_path_of_traces_is_added_once() {
        let whole = "http://collector:4318/v1/traces";
        assert_eq!(traces_url("http://collector:4318"), whole);
        assert_eq!(traces_url("http://collector:4318/"), whole);
        assert_eq!(traces_url(whole), whole);
    }
}
