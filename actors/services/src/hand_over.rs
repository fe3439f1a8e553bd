//! From a request that is to run later to the envelope the bus keeps, and back.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::clock;
use busker_model::bus::{Envelope, Head};
use busker_model::{Delivery, Payload, Request};
use busker_service::ports::AsyncOptions;
use bytes::Bytes;

/// The envelope of a request; `own` is the delivery class of its service.
pub(crate) fn envelope(request: Request, how: AsyncOptions, own: Delivery) -> Envelope {
    let accepted_ms = clock::unix_ms();
    let delayed = (!how.delay.is_zero()).then(|| accepted_ms.saturating_add(millis(how.delay)));
    let raw = match &request.payload {
        Payload::Json(payload) | Payload::Raw(payload) if *payload == request.raw => None,
        Payload::None if request.raw.is_empty() => None,
        Payload::None | Payload::Json(_) | Payload::Raw(_) => Some(request.raw),
    };
    Envelope {
        cid: request.cid,
        service: request.service,
        delivery: how.delivery.unwrap_or(own),
        head: Head {
            accepted_ms,
            channel: request.channel,
            data_format: request.data_format,
            not_before_ms: how.not_before_ms.max(delayed),
            deadline_ms: how.deadline_ms,
            key: how.key,
            traceparent: request.traceparent.as_deref().map(ToOwned::to_owned),
            principal: request.principal.as_deref().cloned(),
            parent: how.parent,
            job: request.job.as_deref().cloned(),
        },
        payload: request.payload,
        raw,
    }
}

/// The request an envelope asks for, to be answered within `patience` unless its deadline is earlier. The chain of
/// synchronous invocations starts anew with it.
#[must_use]
pub fn request(envelope: Envelope, patience: Duration) -> Request {
    let head = envelope.head;
    let left = head.deadline_ms.map(|deadline| {
        let left = deadline.saturating_sub(clock::unix_ms());
        Duration::from_millis(u64::try_from(left).unwrap_or_default())
    });
    let deadline = clock::now() + left.map_or(patience, |left| left.min(patience));
    let raw = envelope.raw.unwrap_or_else(|| match &envelope.payload {
        Payload::None => Bytes::new(),
        Payload::Json(payload) | Payload::Raw(payload) => payload.clone(),
    });
    Request {
        cid: envelope.cid,
        channel: head.channel,
        data_format: head.data_format,
        raw,
        payload: envelope.payload,
        principal: head.principal.map(Arc::new),
        traceparent: head.traceparent.map(Into::into),
        job: head.job.map(Arc::new),
        ..Request::json(envelope.service, Bytes::new(), deadline)
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use busker_model::ServiceName;

    use super::*;

    #[test]
    fn a_request_comes_back_as_it_went() {
        let name = ServiceName::new("orders.book").unwrap();
        let mut sent = Request::json(name, Bytes::from_static(b"{\"n\":1.50}"), clock::now());
        sent.traceparent = Some("00-1-2-01".into());
        sent.depth = 5;
        let how = AsyncOptions {
            delay: Duration::from_secs(3),
            ..AsyncOptions::default()
        };
        let kept = envelope(sent.clone(), how, Delivery::Fast);
        assert_eq!(kept.raw, None);
        assert_eq!(kept.delivery, Delivery::Fast);
        assert_eq!(kept.head.not_before_ms, Some(kept.head.accepted_ms + 3_000));
        let back = request(kept, Duration::from_secs(60));
        assert_eq!(
            (back.cid, back.raw, back.payload),
            (sent.cid, sent.raw, sent.payload)
        );
        assert_eq!((back.traceparent, back.depth), (sent.traceparent, 0));
    }

    #[test]
    fn the_body_of_another_format_travels_beside_the_payload() {
        let name = ServiceName::new("orders.book").unwrap();
        let mut sent = Request::json(name, Bytes::from_static(b"{\"a\":\"1\"}"), clock::now());
        sent.raw = Bytes::from_static(b"<request><a>1</a></request>");
        let kept = envelope(sent.clone(), AsyncOptions::default(), Delivery::Durable);
        let back = request(kept, Duration::from_secs(60));
        assert_eq!((back.raw, back.payload), (sent.raw, sent.payload));
    }
}
