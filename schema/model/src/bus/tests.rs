use super::*;

fn envelope(payload: Payload) -> Envelope {
    Envelope {
        cid: Cid::from_u128(7),
        service: ServiceName::new("orders.book").unwrap(),
        delivery: Delivery::Fast,
        head: Head {
            accepted_ms: 1,
            channel: ChannelKind::InvokeAsync,
            data_format: DataFormat::Json,
            not_before_ms: Some(5),
            deadline_ms: None,
            key: Some("customer-1".into()),
            traceparent: None,
            principal: None,
            parent: Some(Cid::from_u128(6)),
            job: None,
        },
        payload,
        raw: None,
    }
}

#[test]
fn payloads_travel_byte_for_byte() {
    let bytes = Bytes::from(vec![0_u8, 255, 10, 13, 0]);
    for payload in [
        Payload::None,
        Payload::Raw(Bytes::new()),
        Payload::Raw(bytes.clone()),
        Payload::Json(Bytes::from_static(b"{\"n\": 1.50}")),
    ] {
        let mut sent = envelope(payload);
        let stored = Bytes::from(sent.encode().unwrap());
        assert_eq!(Envelope::decode(&stored).unwrap(), sent);
        sent.raw = Some(bytes.clone());
        let stored = Bytes::from(sent.encode().unwrap());
        assert_eq!(Envelope::decode(&stored).unwrap(), sent);
    }
}

#[test]
fn torn_bytes_and_other_versions_are_refused() {
    let whole = envelope(Payload::Raw(Bytes::from_static(b"abc")))
        .encode()
        .unwrap();
    for end in 0..whole.len() - 3 {
        assert!(
            Envelope::decode(&Bytes::copy_from_slice(&whole[..end])).is_err(),
            "{end}"
        );
    }
    let mut later = whole;
    later[0] = ENVELOPE_VERSION + 1;
    let error = Envelope::decode(&Bytes::from(later))
        .unwrap_err()
        .to_string();
    assert!(error.contains("version 2"), "{error}");
}

#[test]
fn what_is_too_long_or_has_a_wrong_key_is_not_kept() {
    let large = envelope(Payload::Raw(Bytes::from(vec![0; ENVELOPE_MAX])));
    assert_eq!(large.encode().unwrap_err().class, ErrorClass::TooLarge);
    let mut keyed = envelope(Payload::None);
    keyed.head.key = Some(String::new());
    assert!(keyed.encode().unwrap_err().message.starts_with("key:"));
}

#[test]
fn json_is_replaced_by_json_only() {
    let mut sent = envelope(Payload::Json(Bytes::from_static(b"{}")));
    assert_eq!(
        sent.replace_payload(Bytes::from_static(b"{"))
            .unwrap_err()
            .class,
        ErrorClass::Invalid
    );
    sent.replace_payload(Bytes::from_static(b"[1]")).unwrap();
    assert_eq!(sent.payload_bytes(), b"[1]");
}

#[test]
fn a_ledger_balances_when_everything_is_somewhere() {
    let mut row = LedgerRow {
        service: ServiceName::new("a").unwrap(),
        delivery: Delivery::Durable,
        accepted: 10,
        done: 4,
        dead: 1,
        discarded: 1,
        expired: 1,
        pending: 3,
    };
    assert!(row.balances());
    row.pending = 2;
    assert!(!row.balances());
}
