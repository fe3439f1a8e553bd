//! Fires of jobs: written once, under the epoch of the role, with their verdicts.

use std::collections::HashMap;

use busker_model::job::{FireKey, FireOrigin, FireRecord, JobStanding, Verdict};
use busker_model::{Cid, Family};
use busker_odb::jobs::{Batch, FIRES_KEPT, FireOutcome, FireWrite, OnOverlap, VerdictWrite};
use busker_odb::roles::SCHEDULER;
use busker_odb::{Odb, OdbError, OnUse};

use crate::fixture::{Bench, on_both, write};

on_both!(
    each_taking_of_the_role_is_a_new_epoch_and_the_old_one_writes_nothing,
    a_fire_is_written_once_whoever_writes_it,
    a_run_that_is_open_decides_in_the_same_transaction,
    a_verdict_is_given_once,
    stretches_and_standings_are_kept,
    more_fires_than_are_kept_are_summed_up,
    fires_of_jobs_that_are_gone_and_old_ones_are_forgotten,
    two_thousand_fires_are_one_batch,
);

const HOUR: i64 = 3_600_000;
/// Any whole hour.
const START: i64 = 500_000 * HOUR;

fn key(job: i64, due_ms: i64) -> FireKey {
    FireKey {
        job,
        due_ms,
        origin: FireOrigin::Schedule,
    }
}

fn fire(job: i64, due_ms: i64) -> FireWrite {
    FireWrite {
        key: key(job, due_ms),
        cid: Cid::mint(),
        watched: None,
    }
}

fn watched(job: i64, due_ms: i64, policy: OnOverlap) -> FireWrite {
    FireWrite {
        watched: Some((policy, due_ms + HOUR)),
        ..fire(job, due_ms)
    }
}

fn standing(planned_ms: i64) -> JobStanding {
    JobStanding {
        planned_ms,
        anchor_ms: START,
        runs: 0,
        paused: false,
        schedule: "{}".into(),
    }
}

fn stretch(job: i64, from_ms: i64, until_ms: i64, fires: i64) -> FireRecord {
    FireRecord {
        key: key(job, from_ms),
        until_ms,
        fires,
        verdict: Verdict::Collapsed,
        reason: "missed".into(),
        late_ms: 0,
        cid: None,
        epoch: 0,
        recorded_ms: 0,
        ended_ms: None,
        outcome: None,
    }
}

async fn batch(odb: &Odb, fires: Vec<FireWrite>, now_ms: i64) -> Vec<FireOutcome> {
    let epoch = odb.roles().get(SCHEDULER).await.unwrap().epoch;
    let batch = Batch {
        epoch,
        now_ms,
        fires,
        ..Batch::default()
    };
    odb.jobs().write(batch).await.unwrap()
}

async fn one(odb: &Odb, write: FireWrite) -> FireOutcome {
    let now_ms = write.key.due_ms;
    batch(odb, vec![write], now_ms).await.remove(0)
}

async fn verdict(odb: &Odb, key: FireKey, verdict: Verdict) {
    let epoch = odb.roles().get(SCHEDULER).await.unwrap().epoch;
    let write = VerdictWrite {
        key,
        verdict,
        reason: String::new(),
        late_ms: 3,
    };
    let batch = Batch {
        epoch,
        verdicts: vec![write],
        ..Batch::default()
    };
    odb.jobs().write(batch).await.unwrap();
}

async fn each_taking_of_the_role_is_a_new_epoch_and_the_old_one_writes_nothing(bench: Bench) {
    let other = bench.another_node().await;
    assert_eq!(bench.odb.roles().take(SCHEDULER, "node1").await, Ok(1));
    assert_eq!(other.roles().take(SCHEDULER, "node2").await, Ok(2));
    let role = bench.odb.roles().get(SCHEDULER).await.unwrap();
    assert_eq!((role.holder.as_str(), role.epoch), ("node2", 2));
    let old = Batch {
        epoch: 1,
        fires: vec![fire(1, START)],
        standings: HashMap::from([(1, standing(START))]),
        ..Batch::default()
    };
    let refused = bench.odb.jobs().write(old).await.unwrap_err();
    assert!(matches!(refused, OdbError::Stale { .. }), "{refused:?}");
    assert!(refused.to_string().contains("node2"), "{refused}");
    let refused = bench.odb.jobs().forget_old(1, START).await.unwrap_err();
    assert!(matches!(refused, OdbError::Stale { .. }), "{refused:?}");
    assert_eq!(bench.odb.jobs().history(1, 10).await, Ok(Vec::new()));
    assert_eq!(bench.odb.jobs().standing(1).await, Ok(None));
}

async fn a_fire_is_written_once_whoever_writes_it(bench: Bench) {
    let odb = &bench.odb;
    odb.roles().take(SCHEDULER, "node1").await.unwrap();
    let first = fire(1, START);
    assert_eq!(
        one(odb, first.clone()).await,
        FireOutcome::Recorded(first.cid)
    );
    odb.roles().take(SCHEDULER, "node2").await.unwrap();
    assert_eq!(one(odb, fire(1, START)).await, FireOutcome::Duplicate);
    let (second, third) = (fire(1, START + 1), fire(2, START));
    let twice = vec![second.clone(), fire(1, START + 1), third.clone()];
    let outcomes = batch(odb, twice, START).await;
    let expected = [
        FireOutcome::Recorded(second.cid),
        FireOutcome::Duplicate,
        FireOutcome::Recorded(third.cid),
    ];
    assert_eq!(outcomes, expected);
    // A person may ask for a run at the very moment one is due.
    let mut manual = fire(1, START);
    manual.key.origin = FireOrigin::Manual;
    assert_eq!(
        one(odb, manual.clone()).await,
        FireOutcome::Recorded(manual.cid)
    );
    let unfinished = odb.jobs().unfinished().await.unwrap();
    assert_eq!(unfinished.len(), 4);
    assert!(
        unfinished
            .iter()
            .any(|record| record.cid == Some(first.cid) && record.epoch == 1)
    );
}

async fn a_run_that_is_open_decides_in_the_same_transaction(bench: Bench) {
    let odb = &bench.odb;
    odb.roles().take(SCHEDULER, "node1").await.unwrap();
    let first = watched(1, START, OnOverlap::Skip);
    let recorded = FireOutcome::Recorded(first.cid);
    assert_eq!(one(odb, first.clone()).await, recorded);
    verdict(odb, first.key, Verdict::Fired).await;
    let at = |after: i64| START + after;
    assert_eq!(
        one(odb, watched(1, at(1), OnOverlap::Skip)).await,
        FireOutcome::Skipped(START)
    );
    assert_eq!(
        one(odb, watched(1, at(2), OnOverlap::Leave)).await,
        FireOutcome::Overlapping(START)
    );
    let waits = watched(1, at(3), OnOverlap::Buffer);
    assert_eq!(one(odb, waits.clone()).await, FireOutcome::Buffered(START));
    assert_eq!(
        one(odb, watched(1, at(4), OnOverlap::Buffer)).await,
        FireOutcome::Skipped(START)
    );
    assert_eq!(one(odb, watched(1, at(5), OnOverlap::Run)).await.clone(), {
        let history = odb.jobs().history(1, 1).await.unwrap();
        FireOutcome::Recorded(history[0].cid.unwrap())
    });
    assert!(matches!(
        one(odb, watched(2, at(1), OnOverlap::Skip)).await,
        FireOutcome::Recorded(_)
    ));
    // Still open: the run due at START + 5. When both ended, the one that waits keeps its cid.
    assert_eq!(odb.jobs().ended(first.key, at(6), "ok").await, Ok(true));
    assert_eq!(odb.jobs().ended(first.key, at(7), "again").await, Ok(false));
    let again = watched(1, at(3), OnOverlap::Buffer);
    assert_eq!(one(odb, again.clone()).await, FireOutcome::Buffered(at(5)));
    odb.jobs().ended(key(1, at(5)), at(7), "ok").await.unwrap();
    assert_eq!(
        one(odb, again.clone()).await,
        FireOutcome::Recorded(waits.cid)
    );
    assert_eq!(one(odb, again).await, FireOutcome::Duplicate);
    // A run nobody heard of again is open until its bound.
    let later = watched(1, at(3) + 2 * HOUR, OnOverlap::Skip);
    assert!(matches!(one(odb, later).await, FireOutcome::Recorded(_)));
    let history = odb.jobs().history(1, 100).await.unwrap();
    let first = history
        .iter()
        .find(|record| record.key == first.key)
        .unwrap();
    assert_eq!(
        (first.ended_ms, first.outcome.as_deref()),
        (Some(at(6)), Some("ok"))
    );
}

async fn a_verdict_is_given_once(bench: Bench) {
    let odb = &bench.odb;
    odb.roles().take(SCHEDULER, "node1").await.unwrap();
    one(odb, fire(1, START)).await;
    verdict(odb, key(1, START), Verdict::Late).await;
    verdict(odb, key(1, START), Verdict::Skipped).await;
    let history = odb.jobs().history(1, 10).await.unwrap();
    assert_eq!(
        (history.len(), history[0].verdict, history[0].late_ms),
        (1, Verdict::Late, 3)
    );
    assert_eq!(odb.jobs().unfinished().await, Ok(Vec::new()));
}

async fn stretches_and_standings_are_kept(bench: Bench) {
    let odb = &bench.odb;
    let epoch = odb.roles().take(SCHEDULER, "node1").await.unwrap();
    let batch = |planned_ms: i64| Batch {
        epoch,
        now_ms: planned_ms,
        decided: vec![stretch(1, START, START + HOUR, 60)],
        fires: vec![fire(1, planned_ms)],
        standings: HashMap::from([(1, standing(planned_ms))]),
        ..Batch::default()
    };
    odb.jobs().write(batch(START + 2 * HOUR)).await.unwrap();
    odb.jobs().write(batch(START + 3 * HOUR)).await.unwrap();
    let history = odb.jobs().history(1, 10).await.unwrap();
    let shown: Vec<_> = history
        .iter()
        .map(|record| {
            (
                record.key.due_ms,
                record.until_ms,
                record.fires,
                record.verdict,
            )
        })
        .collect();
    let expected = [
        (START + 3 * HOUR, START + 3 * HOUR, 1, Verdict::Recorded),
        (START + 2 * HOUR, START + 2 * HOUR, 1, Verdict::Recorded),
        (START, START + HOUR, 60, Verdict::Collapsed),
    ];
    assert_eq!(shown, expected);
    let kept = JobStanding {
        runs: 1,
        ..standing(START + 3 * HOUR)
    };
    assert_eq!(odb.jobs().standing(1).await, Ok(Some(kept.clone())));
    assert_eq!(odb.jobs().standings().await, Ok(vec![(1, kept)]));
}

async fn more_fires_than_are_kept_are_summed_up(bench: Bench) {
    let odb = &bench.odb;
    let epoch = odb.roles().take(SCHEDULER, "node1").await.unwrap();
    let all = FIRES_KEPT + 30;
    let fires: Vec<FireWrite> = (0..all)
        .map(|second| fire(1, START + second * 1_000))
        .collect();
    let verdicts = fires.iter().map(|fire| VerdictWrite {
        key: fire.key,
        verdict: Verdict::Fired,
        reason: String::new(),
        late_ms: (fire.key.due_ms - START) / 1_000,
    });
    let verdicts = verdicts.collect();
    batch(odb, fires, START).await;
    let close = Batch {
        epoch,
        verdicts,
        prune: vec![1, 2],
        ..Batch::default()
    };
    odb.jobs().write(close).await.unwrap();
    let again = Batch {
        epoch,
        prune: vec![1],
        ..Batch::default()
    };
    odb.jobs().write(again).await.unwrap();
    assert_eq!(odb.jobs().history(1, 10_000).await.unwrap().len(), 200);
    let totals = odb.jobs().totals(1).await.unwrap();
    assert_eq!(totals.len(), 1, "{totals:?}");
    let total = &totals[0];
    assert_eq!((total.hour_ms, total.verdict), (START, Verdict::Fired));
    assert_eq!((total.fires, total.late_max_ms), (30, 29));
}

async fn fires_of_jobs_that_are_gone_and_old_ones_are_forgotten(bench: Bench) {
    let odb = &bench.odb;
    let epoch = odb.roles().take(SCHEDULER, "node1").await.unwrap();
    let job = write(Family::Job, "job", "nightly", serde_json::json!({}));
    let made = odb.objects().create(job, "ann").await.unwrap();
    let now_ms = START + 40 * 24 * HOUR;
    for due_ms in [START, now_ms] {
        for job in [made.number, made.number + 1] {
            one(odb, fire(job, due_ms)).await;
            verdict(odb, key(job, due_ms), Verdict::Fired).await;
        }
    }
    odb.jobs().forget_old(epoch, now_ms).await.unwrap();
    let kept = odb.jobs().history(made.number, 10).await.unwrap();
    assert_eq!((kept.len(), kept[0].key.due_ms), (1, now_ms));
    assert_eq!(odb.jobs().totals(made.number).await.unwrap()[0].fires, 1);
    assert_eq!(
        odb.jobs().history(made.number + 1, 10).await,
        Ok(Vec::new())
    );
    odb.jobs()
        .forget_old(epoch, now_ms + 60 * 24 * HOUR)
        .await
        .unwrap();
    let totals = odb.jobs().totals(made.number).await.unwrap();
    assert_eq!(
        totals.iter().map(|total| total.hour_ms).collect::<Vec<_>>(),
        [now_ms]
    );
    odb.objects()
        .delete(&made.key, OnUse::Refuse, "ann")
        .await
        .unwrap();
    odb.jobs().forget_old(epoch, now_ms).await.unwrap();
    assert_eq!(odb.jobs().totals(made.number).await, Ok(Vec::new()));
}

async fn two_thousand_fires_are_one_batch(bench: Bench) {
    let odb = &bench.odb;
    odb.roles().take(SCHEDULER, "node1").await.unwrap();
    let fires: Vec<FireWrite> = (0..2_000).map(|job| fire(job, START)).collect();
    let outcomes = batch(odb, fires, START).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, FireOutcome::Recorded(_)))
    );
    assert_eq!(odb.jobs().unfinished().await.unwrap().len(), 2_000);
}
