//! Many changes at one revision, writes that only check, and what history can tell of revisions.

use busker_model::{Family, Object, ObjectKey};
use busker_odb::objects::Snapshot;
use busker_odb::{Batch, ObjectChange, ObjectWrite, OdbError, OnUse};
use serde_json::{Value, json};

use crate::fixture::{Bench, channel, on_both, secured_by, security};

on_both!(
    a_batch_changes_all_at_one_revision,
    a_batch_that_cannot_be_changes_nothing,
    a_batch_made_out_of_older_objects_is_stale,
    what_a_change_gives_up_another_may_take,
    a_name_that_somebody_uses_does_not_go,
    a_dry_run_checks_all_and_changes_nothing,
    a_delete_of_something_older_is_stale,
    revisions_are_listed_with_what_they_did,
    revisions_differ_by_what_was_written_between,
    what_is_forgotten_is_said,
);

async fn seen(bench: &Bench) -> i64 {
    bench.odb.cluster().revision().await.unwrap()
}

async fn apply(bench: &Bench, changes: Vec<ObjectChange>) -> Result<Vec<Object>, OdbError> {
    let batch = Batch {
        changes,
        seen: seen(bench).await,
    };
    let applied = bench.odb.objects().apply(batch, "ann").await?;
    for object in &applied.objects {
        assert_eq!(object.revision, applied.revision);
        assert_eq!(&bench.odb.objects().get(&object.key).await.unwrap(), object);
    }
    Ok(applied.objects)
}

async fn create(bench: &Bench, write: ObjectWrite) -> Object {
    bench.odb.objects().create(write, "ann").await.unwrap()
}

async fn everything(bench: &Bench) -> Snapshot {
    bench.odb.objects().snapshot().await.unwrap()
}

fn edit(write: ObjectWrite) -> ObjectChange {
    ObjectChange::Edit(write.key.clone(), write)
}

fn on_path(name: &str, path: &str) -> ObjectWrite {
    ObjectWrite {
        unique: Some(path.into()),
        ..channel(name)
    }
}

async fn a_batch_changes_all_at_one_revision(bench: Bench) {
    let kept = create(&bench, channel("kept")).await;
    create(&bench, channel("gone")).await;
    let before = seen(&bench).await;
    let mut changed = secured_by(channel("kept"), "login");
    changed.active = false;
    // Who uses comes before what it uses: the order does not matter.
    let written = apply(
        &bench,
        vec![
            edit(changed),
            ObjectChange::Delete(channel("gone").key),
            ObjectChange::Create(secured_by(channel("new"), "login")),
            ObjectChange::Create(security("login")),
        ],
    );
    let written = written.await.unwrap();
    assert_eq!(seen(&bench).await, before + 1);
    assert_eq!(written.len(), 3);
    let objects = bench.odb.objects();
    assert_eq!(objects.get(&kept.key).await.unwrap().number, kept.number);
    assert_eq!(
        objects
            .users_of(&security("login").key)
            .await
            .unwrap()
            .len(),
        2
    );
    let told = objects.revision(before + 1).await.unwrap();
    let mut actions: Vec<_> = told.iter().map(|entry| entry.action.as_str()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["create", "create", "delete", "edit"]);
    let changes = objects.changes_since(before).await.unwrap();
    assert_eq!(changes.changes.len(), 4, "{changes:?}");
}

async fn a_batch_that_cannot_be_changes_nothing(bench: Bench) {
    create(&bench, on_path("a", "/a ")).await;
    let before = everything(&bench).await;
    let free = || ObjectChange::Create(channel("free"));
    let missing = secured_by(channel("b"), "nobody");
    for changes in [
        vec![free(), ObjectChange::Create(channel("a"))],
        vec![free(), ObjectChange::Create(on_path("b", "/a "))],
        vec![free(), ObjectChange::Create(missing)],
        vec![free(), edit(channel("nobody"))],
        vec![free(), ObjectChange::Delete(channel("nobody").key)],
        vec![free(), edit(channel("a")), edit(channel("a"))],
        vec![free(), ObjectChange::Edit(channel("a").key, security("a"))],
        vec![free(), ObjectChange::Create(channel("a\nb"))],
        Vec::new(),
    ] {
        let refused = apply(&bench, changes.clone()).await;
        assert!(refused.is_err(), "{changes:?}");
        assert_eq!(everything(&bench).await, before, "{changes:?}");
    }
}

async fn a_batch_made_out_of_older_objects_is_stale(bench: Bench) {
    let seen = seen(&bench).await;
    create(&bench, channel("a")).await;
    let batch = Batch {
        changes: vec![ObjectChange::Create(channel("b"))],
        seen,
    };
    let refused = bench.odb.objects().apply(batch, "ann").await;
    let expected = OdbError::Stale {
        what: "the configuration".into(),
        expected: seen,
        current: seen + 1,
    };
    assert_eq!(refused.unwrap_err(), expected);
}

async fn what_a_change_gives_up_another_may_take(bench: Bench) {
    let (one, two) = (
        create(&bench, on_path("one", "/1 ")).await,
        create(&bench, on_path("two", "/2 ")).await,
    );
    let swapped = vec![
        ObjectChange::Edit(one.key.clone(), on_path("two", "/2 ")),
        ObjectChange::Edit(two.key.clone(), on_path("three", "/1 ")),
        ObjectChange::Create(on_path("one", "/3 ")),
    ];
    apply(&bench, swapped).await.unwrap();
    let objects = bench.odb.objects();
    let number = async |name: &str| objects.get(&channel(name).key).await.unwrap().number;
    assert_eq!(
        (number("two").await, number("three").await),
        (one.number, two.number)
    );
    assert!(number("one").await > two.number);
}

async fn a_name_that_somebody_uses_does_not_go(bench: Bench) {
    create(&bench, security("login")).await;
    create(&bench, secured_by(channel("a"), "login")).await;
    let delete = || ObjectChange::Delete(security("login").key);
    let renamed = ObjectChange::Edit(security("login").key, security("other"));
    for change in [delete(), renamed] {
        let refused = apply(&bench, vec![change]).await.unwrap_err();
        let OdbError::InUse { users, .. } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(users, [channel("a").key]);
    }
    apply(&bench, vec![delete(), edit(channel("a"))])
        .await
        .unwrap();
    let gone = bench.odb.objects().get(&security("login").key).await;
    assert!(matches!(gone, Err(OdbError::NotFound(_))));
}

async fn a_dry_run_checks_all_and_changes_nothing(bench: Bench) {
    let login = create(&bench, security("login")).await;
    create(&bench, secured_by(channel("a"), "login")).await;
    let before = everything(&bench).await;
    let heard = *bench.odb.subscribe().borrow();
    let dry = bench.odb.objects().dry_run();
    let created = dry.create(channel("b"), "ann").await.unwrap();
    assert_eq!(created.revision, before.revision + 1);
    let edited = dry
        .edit(&login.key, security("other"), None, "ann")
        .await
        .unwrap();
    assert_eq!(edited.key.name, "other");
    let gone = dry.delete(&login.key, OnUse::Cascade, "ann").await.unwrap();
    assert_eq!(gone.len(), 2);
    let batch = Batch {
        changes: vec![ObjectChange::Create(channel("c"))],
        seen: before.revision,
    };
    dry.apply(batch, "ann").await.unwrap();
    for refused in [
        dry.create(channel("a"), "ann").await,
        dry.create(secured_by(channel("d"), "nobody"), "ann").await,
        dry.edit(&channel("a").key, channel("a"), Some(0), "ann")
            .await,
    ] {
        assert!(refused.is_err(), "{refused:?}");
    }
    assert!(dry.delete(&login.key, OnUse::Refuse, "ann").await.is_err());
    assert_eq!(everything(&bench).await, before);
    assert_eq!(*bench.odb.subscribe().borrow(), heard, "nobody hears of it");
    assert_eq!(
        bench.odb.objects().latest_history(10).await.unwrap().len(),
        2
    );
}

async fn a_delete_of_something_older_is_stale(bench: Bench) {
    let read = create(&bench, channel("a")).await;
    let objects = bench.odb.objects();
    let newer = objects
        .edit(&read.key, channel("a"), None, "bob")
        .await
        .unwrap();
    let delete = |revision| objects.delete_at(&read.key, Some(revision), OnUse::Refuse, "ann");
    let refused = delete(read.revision).await.unwrap_err();
    assert!(matches!(refused, OdbError::Stale { .. }), "{refused:?}");
    assert_eq!(
        delete(newer.revision).await.unwrap(),
        std::slice::from_ref(&read.key)
    );
}

async fn revisions_are_listed_with_what_they_did(bench: Bench) {
    let objects = bench.odb.objects();
    let batch: Vec<_> = ["a", "b", "c"].map(channel).into();
    objects.create_many(batch, "ann").await.unwrap();
    let login = create(&bench, security("login")).await;
    objects
        .edit(
            &channel("a").key,
            secured_by(channel("a"), "login"),
            None,
            "bob",
        )
        .await
        .unwrap();
    objects
        .edit(&login.key, security("other"), None, "bob")
        .await
        .unwrap();
    objects
        .delete(&security("other").key, OnUse::Cascade, "eve")
        .await
        .unwrap();
    let listed = objects.revisions(None, 10).await.unwrap();
    let told: Vec<_> = listed
        .iter()
        .map(|one| (one.who.as_str(), one.created, one.edited, one.deleted))
        .collect();
    let expected = [
        ("eve", 0, 0, 2),
        ("bob", 0, 2, 0),
        ("bob", 0, 1, 0),
        ("ann", 1, 0, 0),
        ("ann", 3, 0, 0),
    ];
    assert_eq!(told, expected);
    assert!(listed.iter().all(|one| one.at_ms > 1_700_000_000_000));
    let older = objects
        .revisions(Some(listed[1].revision), 2)
        .await
        .unwrap();
    assert_eq!(older, listed[2..4]);
    let none = objects.revision(listed[0].revision + 1).await;
    assert!(matches!(none, Err(OdbError::NotFound(_))));
}

async fn revisions_differ_by_what_was_written_between(bench: Bench) {
    let objects = bench.odb.objects();
    let first = create(&bench, channel("a")).await;
    create(&bench, channel("same")).await;
    let start = seen(&bench).await;
    let mut write = channel("a");
    write.settings["method"] = json!("GET");
    objects.edit(&first.key, write, None, "ann").await.unwrap();
    let middle = create(&bench, channel("b")).await.revision;
    // There and back again is no difference.
    let mut there = channel("same");
    there.active = false;
    objects
        .edit(&there.key.clone(), there, None, "ann")
        .await
        .unwrap();
    objects
        .edit(&channel("same").key, channel("same"), None, "ann")
        .await
        .unwrap();
    objects
        .delete(&first.key, OnUse::Refuse, "ann")
        .await
        .unwrap();
    let told = async |from, to| {
        let found = objects.differences(from, to).await.unwrap();
        let names = |value: &Value| value["name"].as_str().unwrap_or("-").to_owned();
        let told = found.objects.iter();
        told.map(|one| format!("{} {}", names(&one.before), names(&one.after)))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(start, Some(middle)).await, ["a a", "- b"]);
    assert_eq!(told(start, None).await, ["a -", "- b"]);
    assert_eq!(told(middle, None).await, ["a -"]);
    assert_eq!(told(0, None).await, ["- same", "- b"]);
    assert_eq!(told(middle, Some(middle)).await, [""; 0]);
    let found = objects.differences(start, Some(middle)).await.unwrap();
    assert_eq!(found.to, middle);
    assert_eq!(found.objects[0].before["settings"].get("method"), None);
    assert_eq!(found.objects[0].after["settings"]["method"], "GET");
    assert!(matches!(
        objects.differences(middle, Some(start)).await,
        Err(OdbError::Invalid(_))
    ));
    assert!(matches!(
        objects.differences(0, Some(i64::MAX)).await,
        Err(OdbError::NotFound(_))
    ));
}

async fn what_is_forgotten_is_said(bench: Bench) {
    let objects = bench.odb.objects();
    let key: ObjectKey = create(&bench, channel("crm")).await.key;
    let start = seen(&bench).await;
    for _ in 0..60 {
        objects
            .edit(&key, channel("crm"), None, "ann")
            .await
            .unwrap();
    }
    let refused = objects.differences(start, None).await.unwrap_err();
    assert!(
        refused.to_string().contains("channel.plain_http \"crm\""),
        "{refused}"
    );
    assert_eq!(
        objects.differences(start + 30, None).await.unwrap().objects,
        []
    );
    assert_eq!(key.family, Family::Channel);
}
