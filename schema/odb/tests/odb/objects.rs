//! Create, edit, list.

use busker_model::{ErrorClass, Family, Fault};
use busker_odb::{ListFilter, OdbError, OnUse};
use serde_json::json;

use crate::fixture::{Bench, channel, key, on_both, security};

on_both!(
    an_object_comes_back_as_it_was_written,
    numbers_are_never_reused_and_survive_a_rename,
    a_taken_name_is_a_conflict_that_names_it,
    a_taken_unique_key_is_a_conflict_that_names_its_owner,
    an_edit_of_something_older_is_stale,
    a_list_filters_counts_and_pages,
    a_batch_is_created_whole_or_not_at_all,
    history_says_who_did_what,
    history_of_one_object_is_bounded,
    a_bad_write_is_refused,
    the_cluster_is_edited_at_a_revision,
);

async fn an_object_comes_back_as_it_was_written(bench: Bench) {
    let objects = bench.odb.objects();
    let mut write = channel("crm");
    write.settings = json!({"z": 1, "a": [true, null, "ü'\"$1"], "big": 12_345_678_901_i64});
    write.active = false;
    let created = objects.create(write.clone(), "ann").await.unwrap();
    let read = objects.get(&write.key).await.unwrap();
    assert_eq!(created, read);
    assert_eq!(read.settings, write.settings);
    assert_eq!(
        read.settings.to_string(),
        write.settings.to_string(),
        "order is kept"
    );
    assert!(!read.active);
    assert_eq!(read.revision, bench.odb.cluster().revision().await.unwrap());
    let by_number = objects
        .get_number(Family::Channel, read.number)
        .await
        .unwrap();
    assert_eq!(by_number, read);
    let other_family = objects.get_number(Family::Outgoing, read.number).await;
    assert!(matches!(other_family, Err(OdbError::NotFound(_))));
    let other_group = objects.get(&key(Family::Channel, "soap", "crm")).await;
    assert!(matches!(other_group, Err(OdbError::NotFound(_))));
}

async fn numbers_are_never_reused_and_survive_a_rename(bench: Bench) {
    let objects = bench.odb.objects();
    let first = objects.create(channel("a"), "ann").await.unwrap();
    let renamed = objects
        .edit(&first.key, channel("b"), Some(first.revision), "ann")
        .await;
    let renamed = renamed.unwrap();
    assert_eq!(renamed.number, first.number);
    assert_eq!(renamed.key.name, "b");
    assert!(renamed.revision > first.revision);
    assert!(matches!(
        objects.get(&first.key).await,
        Err(OdbError::NotFound(_))
    ));
    objects
        .delete(&renamed.key, OnUse::Refuse, "ann")
        .await
        .unwrap();
    let second = objects.create(channel("b"), "ann").await.unwrap();
    assert!(second.number > first.number);
}

async fn a_taken_name_is_a_conflict_that_names_it(bench: Bench) {
    let objects = bench.odb.objects();
    objects.create(channel("crm"), "ann").await.unwrap();
    let mut soap = channel("crm");
    soap.key.group = "soap".into();
    objects.create(soap, "ann").await.unwrap();
    let refused = objects.create(channel("crm"), "ann").await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("channel.plain_http \"crm\" exists"),
        "{refused}"
    );
    assert_eq!(Fault::from(refused).class, ErrorClass::Conflict);
    objects.create(channel("erp"), "ann").await.unwrap();
    let refused = objects
        .edit(&channel("erp").key, channel("crm"), None, "ann")
        .await;
    assert!(matches!(refused, Err(OdbError::Conflict(_))));
    assert_eq!(
        objects.get(&channel("erp").key).await.unwrap().key.name,
        "erp"
    );
}

async fn a_taken_unique_key_is_a_conflict_that_names_its_owner(bench: Bench) {
    let objects = bench.odb.objects();
    let on_path = |name: &str, path: &str| {
        let mut write = channel(name);
        write.unique = Some(path.into());
        write
    };
    objects
        .create(on_path("one", "/crm "), "ann")
        .await
        .unwrap();
    let refused = objects
        .create(on_path("two", "/crm "), "ann")
        .await
        .unwrap_err();
    let message = refused.to_string();
    assert!(
        message.contains("\"one\"") && message.contains("/crm"),
        "{message}"
    );
    objects
        .create(on_path("two", "/erp "), "ann")
        .await
        .unwrap();
    let refused = objects
        .edit(&channel("two").key, on_path("two", "/crm "), None, "ann")
        .await;
    assert!(matches!(refused, Err(OdbError::Conflict(_))));
    // Its own key is no clash, and a deleted owner frees it.
    objects
        .edit(&channel("one").key, on_path("one", "/crm "), None, "ann")
        .await
        .unwrap();
    objects
        .delete(&channel("one").key, OnUse::Refuse, "ann")
        .await
        .unwrap();
    objects
        .edit(&channel("two").key, on_path("two", "/crm "), None, "ann")
        .await
        .unwrap();
}

async fn an_edit_of_something_older_is_stale(bench: Bench) {
    let objects = bench.odb.objects();
    let read = objects.create(channel("crm"), "ann").await.unwrap();
    let newer = objects
        .edit(&read.key, channel("crm"), None, "bob")
        .await
        .unwrap();
    let stale = objects
        .edit(&read.key, channel("crm"), Some(read.revision), "ann")
        .await;
    let expected = OdbError::Stale {
        what: read.key.to_string(),
        expected: read.revision,
        current: newer.revision,
    };
    assert_eq!(stale, Err(expected));
    assert_eq!(objects.get(&read.key).await.unwrap(), newer);
}

async fn a_list_filters_counts_and_pages(bench: Bench) {
    let objects = bench.odb.objects();
    for name in ["Alpha", "beta", "100%", "100x", "a_b", "acb"] {
        objects.create(channel(name), "ann").await.unwrap();
    }
    let mut soap = channel("alphabet");
    soap.kind = "soap".into();
    objects.create(soap, "ann").await.unwrap();
    objects.create(security("alpha"), "ann").await.unwrap();
    let names = async |name_contains: &str, kind: Option<&str>| {
        let mut filter = ListFilter::all(Family::Channel);
        filter.name_contains = name_contains.into();
        filter.kind = kind.map(Into::into);
        let page = objects.list(&filter).await.unwrap();
        assert_eq!(page.total, i64::try_from(page.objects.len()).unwrap());
        page.objects
            .into_iter()
            .map(|object| object.key.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names("ALPHA", None).await, ["Alpha", "alphabet"]);
    assert_eq!(names("alpha", Some("soap")).await, ["alphabet"]);
    assert_eq!(names("0%", None).await, ["100%"]);
    assert_eq!(names("a_b", None).await, ["a_b"]);
    assert_eq!(names("\\", None).await, [""; 0]);
    let mut filter = ListFilter::all(Family::Channel);
    (filter.offset, filter.limit) = (2, 3);
    let page = objects.list(&filter).await.unwrap();
    let found: Vec<_> = page
        .objects
        .iter()
        .map(|object| object.key.name.as_str())
        .collect();
    assert_eq!((page.total, found), (7, vec!["Alpha", "a_b", "acb"]));
    filter.offset = -1;
    assert!(matches!(
        objects.list(&filter).await,
        Err(OdbError::Invalid(_))
    ));
}

async fn a_batch_is_created_whole_or_not_at_all(bench: Bench) {
    let objects = bench.odb.objects();
    objects.create(channel("c50"), "ann").await.unwrap();
    let before = bench.odb.cluster().revision().await.unwrap();
    let batch = |range: std::ops::Range<u32>| {
        range
            .map(|number| channel(&format!("c{number}")))
            .collect::<Vec<_>>()
    };
    let refused = objects.create_many(batch(0..100), "ann").await.unwrap_err();
    assert!(refused.to_string().contains("\"c50\""), "{refused}");
    let twice = objects
        .create_many(vec![channel("d"), channel("d")], "ann")
        .await;
    assert!(matches!(twice, Err(OdbError::Conflict(_))), "{twice:?}");
    assert_eq!(
        objects
            .list(&ListFilter::all(Family::Channel))
            .await
            .unwrap()
            .total,
        1
    );
    assert_eq!(
        bench.odb.cluster().revision().await.unwrap(),
        before,
        "no revision is spent"
    );
    let created = objects.create_many(batch(100..200), "ann").await.unwrap();
    assert!(created.iter().all(|object| object.revision == before + 1));
    for object in &created {
        assert_eq!(&objects.get(&object.key).await.unwrap(), object);
    }
    assert_eq!(objects.create_many(Vec::new(), "ann").await, Ok(Vec::new()));
}

async fn history_says_who_did_what(bench: Bench) {
    let objects = bench.odb.objects();
    let created = objects.create(channel("crm"), "ann").await.unwrap();
    let mut write = channel("crm");
    write.active = false;
    objects
        .edit(&created.key, write, None, "bob")
        .await
        .unwrap();
    objects
        .delete(&created.key, OnUse::Refuse, "eve")
        .await
        .unwrap();
    let history = objects.history(created.number, 10).await.unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|entry| (entry.who.as_str(), entry.action.as_str()))
        .collect();
    assert_eq!(
        told,
        [("eve", "delete"), ("bob", "edit"), ("ann", "create")]
    );
    assert_eq!(history[0].after, serde_json::Value::Null);
    assert_eq!(history[1].before["active"], true);
    assert_eq!(history[1].after["active"], false);
    assert_eq!(history[2].before, serde_json::Value::Null);
    assert_eq!(history[2].after["name"], "crm");
    assert!(history.iter().all(|entry| entry.at_ms > 1_700_000_000_000));
    assert_eq!(objects.history(created.number, 1).await.unwrap().len(), 1);
    assert_eq!(objects.latest_history(2).await.unwrap(), history[..2]);
}

async fn history_of_one_object_is_bounded(bench: Bench) {
    let objects = bench.odb.objects();
    let created = objects.create(channel("crm"), "ann").await.unwrap();
    for _ in 0..60 {
        objects
            .edit(&created.key, channel("crm"), None, "ann")
            .await
            .unwrap();
    }
    let kept = objects.latest_history(1_000).await.unwrap();
    assert_eq!(kept.len(), 50);
    assert_eq!(
        kept[0].revision,
        objects.get(&created.key).await.unwrap().revision
    );
}

async fn a_bad_write_is_refused(bench: Bench) {
    let objects = bench.odb.objects();
    let mut not_an_object = channel("a");
    not_an_object.settings = json!([1]);
    let mut huge = channel("a");
    huge.settings = json!({"text": "x".repeat(1024 * 1024)});
    let mut nul = channel("a");
    nul.unique = Some("a\0b".into());
    let long = channel(&"x".repeat(256));
    for write in [not_an_object, huge, nul, long, channel(""), channel("a\nb")] {
        let refused = objects.create(write, "ann").await;
        assert!(matches!(refused, Err(OdbError::Invalid(_))), "{refused:?}");
    }
    let moved = objects
        .edit(&channel("a").key, security("a"), None, "ann")
        .await;
    assert!(matches!(moved, Err(OdbError::Invalid(_))));
    assert!(matches!(
        objects
            .edit(&channel("a").key, channel("a"), None, "ann")
            .await,
        Err(OdbError::NotFound(_))
    ));
}

async fn the_cluster_is_edited_at_a_revision(bench: Bench) {
    let before = bench.odb.cluster().get().await.unwrap();
    assert_eq!((before.name.as_str(), before.id.len()), ("busker", 32));
    let write = busker_odb::cluster::ClusterWrite {
        name: "prod".into(),
        description: "the real one".into(),
        colour: "#aa0000".into(),
        guarded: true,
    };
    let after = bench.odb.cluster().edit(write).await.unwrap();
    let expected = busker_odb::cluster::Cluster {
        name: "prod".into(),
        description: "the real one".into(),
        colour: "#aa0000".into(),
        guarded: true,
        revision: before.revision + 1,
        ..before
    };
    assert_eq!(after, expected);
    assert_eq!(bench.odb.cluster().get().await.unwrap(), expected);
}
