//! Durable invocations: put in once, ended once, counted as they are.

use busker_model::{Cid, ServiceName};
use busker_odb::outbox::{DeadNote, OutboxCount, OutboxEnd, OutboxMark, OutboxRow, PAGE, Put};
use busker_odb::{Odb, OdbError};

use crate::fixture::{Bench, on_both};

on_both!(
    what_is_put_in_twice_is_kept_once,
    a_full_service_is_refused_and_another_is_not,
    each_end_is_counted_once_and_the_ledger_balances,
    a_dead_one_is_edited_revived_and_let_go,
    pages_go_through_all_in_their_order,
    many_nodes_put_and_end_at_once,
);

/// Any number of rows a service may have.
const MANY: u64 = 1_000_000;

fn name(service: &str) -> ServiceName {
    ServiceName::new(service).unwrap()
}

fn invocation(service: &str, seq: i64) -> OutboxRow {
    OutboxRow {
        cid: Cid::mint(),
        service: name(service),
        seq,
        envelope: vec![0, 255, 10],
    }
}

fn note() -> DeadNote {
    DeadNote {
        died_ms: 7,
        attempts: 3,
        failure: "{}".into(),
        version: "generation 4".into(),
    }
}

async fn count(odb: &Odb, service: &str) -> OutboxCount {
    let counts = odb.outbox().counts().await.unwrap();
    let found = counts
        .into_iter()
        .find(|count| count.service == name(service));
    let count = found.unwrap();
    let accounted = count.done + count.expired + count.discarded + count.dead + count.pending;
    assert_eq!(count.accepted, accounted, "{count:?}");
    count
}

async fn what_is_put_in_twice_is_kept_once(bench: Bench) {
    let outbox = bench.odb.outbox();
    let (one, two) = (invocation("a", 1), invocation("a", 2));
    let batch = vec![one.clone(), two.clone(), one.clone()];
    let put = outbox.put("node1", batch, MANY).await.unwrap();
    assert_eq!(put, [Put::Kept, Put::Kept, Put::Known]);
    let put = outbox.put("node2", vec![one.clone()], MANY).await.unwrap();
    assert_eq!(put, [Put::Known]);
    assert_eq!(count(&bench.odb, "a").await.accepted, 2);
    let items = outbox.items(vec![one.cid, Cid::mint()]).await.unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!((items[0].cid, &items[0].envelope), (one.cid, &one.envelope));
    assert_eq!(items[0].dead, None);
}

async fn a_full_service_is_refused_and_another_is_not(bench: Bench) {
    let outbox = bench.odb.outbox();
    let rows = (0..5).map(|seq| invocation("a", seq)).collect();
    let put = outbox.put("node1", rows, 3).await.unwrap();
    assert_eq!(put[2..], [Put::Kept, Put::Full(3), Put::Full(3)]);
    let rows = vec![invocation("a", 9), invocation("b", 9)];
    let put = outbox.put("node2", rows, 3).await.unwrap();
    assert_eq!(put, [Put::Full(3), Put::Kept]);
    let first = outbox.page(None, i64::MAX).await.unwrap().remove(0);
    let end = vec![(first.cid, OutboxEnd::Done)];
    outbox.end("node1", end).await.unwrap();
    let put = outbox.put("node1", vec![invocation("a", 9)], 3).await;
    assert_eq!(put.unwrap(), [Put::Kept]);
}

async fn each_end_is_counted_once_and_the_ledger_balances(bench: Bench) {
    let outbox = bench.odb.outbox();
    // More than one statement takes.
    let rows: Vec<OutboxRow> = (0..100).map(|seq| invocation("a", seq)).collect();
    let cids: Vec<Cid> = rows.iter().map(|row| row.cid).collect();
    outbox.put("node1", rows, MANY).await.unwrap();
    let end = |place: usize| match place % 4 {
        0 => OutboxEnd::Expired,
        1 => OutboxEnd::Dead(note()),
        2 => OutboxEnd::Twice,
        _ => OutboxEnd::Done,
    };
    let ends: Vec<(Cid, OutboxEnd)> = (0..80).map(|place| (cids[place], end(place))).collect();
    outbox.end("node2", ends.clone()).await.unwrap();
    // Told again, by the same and by another.
    outbox.end("node2", ends.clone()).await.unwrap();
    outbox.end("node3", ends).await.unwrap();
    let count = count(&bench.odb, "a").await;
    assert_eq!((count.accepted, count.pending), (80, 20));
    assert_eq!((count.done, count.expired, count.dead), (20, 20, 20));
}

async fn a_dead_one_is_edited_revived_and_let_go(bench: Bench) {
    let outbox = bench.odb.outbox();
    let row = invocation("a", 1);
    let cid = row.cid;
    outbox.put("node1", vec![row], MANY).await.unwrap();
    assert!(!outbox.edit(cid, vec![1]).await.unwrap(), "it is not dead");
    let die = || vec![(cid, OutboxEnd::Dead(note()))];
    outbox.end("node1", die()).await.unwrap();
    assert!(outbox.edit(cid, vec![1]).await.unwrap());
    let item = outbox.items(vec![cid]).await.unwrap().remove(0);
    assert_eq!((item.envelope, item.dead), (vec![1], Some(note())));
    assert!(outbox.revive(cid, vec![2]).await.unwrap());
    assert!(!outbox.revive(cid, vec![3]).await.unwrap(), "it is alive");
    assert_eq!(count(&bench.odb, "a").await.pending, 1);
    outbox.end("node1", die()).await.unwrap();
    let item = outbox.items(vec![cid]).await.unwrap().remove(0);
    assert_eq!((item.envelope, item.dead), (vec![2], Some(note())));
    let go = vec![(cid, OutboxEnd::Discarded)];
    outbox.end("node1", go).await.unwrap();
    let count = count(&bench.odb, "a").await;
    assert_eq!((count.accepted, count.discarded, count.dead), (1, 1, 0));
}

async fn pages_go_through_all_in_their_order(bench: Bench) {
    let outbox = bench.odb.outbox();
    let most = usize::try_from(PAGE).unwrap();
    let mut rows: Vec<OutboxRow> = (0..most)
        // Three of each number: those of one moment on three nodes.
        .map(|place| invocation("b", i64::try_from(place / 3).unwrap()))
        .collect();
    rows.extend((0..20).rev().map(|seq| invocation("a", seq)));
    outbox.put("node1", rows.clone(), MANY).await.unwrap();
    let mut seen: Vec<OutboxMark> = Vec::new();
    loop {
        let page = outbox.page(seen.last(), i64::MAX).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= most);
        seen.extend(page);
    }
    assert_eq!(seen.len(), rows.len());
    let order = |mark: &OutboxMark| (mark.service.clone(), mark.seq, mark.cid.as_u128());
    assert!(
        seen.windows(2)
            .all(|pair| order(&pair[0]) < order(&pair[1]))
    );
    assert_eq!((seen[0].bytes, seen[0].dead), (3, false));
    let young = outbox.page(None, 10).await.unwrap();
    assert!(young.iter().all(|mark| mark.seq < 10));
    assert_eq!(young.len(), 10 + 30);
}

async fn many_nodes_put_and_end_at_once(bench: Bench) {
    let others = [bench.another_node().await, bench.another_node().await];
    let work = |odb: Odb, node: &'static str| async move {
        for round in 0..10 {
            let rows: Vec<OutboxRow> = (0..40)
                .map(|seq| invocation(["a", "b", "c"][(seq % 3) as usize], round * 100 + seq))
                .collect();
            let cids: Vec<Cid> = rows.iter().map(|row| row.cid).collect();
            odb.outbox().put(node, rows, MANY).await?;
            let ends = cids.into_iter().map(|cid| (cid, OutboxEnd::Done));
            odb.outbox().end(node, ends.collect()).await?;
        }
        Ok::<(), OdbError>(())
    };
    let done = tokio::join!(
        work(bench.odb.clone(), "node1"),
        work(others[0].clone(), "node2"),
        work(others[1].clone(), "node3"),
    );
    assert_eq!(done, (Ok(()), Ok(()), Ok(())));
    let counts = bench.odb.outbox().counts().await.unwrap();
    let done: u64 = counts.iter().map(|count| count.done).sum();
    assert_eq!((counts.len(), done), (3, 3 * 10 * 40));
}
