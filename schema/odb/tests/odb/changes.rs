//! Revisions, and what a node reads to catch up.

use std::collections::BTreeMap;
use std::time::Duration;

use busker_model::{Family, ObjectKey};
use busker_odb::{Changes, Digest, ListFilter, Odb, OnUse};
use futures::future::join_all;

use crate::fixture::{Bench, channel, on_both};

on_both!(
    a_reader_sees_writes_renames_and_deletions,
    a_key_that_lives_again_is_no_deletion,
    an_unknown_revision_is_answered_with_everything,
    a_digest_kept_by_a_reader_equals_the_databases,
    concurrent_writers_take_turns_and_no_reader_misses_a_write,
    a_commit_is_a_hint,
    a_failed_write_is_no_hint,
);

/// What a node would hold after these changes.
fn apply(held: &mut BTreeMap<ObjectKey, (i64, i64)>, changes: &Changes) {
    if changes.complete {
        held.clear();
    }
    for change in &changes.changes {
        match &change.object {
            Some(object) => held.insert(change.key.clone(), (object.number, object.revision)),
            None => held.remove(&change.key),
        };
    }
}

async fn a_reader_sees_writes_renames_and_deletions(bench: Bench) {
    let objects = bench.odb.objects();
    for name in ["a", "b", "c"] {
        objects.create(channel(name), "ann").await.unwrap();
    }
    let start = objects.changes_since(0).await.unwrap();
    assert!(start.complete);
    assert_eq!(start.changes.len(), 3);
    objects
        .delete(&channel("a").key, OnUse::Refuse, "ann")
        .await
        .unwrap();
    objects
        .edit(&channel("b").key, channel("z"), None, "ann")
        .await
        .unwrap();
    let changes = objects.changes_since(start.revision).await.unwrap();
    assert!(!changes.complete);
    assert_eq!(changes.revision, start.revision + 2);
    let told: Vec<_> = changes
        .changes
        .iter()
        .map(|change| (change.key.name.as_str(), change.object.is_some()))
        .collect();
    assert_eq!(told, [("a", false), ("b", false), ("z", true)]);
    let nothing = objects.changes_since(changes.revision).await.unwrap();
    assert_eq!((nothing.complete, nothing.changes.len()), (false, 0));
}

async fn a_key_that_lives_again_is_no_deletion(bench: Bench) {
    let objects = bench.odb.objects();
    let first = objects.create(channel("a"), "ann").await.unwrap();
    objects
        .delete(&first.key, OnUse::Refuse, "ann")
        .await
        .unwrap();
    let second = objects.create(channel("a"), "ann").await.unwrap();
    let changes = objects.changes_since(first.revision).await.unwrap();
    assert_eq!(changes.changes.len(), 1);
    assert_eq!(changes.changes[0].object, Some(second.clone()));
    objects
        .delete(&second.key, OnUse::Refuse, "ann")
        .await
        .unwrap();
    let changes = objects.changes_since(second.revision).await.unwrap();
    assert_eq!(changes.changes.len(), 1);
    assert_eq!(changes.changes[0].object, None);
}

async fn an_unknown_revision_is_answered_with_everything(bench: Bench) {
    let objects = bench.odb.objects();
    objects.create(channel("a"), "ann").await.unwrap();
    for unknown in [0, -5, 1_000] {
        let changes = objects.changes_since(unknown).await.unwrap();
        assert!(changes.complete);
        assert_eq!(changes.changes.len(), 1);
    }
}

async fn a_digest_kept_by_a_reader_equals_the_databases(bench: Bench) {
    let objects = bench.odb.objects();
    let mut kept = Digest::default();
    assert_eq!(objects.digest().await.unwrap(), kept);
    let a = objects.create(channel("a"), "ann").await.unwrap();
    let b = objects.create(channel("b"), "ann").await.unwrap();
    kept.add(b.number, b.revision);
    kept.add(a.number, a.revision);
    assert_eq!(objects.digest().await.unwrap(), kept);
    let edited = objects
        .edit(&a.key, channel("a"), None, "ann")
        .await
        .unwrap();
    assert_ne!(objects.digest().await.unwrap(), kept, "an edit changes it");
    kept.remove(a.number, a.revision);
    kept.add(edited.number, edited.revision);
    objects.delete(&b.key, OnUse::Refuse, "ann").await.unwrap();
    kept.remove(b.number, b.revision);
    assert_eq!(objects.digest().await.unwrap(), kept);
}

const WRITERS: u32 = 8;
const EACH: u32 = 12;

/// Creates, and deletes every third; answers the revisions of what was created.
async fn write_in_turns(odb: Odb, writer: u32) -> Vec<i64> {
    let mut revisions = Vec::new();
    for turn in 0..EACH {
        let name = format!("w{writer}-{turn}");
        let created = odb.objects().create(channel(&name), "ann").await.unwrap();
        revisions.push(created.revision);
        if turn % 3 == 0 {
            odb.objects()
                .delete(&created.key, OnUse::Refuse, "ann")
                .await
                .unwrap();
        }
    }
    revisions
}

/// Follows the changes up to revision `last`; answers what it holds then, and in how many reads.
async fn follow(odb: Odb, last: i64) -> (BTreeMap<ObjectKey, (i64, i64)>, u32) {
    let (mut held, mut revision, mut reads) = (BTreeMap::new(), 0, 0);
    while revision < last {
        let changes = odb.objects().changes_since(revision).await.unwrap();
        assert!(changes.revision >= revision);
        for object in changes
            .changes
            .iter()
            .filter_map(|change| change.object.as_ref())
        {
            assert!(
                object.revision > revision,
                "a write appeared behind the reader's back"
            );
        }
        apply(&mut held, &changes);
        revision = changes.revision;
        reads += 1;
    }
    (held, reads)
}

async fn concurrent_writers_take_turns_and_no_reader_misses_a_write(bench: Bench) {
    let other = bench.another_node().await;
    let writers = join_all((0..WRITERS).map(|writer| {
        let odb = if writer % 2 == 0 { &bench.odb } else { &other };
        write_in_turns(odb.clone(), writer)
    }));
    let last = i64::from(WRITERS * (EACH + EACH / 3));
    let (revisions, (held, reads)) = tokio::join!(writers, follow(bench.odb.clone(), last));
    let mut all: Vec<i64> = revisions.into_iter().flatten().collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "two writes had one revision");
    assert!(
        reads > 2,
        "the reader read {reads} times only, so nothing was raced"
    );
    let page = bench
        .odb
        .objects()
        .list(&ListFilter::all(Family::Channel))
        .await
        .unwrap();
    let truth: BTreeMap<_, _> = page
        .objects
        .into_iter()
        .map(|object| (object.key, (object.number, object.revision)))
        .collect();
    assert_eq!(held, truth);
}

async fn a_commit_is_a_hint(bench: Bench) {
    let mut hint = bench.odb.subscribe();
    hint.mark_unchanged();
    let created = bench
        .odb
        .objects()
        .create(channel("a"), "ann")
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(5), hint.changed())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(*hint.borrow(), created.revision);
}

async fn a_failed_write_is_no_hint(bench: Bench) {
    bench
        .odb
        .objects()
        .create(channel("a"), "ann")
        .await
        .unwrap();
    let mut hint = bench.odb.subscribe();
    tokio::time::sleep(Duration::from_millis(300)).await;
    hint.mark_unchanged();
    bench
        .odb
        .objects()
        .create(channel("a"), "ann")
        .await
        .unwrap_err();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!hint.has_changed().unwrap());
}
