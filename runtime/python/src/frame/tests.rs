use super::*;

/// A frame as a worker would write it.
fn from_worker(kind: u8, id: u64, meta: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = encode(ToWorker::Ping, id, meta, body).unwrap().to_vec();
    bytes[4] = kind;
    bytes
}

#[test]
fn a_frame_comes_out_as_it_went_in_however_it_is_cut() {
    let bytes = from_worker(67, 42, br#"{"status":200}"#, b"hello");
    let mut buffer = BytesMut::new();
    for (at, byte) in bytes.iter().enumerate() {
        buffer.put_u8(*byte);
        let frame = cut(&mut buffer).unwrap();
        if at + 1 < bytes.len() {
            assert!(frame.is_none(), "{at}");
            continue;
        }
        let frame = frame.unwrap();
        assert_eq!((frame.kind, frame.id), (FromWorker::Result, 42));
        assert_eq!(&frame.meta[..], br#"{"status":200}"#);
        assert_eq!(&frame.body[..], b"hello");
    }
    assert!(buffer.is_empty());
}

#[test]
fn meta_over_64_kib_travels_in_the_body() {
    let meta = vec![b' '; 70_000];
    let bytes = from_worker(70, 1, &meta, b"x");
    assert_eq!(bytes[5], BIG_META);
    let frame = cut(&mut BytesMut::from(&bytes[..])).unwrap().unwrap();
    assert_eq!(frame.meta.len(), 70_000);
    assert_eq!(&frame.body[..], b"x");
}

#[test]
fn frames_over_the_limit_are_refused_on_both_sides() {
    let body = vec![0; MAX_FRAME_BYTES];
    assert!(matches!(
        encode(ToWorker::Request, 1, b"", &body),
        Err(FrameError::TooLong { .. })
    ));
    let mut buffer = BytesMut::from(&u32::MAX.to_le_bytes()[..]);
    assert!(matches!(cut(&mut buffer), Err(FrameError::TooLong { .. })));
}

#[test]
fn lies_about_lengths_are_errors() {
    let mut short = BytesMut::from(&[3, 0, 0, 0, 1, 2, 3][..]);
    assert!(matches!(cut(&mut short), Err(FrameError::TooShort { .. })));
    let mut bytes = from_worker(67, 1, b"{}", b"");
    bytes[6] = 200;
    assert!(matches!(
        cut(&mut BytesMut::from(&bytes[..])),
        Err(FrameError::TooShort { .. })
    ));
    let strange = from_worker(99, 1, b"", b"");
    assert!(matches!(
        cut(&mut BytesMut::from(&strange[..])),
        Err(FrameError::UnknownType { code: 99 })
    ));
}
