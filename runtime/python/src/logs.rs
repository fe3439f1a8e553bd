//! What services log and print, passed on to the node's log with its cid and service.

use tracing::{debug, error, info, warn};

use crate::frame::{Frame, FromWorker};
use crate::meta::{LogMeta, LogRecord, OutMeta};

/// Longest text of one log record or print, in bytes; the rest is cut.
const MAX_TEXT: usize = 16 * 1024;

/// Writes a LOG or OUT frame.
pub(crate) fn write(frame: &Frame) {
    let written = match frame.kind {
        FromWorker::Log => frame
            .meta()
            .map(|meta: LogMeta| meta.records.iter().for_each(record)),
        FromWorker::Out => frame.meta().map(|meta: OutMeta| output(&meta, &frame.body)),
        FromWorker::Hello
        | FromWorker::Deployed
        | FromWorker::DeployFail
        | FromWorker::Result
        | FromWorker::Error
        | FromWorker::Call
        | FromWorker::Pong => Ok(()),
    };
    if let Err(error) = written {
        warn!("a worker's log record was lost: {error}");
    }
}

fn record((_, level, logger, cid, service, message): &LogRecord) {
    let cid = cid.as_deref().unwrap_or_default();
    let service = service.as_deref().unwrap_or_default();
    let text = cut(message);
    match level.as_str() {
        "CRITICAL" | "ERROR" | "critical" | "error" => {
            error!(target: "service", cid, service, logger, "{text}")
        }
        "WARNING" | "warning" => warn!(target: "service", cid, service, logger, "{text}"),
        "DEBUG" | "debug" => debug!(target: "service", cid, service, logger, "{text}"),
        _ => info!(target: "service", cid, service, logger, "{text}"),
    }
}

fn output(meta: &OutMeta, body: &[u8]) {
    let cid = meta.cid.as_deref().unwrap_or_default();
    let service = meta.service.as_deref().unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    for line in cut(&text).lines().filter(|line| !line.trim().is_empty()) {
        info!(target: "service", cid, service, stream = %meta.stream, "{line}");
    }
}

/// The start of a long text.
pub(crate) fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_TEXT);
    text.get(..end).unwrap_or(text)
}
