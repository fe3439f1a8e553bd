//! From an invocation to the rows that are kept of it: masked, then cut.

use busker_model::DataFormat;
use busker_model::invocation::ReplyBody;
use busker_odb::samples::{BODY_BYTES, SampleBody, SampleHead, SampleKind, SampleWrite};
use busker_pipeline::mask::{MASK_BYTES, Masked, mask, mask_pairs};
use busker_service::record::Record;
use serde_json::{Value, json};

use super::Held;
use crate::ports::version_of;

/// The rows of an invocation: one as a sample, one as a slow one, or both.
pub(super) fn rows(held: Held, node: &str) -> Vec<SampleWrite> {
    let Held {
        record,
        started_ms,
        request_bytes,
        response_bytes,
    } = held;
    let request = body(&record.asked.body, record.asked.data_format, request_bytes);
    let (outcome, response) = match &record.outcome {
        Ok(ReplyBody::Empty) => ("ok", body(b"", DataFormat::Raw, 0)),
        Ok(ReplyBody::Json(text)) => ("ok", body(text, DataFormat::Json, response_bytes)),
        Ok(ReplyBody::Raw(text)) => ("ok", body(text, DataFormat::Raw, response_bytes)),
        Err((class, message)) => (class.as_str(), cut(message.to_string(), 0, response_bytes)),
    };
    let definition = &record.definition;
    let head = SampleHead {
        service: definition.name.to_string(),
        cid: record.asked.cid.to_string(),
        node: node.to_owned(),
        version: version_of(definition),
        generation: whole(definition.generation),
        started_ms,
        took_micros: whole(record.took_micros),
        threshold_micros: whole(record.threshold_micros),
        outcome: outcome.to_owned(),
        origin: origin(&record),
    };
    let kinds = [
        (record.sampled, SampleKind::Sample),
        (record.slow, SampleKind::Slow),
    ];
    let wanted = kinds.into_iter().filter(|(wanted, _)| *wanted);
    let row = |(_, kind)| SampleWrite {
        kind,
        head: head.clone(),
        request: request.clone(),
        response: response.clone(),
    };
    wanted.map(row).collect()
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way it came.
fn origin(record: &Record) -> Value {
    let asked = &record.asked;
    let params = asked.http.as_ref().map_or_else(Vec::new, |http| {
        let pairs: Vec<(String, String)> = [&http.query[..], &http.path_params].concat();
        mask_pairs(&pairs)
    });
    json!({
        "channel": asked.channel.as_str(),
        "data_format": asked.data_format.as_str(),
        "transport": asked.transport.map(|transport| transport.as_str()),
        "principal": asked.principal.as_ref().map(|principal| &principal.name),
        "params": params,
    })
}

/// What is kept of a payload that had so many bytes.
fn body(bytes: &[u8], format: DataFormat, had: usize) -> SampleBody {
    let masked = if had > MASK_BYTES {
        Masked::TooLarge
    } else {
        mask(bytes, format)
    };
    let nothing = |state: &str| SampleBody {
        bytes: whole(had as u64),
        state: state.to_owned(),
        ..SampleBody::default()
    };
    match masked {
        Masked::Text(text, count) => cut(text, count, had),
        Masked::Withheld => nothing("withheld"),
        Masked::TooLarge => nothing("too-large"),
    }
}

fn cut(mut text: String, masked: usize, had: usize) -> SampleBody {
    if text.contains('\0') {
        // PostgreSQL has no such character.
        text = text.replace('\0', "\u{fffd}");
    }
    let state = if text.len() > BODY_BYTES {
        text.truncate(text.floor_char_boundary(BODY_BYTES));
        "cut"
    } else {
        "whole"
    };
    SampleBody {
        text,
        bytes: whole(had as u64),
        state: state.to_owned(),
        masked: whole(masked as u64),
    }
}
