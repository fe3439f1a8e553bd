use busker_model::{
    ChannelKind, Cid, DataFormat, ErrorClass, Origin, ServiceDefinition, ServiceName,
};
use busker_odb::OdbConfig;
use busker_odb::samples::{BODY_BYTES, KEPT_PER_SERVICE, SampleKind};
use busker_service::record::Asked;

use super::*;

fn record(body: &str, number: u128) -> Record {
    let name = ServiceName::new("orders.book").unwrap();
    Record {
        definition: Arc::new(ServiceDefinition::new(name, "Book", Origin::Rust)),
        asked: Asked {
            cid: Cid::from_u128(number),
            channel: ChannelKind::Api,
            data_format: DataFormat::Json,
            transport: None,
            body: Bytes::from(body.to_owned()),
            http: None,
            principal: None,
        },
        outcome: Ok(ReplyBody::Json(Bytes::from_static(
            b"{\"token\":\"hunter2\"}",
        ))),
        took_micros: 2_000_000,
        threshold_micros: 1_000_000,
        sampled: true,
        slow: false,
    }
}

struct World {
    odb: Odb,
    recorder: SampleRecorder,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let odb = Odb::open(OdbConfig::sqlite(folder.path().join("odb.db")));
    let odb = odb.await.unwrap();
    odb.migrate().await.unwrap();
    World {
        recorder: SampleRecorder::new(&odb, "node1", &Metrics::new()),
        odb,
        _folder: folder,
    }
}

#[tokio::test]
async fn a_row_is_masked_then_cut_and_one_that_is_both_is_kept_as_both() {
    let World { odb, recorder, .. } = &world().await;
    let long = format!(
        r#"{{"password":"hunter2","text":"{}"}}"#,
        "ä".repeat(BODY_BYTES)
    );
    let mut both = record(&long, 1);
    both.slow = true;
    recorder.record(both);
    let mut failed = record("no format of ours, hunter2", 2);
    failed.outcome = Err((ErrorClass::Conflict, "taken".into()));
    recorder.record(failed);
    recorder.record(record(&"1".repeat(MASK_BYTES + 1), 3));
    recorder.0.write_waiting(Duration::ZERO).await;
    let samples = odb.samples();
    let of = async |number: u128| {
        let cid = Cid::from_u128(number).to_string();
        samples.of_cid(&cid, "", None).await.unwrap()
    };
    let kept = of(1).await;
    assert_eq!(kept.len(), 2);
    let request = &kept[0].request;
    assert_eq!((request.state.as_str(), request.masked), ("cut", 1));
    assert!(request.text.len() <= BODY_BYTES && request.text.starts_with(r#"{"password":"***""#));
    assert_eq!(kept[0].response.text, r#"{"token":"***"}"#);
    assert_eq!(request.bytes, i64::try_from(long.len()).unwrap());
    let kept = of(2).await;
    assert_eq!(kept[0].request.state, "withheld");
    assert_eq!(kept[0].request.text, "");
    assert_eq!(
        (
            kept[0].head.outcome.as_str(),
            kept[0].response.text.as_str()
        ),
        ("conflict", "taken")
    );
    assert_eq!(of(3).await[0].request.state, "too-large");
}

#[tokio::test]
async fn what_there_is_no_room_for_is_dropped_and_counted() {
    let World { odb, recorder, .. } = &world().await;
    for number in 0..WAITING as u128 + 5 {
        recorder.record(record("{}", number));
    }
    assert_eq!(recorder.0.dropped.get(), 5);
    recorder.0.write_waiting(Duration::ZERO).await;
    assert_eq!(recorder.0.waiting.lock().bytes, 0);
    let large = "1".repeat(MASK_BYTES);
    for number in 0..20 {
        recorder.record(record(&large, number));
    }
    assert!(recorder.0.dropped.get() > 5);
    let (total, _) = odb
        .samples()
        .list(SampleKind::Sample, "", 0, 10)
        .await
        .unwrap();
    assert_eq!(total, KEPT_PER_SERVICE);
}
