//! Asynchronous invocations as they are kept: the envelope, its life, dead letters and the ledger.
//!
//! An envelope is stored as `version u8 | head length u32 | payload length u32 | head | payload | raw`, numbers big
//! endian. The head is JSON, so that a later version may add fields; payload and raw travel byte for byte.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::cid::Cid;
use crate::error::{ErrorClass, Fault};
use crate::invocation::{ChannelKind, DataFormat, Payload, Principal, ReplyBody};
use crate::job::JobRef;
use crate::name::ServiceName;
use crate::service::Delivery;

/// Version of the stored form that this program writes.
pub const ENVELOPE_VERSION: u8 = 1;
/// Longest stored form in bytes: payload, body as received, and head.
pub const ENVELOPE_MAX: usize = 16 * 1024 * 1024;
/// Longest order key in bytes.
pub const ORDER_KEY_MAX: usize = 200;
/// Length of what comes before the head.
const PREAMBLE: usize = 9;

/// One asynchronous invocation, as handed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Its id, and its idempotency key: the same cid is kept once.
    pub cid: Cid,
    /// Service to run.
    pub service: ServiceName,
    /// How it is kept.
    pub delivery: Delivery,
    /// Everything else that is not payload.
    pub head: Head,
    /// What the service reads.
    pub payload: Payload,
    /// The body as received, when it is not the payload itself, such as the XML behind a tree.
    pub raw: Option<Bytes>,
}

/// The small facts of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// When it was handed over, Unix milliseconds.
    pub accepted_ms: i64,
    /// Way it came.
    pub channel: ChannelKind,
    /// Format of the body.
    pub data_format: DataFormat,
    /// It starts no earlier, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<i64>,
    /// It is not started later, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<i64>,
    /// Invocations of one service with the same key run one after another, in the order they were accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// W3C traceparent of the span it was handed over in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Who handed it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// cid of the request it was handed over in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Cid>,
    /// Job that fired it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobRef>,
}

/// The head with what the stored form needs beside it.
#[derive(Serialize, Deserialize)]
struct Stored {
    cid: Cid,
    service: ServiceName,
    delivery: Delivery,
    payload: PayloadKind,
    head: Head,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PayloadKind {
    None,
    Json,
    Raw,
}

/// Bytes that are no envelope of a version this program reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeError(String);

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a stored invocation cannot be read: {}", self.0)
    }
}

impl std::error::Error for EnvelopeError {}

impl Envelope {
    /// The stored form.
    ///
    /// # Errors
    /// `TooLarge` over [`ENVELOPE_MAX`], `Invalid` for an order key that is empty or over [`ORDER_KEY_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, Fault> {
        if self
            .head
            .key
            .as_ref()
            .is_some_and(|key| key.is_empty() || key.len() > ORDER_KEY_MAX)
        {
            return Err(Fault::invalid(format!(
                "key: must be 1 to {ORDER_KEY_MAX} bytes"
            )));
        }
        let stored = Stored {
            cid: self.cid,
            service: self.service.clone(),
            delivery: self.delivery,
            payload: match &self.payload {
                Payload::None => PayloadKind::None,
                Payload::Json(_) => PayloadKind::Json,
                Payload::Raw(_) => PayloadKind::Raw,
            },
            head: self.head.clone(),
        };
        let head = serde_json::to_vec(&stored).map_err(|error| {
            Fault::internal("an invocation cannot be stored").operator(error.to_string())
        })?;
        let payload = self.payload_bytes();
        let raw = self.raw.as_deref().unwrap_or_default();
        let total = PREAMBLE + head.len() + payload.len() + raw.len();
        let too_large = || {
            Fault::new(
                ErrorClass::TooLarge,
                format!(
                    "payload: an asynchronous invocation is at most {ENVELOPE_MAX} bytes, this one is {total}"
                ),
            )
        };
        if total > ENVELOPE_MAX {
            return Err(too_large());
        }
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| too_large());
        let mut out = Vec::with_capacity(total);
        out.push(ENVELOPE_VERSION);
        out.extend_from_slice(&length(&head)?.to_be_bytes());
        out.extend_from_slice(&length(payload)?.to_be_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(payload);
        out.extend_from_slice(raw);
        Ok(out)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`EnvelopeError`] for another version or torn bytes.
    pub fn decode(stored: &Bytes) -> Result<Self, EnvelopeError> {
        let torn = || EnvelopeError(format!("{} bytes are not all of it", stored.len()));
        let [version, a, b, c, d, e, f, g, h, ..] = **stored else {
            return Err(torn());
        };
        if version != ENVELOPE_VERSION {
            return Err(EnvelopeError(format!(
                "version {version} is not the {ENVELOPE_VERSION} of this program"
            )));
        }
        let size = |bytes| usize::try_from(u32::from_be_bytes(bytes)).map_err(|_| torn());
        let head_end = PREAMBLE.saturating_add(size([a, b, c, d])?);
        let payload_end = head_end.saturating_add(size([e, f, g, h])?);
        if payload_end > stored.len() {
            return Err(torn());
        }
        let head: Stored = serde_json::from_slice(&stored[PREAMBLE..head_end])
            .map_err(|error| EnvelopeError(error.to_string()))?;
        let payload = stored.slice(head_end..payload_end);
        let raw = stored.slice(payload_end..);
        Ok(Self {
            cid: head.cid,
            service: head.service,
            delivery: head.delivery,
            head: head.head,
            payload: match head.payload {
                PayloadKind::None => Payload::None,
                PayloadKind::Json => Payload::Json(payload),
                PayloadKind::Raw => Payload::Raw(payload),
            },
            raw: (!raw.is_empty()).then_some(raw),
        })
    }

    /// The payload, whatever its kind.
    #[must_use]
    pub fn payload_bytes(&self) -> &[u8] {
        match &self.payload {
            Payload::None => &[],
            Payload::Json(bytes) | Payload::Raw(bytes) => bytes,
        }
    }

    /// Puts other bytes in place of the payload; the body as received goes with the old one.
    ///
    /// # Errors
    /// `Invalid` when the payload is JSON and the bytes are not.
    pub fn replace_payload(&mut self, bytes: Bytes) -> Result<(), Fault> {
        self.payload = match &self.payload {
            Payload::Raw(_) => Payload::Raw(bytes),
            Payload::None | Payload::Json(_) if bytes.is_empty() => Payload::None,
            Payload::None | Payload::Json(_) => {
                if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
                    return Err(Fault::invalid(format!(
                        "payload: this invocation carries JSON, and this is none ({error})"
                    )));
                }
                Payload::Json(bytes)
            }
        };
        self.raw = None;
        Ok(())
    }
}

/// Where an invocation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvocationState {
    /// It can start as soon as a node has a permit, or when it is first in the line of its key.
    Waiting,
    /// It starts later: it was asked to, or it failed and is tried again.
    Delayed,
    /// A node runs it.
    Running,
    /// It succeeded.
    Done,
    /// It failed for good and is kept as a dead letter.
    Dead,
    /// It was a dead letter, and an operator let it go.
    Discarded,
    /// Its deadline passed before it could start.
    Expired,
}

/// Why an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Class.
    pub class: ErrorClass,
    /// Stable short code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the caller may read.
    pub message: String,
    /// What only an operator reads: the traceback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Longest detail of a failure that is kept, in bytes.
pub const FAILURE_DETAIL_MAX: usize = 8 * 1024;

impl From<&Fault> for Failure {
    fn from(fault: &Fault) -> Self {
        let operator = fault
            .detail
            .as_ref()
            .and_then(|detail| detail.operator.clone());
        let mut detail = operator.unwrap_or_default();
        detail.push_str(&fault.traceback());
        if detail.len() > FAILURE_DETAIL_MAX {
            let end = (0..=FAILURE_DETAIL_MAX)
                .rev()
                .find(|&at| detail.is_char_boundary(at));
            detail.truncate(end.unwrap_or_default());
        }
        let detail = detail.trim().to_owned();
        Self {
            class: fault.class,
            code: fault.code_str().map(ToOwned::to_owned),
            message: fault.message.to_string(),
            detail: (!detail.is_empty()).then_some(detail),
        }
    }
}

/// What is known of an invocation by its cid.
#[derive(Debug, Clone, PartialEq)]
pub struct InvocationStatus {
    /// Its cid.
    pub cid: Cid,
    /// Service.
    pub service: ServiceName,
    /// How it is kept.
    pub delivery: Delivery,
    /// Where it is.
    pub state: InvocationState,
    /// When it was handed over, Unix milliseconds.
    pub accepted_ms: i64,
    /// When it starts, for one that is delayed; when it ended, for one that has.
    pub at_ms: Option<i64>,
    /// How often it was started.
    pub attempts: u32,
    /// Why it failed last.
    pub failure: Option<Failure>,
    /// What it answered; `None` when it was too long to keep.
    pub result: Option<ReplyBody>,
}

/// How many invocations of one service and class there were and where they are.
///
/// `accepted = done + dead + discarded + expired + pending` at every moment; `pending` is counted, not computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// Service.
    pub service: ServiceName,
    /// How they are kept.
    pub delivery: Delivery,
    /// Handed over.
    pub accepted: u64,
    /// Succeeded.
    pub done: u64,
    /// Dead letters now.
    pub dead: u64,
    /// Dead letters that were let go.
    pub discarded: u64,
    /// Not started in time.
    pub expired: u64,
    /// Waiting, delayed or running now.
    pub pending: u64,
}

impl LedgerRow {
    /// What is accounted for.
    #[must_use]
    pub const fn accounted(&self) -> u64 {
        self.done + self.dead + self.discarded + self.expired + self.pending
    }

    /// Whether nothing is lost and nothing is counted twice.
    #[must_use]
    pub const fn balances(&self) -> bool {
        self.accepted == self.accounted()
    }
}

/// An interval in which the bus lost what it had, such as a Redis that came back empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Last moment at which all was there, Unix milliseconds.
    pub from_ms: i64,
    /// When it was noticed, Unix milliseconds.
    pub noticed_ms: i64,
    /// Whether nothing at all was left.
    pub emptied: bool,
    /// Invocations that are lost: all of them `fast`.
    pub lost: u64,
    /// The same by service.
    pub services: Vec<LossRow>,
}

/// What a [`Loss`] meant to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossRow {
    /// Service.
    pub service: ServiceName,
    /// `fast` ones accepted until then.
    pub accepted: u64,
    /// Of those, pending then.
    pub pending: u64,
    /// Of those, still there afterwards.
    pub kept: u64,
    /// Of those, not there any more. One that ran and could not be settled any more is among them.
    pub lost: u64,
}

/// An invocation that failed for good.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The invocation.
    pub envelope: Envelope,
    /// When it was given up, Unix milliseconds.
    pub died_ms: i64,
    /// How often it was started.
    pub attempts: u32,
    /// Why it failed last.
    pub failure: Failure,
    /// Code that failed, such as `stock.GetCap generation 4`; empty when not known.
    pub version: String,
}

/// A dead letter in a list: everything but the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadSummary {
    /// Its cid.
    pub cid: Cid,
    /// Service.
    pub service: ServiceName,
    /// How it was kept.
    pub delivery: Delivery,
    /// When it was handed over, Unix milliseconds.
    pub accepted_ms: i64,
    /// When it was given up, Unix milliseconds.
    pub died_ms: i64,
    /// How often it was started.
    pub attempts: u32,
    /// Why it failed last.
    pub failure: Failure,
    /// Code that failed; empty when not known.
    pub version: String,
    /// Length of its stored form in bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests;
