//! Kept invocations: found by cid and service, bounded by service, by age and in all.

use busker_kit::clock::unix_ms;
use busker_odb::samples::{
    KEPT_MS, KEPT_PER_SERVICE, SampleBody, SampleHead, SampleKind, SampleWrite,
};
use serde_json::json;

use crate::fixture::{Bench, on_both};

on_both!(
    a_sample_is_listed_read_and_deleted,
    of_each_service_and_kind_the_newest_are_kept,
    what_is_too_old_is_forgotten,
);

fn write(kind: SampleKind, service: &str, cid: &str, started_ms: i64) -> SampleWrite {
    let body = |text: &str| SampleBody {
        text: text.to_owned(),
        bytes: 7,
        state: "whole".to_owned(),
        masked: 1,
    };
    SampleWrite {
        kind,
        head: SampleHead {
            service: service.to_owned(),
            cid: cid.to_owned(),
            node: "node1".to_owned(),
            version: "Book, generation 2".to_owned(),
            generation: 2,
            started_ms,
            took_micros: 1_500,
            threshold_micros: 1_000,
            outcome: "ok".to_owned(),
            origin: json!({"channel": "api", "params": [["q", "1"]]}),
        },
        request: body("asked"),
        response: body("answered"),
    }
}

async fn a_sample_is_listed_read_and_deleted(bench: Bench) {
    let samples = bench.odb.samples();
    let now = unix_ms();
    let sample = write(SampleKind::Sample, "a", "K1", now);
    let slow = write(SampleKind::Slow, "a", "K1", now);
    let other = write(SampleKind::Sample, "b", "K2", now);
    samples
        .keep(vec![sample.clone(), slow, other.clone()])
        .await
        .unwrap();
    let (total, rows) = samples.list(SampleKind::Sample, "", 0, 10).await.unwrap();
    let cids: Vec<&str> = rows.iter().map(|row| row.head.cid.as_str()).collect();
    assert_eq!((total, cids), (2, vec!["K2", "K1"]), "newest first");
    let (total, rows) = samples.list(SampleKind::Sample, "a", 0, 10).await.unwrap();
    assert_eq!((total, &rows[0].head), (1, &sample.head));
    assert_eq!(rows[0].request_bytes, 7);
    let both = samples.of_cid("K1", "", None).await.unwrap();
    assert_eq!(both.len(), 2);
    let one = samples
        .of_cid("K1", "a", Some(SampleKind::Sample))
        .await
        .unwrap();
    assert_eq!(
        (&one[0].request, &one[0].response),
        (&sample.request, &sample.response)
    );
    assert_eq!(one[0].head, sample.head);
    assert_eq!(samples.delete(SampleKind::Sample, "a", "K2").await, Ok(0));
    assert_eq!(samples.delete(SampleKind::Sample, "a", "").await, Ok(1));
    assert_eq!(samples.of_cid("K1", "", None).await.unwrap().len(), 1);
    assert_eq!(samples.of_cid("K2", "b", None).await.unwrap().len(), 1);
}

async fn of_each_service_and_kind_the_newest_are_kept(bench: Bench) {
    let samples = bench.odb.samples();
    let count = usize::try_from(KEPT_PER_SERVICE).unwrap() + 10;
    let batch = |kind| {
        let one = move |number| write(kind, "a", &format!("K{number}"), unix_ms());
        (0..count).map(one).collect::<Vec<_>>()
    };
    samples.keep(batch(SampleKind::Slow)).await.unwrap();
    samples.keep(batch(SampleKind::Sample)).await.unwrap();
    for kind in [SampleKind::Slow, SampleKind::Sample] {
        let (total, rows) = samples.list(kind, "a", 0, 1).await.unwrap();
        assert_eq!(total, KEPT_PER_SERVICE);
        assert_eq!(rows[0].head.cid, format!("K{}", count - 1));
        let oldest = samples.of_cid("K9", "a", Some(kind)).await.unwrap();
        assert_eq!(oldest, []);
    }
}

async fn what_is_too_old_is_forgotten(bench: Bench) {
    let samples = bench.odb.samples();
    let now = unix_ms();
    let old = write(SampleKind::Slow, "a", "K1", now - KEPT_MS - 1);
    let young = write(SampleKind::Slow, "a", "K2", now - KEPT_MS + 60_000);
    samples.keep(vec![old, young]).await.unwrap();
    samples.forget_old(now).await.unwrap();
    let (total, rows) = samples.list(SampleKind::Slow, "", 0, 10).await.unwrap();
    assert_eq!((total, rows[0].head.cid.as_str()), (1, "K2"));
}
