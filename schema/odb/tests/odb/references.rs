//! Who uses whom.

use busker_model::Family;
use busker_model::object::Reference;
use busker_odb::{OdbError, OnUse};
use serde_json::json;

use crate::fixture::{Bench, channel, key, on_both, secured_by, security, write};

on_both!(
    a_required_reference_must_exist,
    a_reference_that_need_not_exist_may_wait,
    something_in_use_is_not_deleted_and_its_users_are_listed,
    a_cascade_deletes_users_of_users,
    a_rename_is_followed_by_those_who_refer_to_it,
    a_namesake_in_another_group_keeps_open_references_alive,
    an_edit_that_drops_a_reference_frees_its_target,
    a_batch_may_refer_to_itself,
);

async fn a_required_reference_must_exist(bench: Bench) {
    let objects = bench.odb.objects();
    let refused = objects
        .create(secured_by(channel("crm"), "nobody"), "ann")
        .await
        .unwrap_err();
    assert!(matches!(refused, OdbError::Invalid(_)));
    let message = refused.to_string();
    assert!(
        message.contains("security") && message.contains("\"nobody\""),
        "{message}"
    );
    objects.create(security("pubapi"), "ann").await.unwrap();
    let mut other_group = secured_by(channel("crm"), "pubapi");
    other_group.references[0].group = "tls".into();
    assert!(objects.create(other_group, "ann").await.is_err());
    objects
        .create(secured_by(channel("crm"), "pubapi"), "ann")
        .await
        .unwrap();
    let no = secured_by(channel("crm"), "no");
    let edited = objects.edit(&channel("crm").key, no, None, "ann").await;
    assert!(matches!(edited, Err(OdbError::Invalid(_))));
}

fn calling(name: &str, service: &str) -> busker_odb::ObjectWrite {
    let mut write = channel(name);
    write.settings["service"] = json!(service);
    write.references.push(Reference {
        field: "service".into(),
        family: Family::Service,
        group: String::new(),
        name: service.into(),
        required: false,
    });
    write
}

async fn a_reference_that_need_not_exist_may_wait(bench: Bench) {
    let objects = bench.odb.objects();
    objects
        .create(calling("crm", "later"), "ann")
        .await
        .unwrap();
    let service = write(Family::Service, "service", "later", json!({}));
    objects.create(service.clone(), "ann").await.unwrap();
    let users = objects.users_of(&service.key).await.unwrap();
    assert_eq!(users, [channel("crm").key]);
}

async fn something_in_use_is_not_deleted_and_its_users_are_listed(bench: Bench) {
    let objects = bench.odb.objects();
    objects.create(security("pubapi"), "ann").await.unwrap();
    for name in ["b", "a"] {
        objects
            .create(secured_by(channel(name), "pubapi"), "ann")
            .await
            .unwrap();
    }
    let before = bench.odb.cluster().revision().await.unwrap();
    let refused = objects
        .delete(&security("pubapi").key, OnUse::Refuse, "ann")
        .await
        .unwrap_err();
    let users = vec![channel("a").key, channel("b").key];
    let message = refused.to_string();
    assert!(message.contains("channel.plain_http \"a\""), "{message}");
    let target = security("pubapi").key.to_string();
    assert_eq!(refused, OdbError::InUse { target, users });
    objects.get(&security("pubapi").key).await.unwrap();
    assert_eq!(bench.odb.cluster().revision().await.unwrap(), before);
}

async fn a_cascade_deletes_users_of_users(bench: Bench) {
    let objects = bench.odb.objects();
    objects.create(security("pubapi"), "ann").await.unwrap();
    let outgoing = write(Family::Outgoing, "http", "erp", json!({}));
    objects
        .create(secured_by(outgoing.clone(), "pubapi"), "ann")
        .await
        .unwrap();
    let mut above = channel("crm");
    above.references.push(Reference {
        field: "outgoing".into(),
        family: Family::Outgoing,
        group: "http".into(),
        name: "erp".into(),
        required: true,
    });
    objects.create(above, "ann").await.unwrap();
    objects.create(channel("untouched"), "ann").await.unwrap();
    let gone = objects
        .delete(&security("pubapi").key, OnUse::Cascade, "ann")
        .await
        .unwrap();
    assert_eq!(
        gone,
        [security("pubapi").key, outgoing.key, channel("crm").key]
    );
    for gone in &gone {
        assert!(matches!(
            objects.get(gone).await,
            Err(OdbError::NotFound(_))
        ));
    }
    objects.get(&channel("untouched").key).await.unwrap();
}

async fn a_rename_is_followed_by_those_who_refer_to_it(bench: Bench) {
    let objects = bench.odb.objects();
    let old = objects.create(security("old"), "ann").await.unwrap();
    objects.create(security("other"), "ann").await.unwrap();
    let user = objects
        .create(secured_by(channel("crm"), "old"), "ann")
        .await
        .unwrap();
    let bystander = objects
        .create(secured_by(channel("erp"), "other"), "ann")
        .await
        .unwrap();
    let new = objects
        .edit(&old.key, security("new"), None, "bob")
        .await
        .unwrap();
    let followed = objects.get(&user.key).await.unwrap();
    assert_eq!(followed.settings["security"], "new");
    assert_eq!(
        (followed.revision, followed.number),
        (new.revision, user.number)
    );
    assert_eq!(objects.get(&bystander.key).await.unwrap(), bystander);
    assert_eq!(objects.users_of(&new.key).await.unwrap(), [user.key]);
    let refused = objects.delete(&new.key, OnUse::Refuse, "ann").await;
    assert!(matches!(refused, Err(OdbError::InUse { .. })));
    let history = objects.history(user.number, 1).await.unwrap();
    assert_eq!(
        (history[0].action.as_str(), history[0].who.as_str()),
        ("follow", "bob")
    );
    assert_eq!(history[0].before["settings"]["security"], "old");
    assert_eq!(history[0].after["settings"]["security"], "new");
}

async fn a_namesake_in_another_group_keeps_open_references_alive(bench: Bench) {
    let objects = bench.odb.objects();
    let basic = objects.create(security("shared"), "ann").await.unwrap();
    let mut wss = security("shared");
    wss.key.group = "wss".into();
    objects.create(wss.clone(), "ann").await.unwrap();
    objects
        .create(secured_by(channel("crm"), "shared"), "ann")
        .await
        .unwrap();
    // Either may go while the other is there, not both.
    objects
        .delete(&basic.key, OnUse::Refuse, "ann")
        .await
        .unwrap();
    let refused = objects.delete(&wss.key, OnUse::Refuse, "ann").await;
    assert!(matches!(refused, Err(OdbError::InUse { .. })));
    assert_eq!(
        objects
            .users_of(&key(Family::Security, "wss", "shared"))
            .await
            .unwrap()
            .len(),
        1
    );
}

async fn an_edit_that_drops_a_reference_frees_its_target(bench: Bench) {
    let objects = bench.odb.objects();
    objects.create(security("pubapi"), "ann").await.unwrap();
    objects
        .create(secured_by(channel("crm"), "pubapi"), "ann")
        .await
        .unwrap();
    objects
        .edit(&channel("crm").key, channel("crm"), None, "ann")
        .await
        .unwrap();
    objects
        .delete(&security("pubapi").key, OnUse::Refuse, "ann")
        .await
        .unwrap();
}

async fn a_batch_may_refer_to_itself(bench: Bench) {
    let objects = bench.odb.objects();
    let batch = vec![secured_by(channel("crm"), "pubapi"), security("pubapi")];
    objects.create_many(batch, "ann").await.unwrap();
    assert_eq!(
        objects.users_of(&security("pubapi").key).await.unwrap(),
        [channel("crm").key]
    );
}
