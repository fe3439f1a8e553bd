//! The body of a request frame: what a service is asked, in segments a worker decodes only as far as it is asked to.

use std::time::{Duration, Instant};

use busker_model::job::JobRef;
use busker_model::{ChannelKind, DataFormat, Payload, Principal, Request, Transport};
use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

use crate::frame::{self, FrameError, ToWorker};

/// Length of the payload segment that means "the same bytes as the raw segment".
const SAME_AS_RAW: u32 = u32::MAX;
/// Kind, channel, format, transport, cid and the lengths of six segments.
const FIXED: usize = 4 + 16 + 6 * 4;
/// Room kept for the HTTP segment.
const HTTP_ROOM: usize = 768;

#[derive(Serialize)]
struct Extra<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a Principal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'a JobRef>,
    depth: u8,
}

/// The REQ frame of a request.
///
/// # Errors
/// [`FrameError::TooLong`].
pub(crate) fn encode(
    id: u64,
    service: u32,
    request: &Request,
    now: Instant,
) -> Result<Bytes, FrameError> {
    let (kind, payload) = match &request.payload {
        Payload::None => (0, &[][..]),
        Payload::Json(bytes) => (1, &bytes[..]),
        Payload::Raw(bytes) => (2, &bytes[..]),
    };
    let same = same_bytes(payload, &request.raw);
    let input = request.input.as_deref().unwrap_or_default();
    let room =
        FIXED + request.raw.len() + if same { 0 } else { payload.len() } + input.len() + HTTP_ROOM;
    let mut out = frame::open(
        ToWorker::Request,
        id,
        service,
        deadline_ms(request.deadline, now),
        room,
    );
    out.put_u8(kind);
    out.put_u8(channel_code(request.channel));
    out.put_u8(format_code(request.data_format));
    out.put_u8(transport_code(request.transport));
    out.put_u128_le(request.cid.as_u128());
    put_segment(&mut out, &request.raw);
    if same {
        out.put_u32_le(SAME_AS_RAW);
    } else {
        put_segment(&mut out, payload);
    }
    put_segment(&mut out, input);
    put_json(&mut out, request.http.as_deref());
    put_json(&mut out, extra(request).as_ref());
    put_segment(&mut out, &[]);
    frame::close(out)
}

fn extra(request: &Request) -> Option<Extra<'_>> {
    let known = request.principal.is_some()
        || request.traceparent.is_some()
        || request.job.is_some()
        || request.depth > 0;
    known.then_some(Extra {
        principal: request.principal.as_deref(),
        traceparent: request.traceparent.as_deref(),
        job: request.job.as_deref(),
        depth: request.depth,
    })
}

/// Whether two slices are one piece of memory: comparing contents would cost more than it saves.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    !a.is_empty() && std::ptr::eq(a, b)
}

/// Milliseconds left, at least 1, since 0 means "none".
fn deadline_ms(deadline: Instant, now: Instant) -> u32 {
    let left: Duration = deadline.saturating_duration_since(now);
    u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// A length over `u32` makes the frame too long as a whole, so it need not be right here.
fn put_segment(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put_slice(bytes);
}

/// Written straight into the frame: no text in between.
fn put_json(out: &mut BytesMut, value: Option<&impl Serialize>) {
    let at = out.len();
    out.put_u32_le(0);
    if let Some(value) = value {
        // Strings, numbers and lists cannot fail to be written, and a buffer takes all.
        if serde_json::to_writer(out.writer(), value).is_err() {
            out.truncate(at + 4);
        }
    }
    let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    if let Some(mut field) = out.get_mut(at..at + 4) {
        field.put_u32_le(length);
    }
}

fn channel_code(channel: ChannelKind) -> u8 {
    match channel {
        ChannelKind::HttpSoap => 0,
        ChannelKind::Invoke => 1,
        ChannelKind::InvokeAsync => 2,
        ChannelKind::Api => 3,
        ChannelKind::Scheduler => 4,
        ChannelKind::Amqp => 5,
        ChannelKind::JmsWmq => 6,
        ChannelKind::Zmq => 7,
    }
}

fn format_code(format: DataFormat) -> u8 {
    match format {
        DataFormat::Json => 0,
        DataFormat::Xml => 1,
        DataFormat::Form => 2,
        DataFormat::Raw => 3,
    }
}

fn transport_code(transport: Option<Transport>) -> u8 {
    match transport {
        None => 0,
        Some(Transport::PlainHttp) => 1,
        Some(Transport::Soap) => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use busker_kit::clock;
    use busker_model::invocation::HttpHead;
    use busker_model::{Cid, ServiceName};
    use bytes::Buf;

    use super::*;

    fn take(rest: &mut Bytes) -> Bytes {
        let length = rest.get_u32_le() as usize;
        rest.split_to(length)
    }

    #[test]
    fn segments_come_in_the_order_of_the_protocol() {
        let now = clock::now();
        let name = ServiceName::new("a.b").unwrap();
        let mut request = Request::json(
            name,
            Bytes::from_static(b"{}"),
            now + Duration::from_millis(1500),
        );
        request.cid = Cid::from_u128(77);
        request.raw = Bytes::from_static(b"<raw/>");
        request.input = Some(Bytes::from_static(br#"{"a":1}"#));
        request.depth = 2;
        request.http = Some(Arc::new(HttpHead {
            method: "GET".into(),
            query: vec![("q".into(), "1".into())],
            ..HttpHead::default()
        }));
        let mut frame = encode(5, 9, &request, now).unwrap();
        assert_eq!(frame.get_u32_le() as usize, frame.len());
        frame.advance(4);
        assert_eq!(
            (frame.get_u64_le(), frame.get_u32_le(), frame.get_u32_le()),
            (5, 9, 1500)
        );
        assert_eq!(frame.split_to(4)[..], [1, 1, 0, 0]);
        assert_eq!(frame.get_u128_le(), 77);
        assert_eq!(&take(&mut frame)[..], b"<raw/>");
        assert_eq!(&take(&mut frame)[..], b"{}");
        assert_eq!(&take(&mut frame)[..], br#"{"a":1}"#);
        let http: serde_json::Value = serde_json::from_slice(&take(&mut frame)).unwrap();
        assert_eq!(http["query"], serde_json::json!([["q", "1"]]));
        let extra: serde_json::Value = serde_json::from_slice(&take(&mut frame)).unwrap();
        assert_eq!(extra, serde_json::json!({"depth": 2}));
        assert!(take(&mut frame).is_empty() && frame.is_empty());
    }

    #[test]
    fn a_payload_that_is_the_raw_body_is_sent_once() {
        let now = clock::now();
        let name = ServiceName::new("a").unwrap();
        let request = Request::json(name, Bytes::from_static(b"{\"long\":\"text\"}"), now);
        let frame = encode(1, 0, &request, now).unwrap();
        assert_eq!(frame.len(), frame::HEADER + FIXED + request.raw.len());
    }
}
