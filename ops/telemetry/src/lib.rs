//! What a node tells about itself to files, collectors and scrapers: its log, its traces, its metrics.
//!
//! It knows nothing of channels or services: they log through `tracing` and count through handles of [`Metrics`]. It is
//! not the supervision tree either; events of actors are in `busker-kit`. Start with [`init`], once per process, and
//! [`metrics`].

mod events;
mod export;
mod line;
pub mod metrics;
mod rotate;
pub mod spans;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt as lines, reload};

pub use events::{EVENT_BACKLOG, Events, RECENT_EVENTS};
pub use export::{BATCH_DELAY, EXPORT_TIMEOUT, FLUSH_TIMEOUT, SPANS_PER_BATCH, SPANS_WAITING};
pub use line::LINE_BYTES;
pub use metrics::{Counter, Gauge, Histogram, MetricName, Metrics};
pub use rotate::{LOG_FILE_BYTES, LOG_FILES_KEPT};

use crate::line::PlainLine;
use crate::rotate::RotatingFile;

/// Libraries that say more than an operator wants to read. `actix_http` writes an error for every malformed request that
/// a caller sends; ask for `info,actix_http=error` to see them.
const QUIET: &str = "actix_http=off,ractor=warn,hyper=warn,h2=warn,reqwest=warn,rustls=warn,mio=warn,actix_server=warn,\
                     tokio_postgres=warn,refinery_core=warn,opentelemetry=warn,opentelemetry_sdk=warn";

/// What to log and where to.
#[derive(Debug, Clone, Default)]
pub struct TelemetryConfig {
    /// Log file; its folder must exist.
    pub log_file: Option<PathBuf>,
    /// Whether lines go to standard error as well.
    pub stderr: bool,
    /// `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,busker_python=debug`.
    pub log_level: String,
    /// OTLP over HTTP, such as `http://127.0.0.1:4318`; nothing is exported without it.
    pub otlp_endpoint: Option<String>,
    /// Name of the service in traces, such as `busker`.
    pub service_name: String,
    /// Name of the node.
    pub node: String,
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log file cannot be opened.
    #[error("log file {path}: {source}", path = path.display())]
    LogFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The level is none.
    #[error(
        "log level {0:?}: use error, warn, info, debug or trace, or directives such as info,busker_python=debug"
    )]
    Level(String),
    /// The exporter cannot be made.
    #[error("otlp_endpoint: {0}")]
    Exporter(String),
    /// Somebody else set a subscriber in this process.
    #[error("logging was started twice in this process")]
    Twice,
}

/// Keeps telemetry going; exports what is left when dropped.
pub struct Guard {
    level: LevelHandle,
    provider: Option<SdkTracerProvider>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("exports", &self.provider.is_some())
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// The handle that changes the level.
    #[must_use]
    pub fn level(&self) -> LevelHandle {
        self.level.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(provider) = &self.provider
            && let Err(error) = provider.shutdown_with_timeout(FLUSH_TIMEOUT)
        {
            tracing::warn!("the last traces were not exported: {error}");
        }
    }
}

/// Changes the level of a running node. Cheap to clone.
#[derive(Clone)]
pub struct LevelHandle(Arc<reload::Handle<EnvFilter, Registry>>);

impl fmt::Debug for LevelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LevelHandle")
    }
}

impl LevelHandle {
    /// Sets another level, from the next line on.
    ///
    /// # Errors
    /// [`TelemetryError::Level`]; the old one stays then.
    pub fn set(&self, level: &str) -> Result<(), TelemetryError> {
        let filter = filter(level)?;
        self.0
            .reload(filter)
            .map_err(|error| TelemetryError::Level(format!("{level}: {error}")))
    }
}

/// Starts logging and, where an endpoint is given, the export of traces. Once per process; TLS to a collector needs a
/// provider of rustls installed before.
///
/// # Errors
/// [`TelemetryError`].
pub fn init(config: TelemetryConfig) -> Result<Guard, TelemetryError> {
    let (filter, level) = reload::Layer::new(filter(&config.log_level)?);
    let file = config.log_file.map(open).transpose()?;
    let file = file.map(|file| {
        lines::layer()
            .event_format(PlainLine)
            .with_ansi(false)
            .with_writer(file)
    });
    let stderr = config.stderr.then(|| {
        lines::layer()
            .event_format(PlainLine)
            .with_ansi(false)
            .with_writer(std::io::stderr)
    });
    let provider = config
        .otlp_endpoint
        .map(|endpoint| export::provider(&endpoint, &config.service_name, &config.node))
        .transpose()?;
    if let Some(provider) = &provider {
        spans::install(provider.tracer("busker"));
    }
    tracing_subscriber::registry()
        .with(filter)
        .with(file)
        .with(stderr)
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    Ok(Guard {
        level: LevelHandle(Arc::new(level)),
        provider,
    })
}

fn open(path: PathBuf) -> Result<RotatingFile, TelemetryError> {
    RotatingFile::open(&path, LOG_FILE_BYTES)
        .map_err(|source| TelemetryError::LogFile { path, source })
}

/// Names before levels: what was asked for wins over the quiet list, since later directives of a target win.
fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let asked = if level.is_empty() { "info" } else { level };
    let wrong = || TelemetryError::Level(asked.to_owned());
    // A lone word that is no level would be taken for the name of a target, and silence everything else.
    let base = asked.split(',').find(|part| !part.contains('='));
    if base.is_some_and(|word| {
        word.trim()
            .parse::<tracing::level_filters::LevelFilter>()
            .is_err()
    }) {
        return Err(wrong());
    }
    EnvFilter::try_new(format!("{QUIET},{asked}")).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_refused_with_the_remedy() {
        assert!(filter("info").is_ok());
        assert!(filter("").is_ok());
        assert!(filter("warn,busker_python=debug").is_ok());
        for wrong in ["loud", "info,busker=loud"] {
            let error = filter(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("info"), "{error}");
        }
    }

    #[test]
    fn a_log_file_that_cannot_be_opened_names_itself() {
        let config = TelemetryConfig {
            log_file: Some("/nowhere/node.log".into()),
            ..TelemetryConfig::default()
        };
        let error = init(config).unwrap_err().to_string();
        assert!(error.contains("/nowhere/node.log"), "{error}");
    }
}
