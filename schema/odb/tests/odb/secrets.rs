//! Secret settings.

use busker_model::{Family, Secret};
use busker_odb::objects::redacted;
use busker_odb::{ObjectWrite, OdbError, SecretWrite};
use serde_json::json;

use crate::fixture::{Bench, on_both, security};

use std::sync::Arc;

use busker_odb::{Odb, Vault};

on_both!(
    a_secret_is_sealed_and_can_be_revealed,
    a_secret_is_kept_replaced_or_cleared_by_an_edit,
    a_sealed_secret_of_another_object_is_refused,
    what_was_read_may_be_written_back,
    secrets_never_appear_in_history,
    a_new_key_takes_over_and_the_old_one_can_go,
    a_node_without_the_key_that_seals_writes_no_secret,
    a_secret_that_does_not_open_is_named_and_keeps_nothing_else_back,
);

const PLAIN: &str = "hunter2-is-the-secret";

fn with_secret(name: &str, secret: SecretWrite) -> ObjectWrite {
    let mut write = security(name);
    write.secrets.push(("password".into(), secret));
    write
}

fn set(text: &str) -> SecretWrite {
    SecretWrite::Set(Secret::new(text))
}

async fn a_secret_is_sealed_and_can_be_revealed(bench: Bench) {
    let objects = bench.odb.objects();
    let created = objects
        .create(with_secret("crm", set(PLAIN)), "ann")
        .await
        .unwrap();
    let stored = objects.get(&created.key).await.unwrap();
    assert!(
        stored.settings["password"]
            .as_str()
            .unwrap()
            .starts_with("sealed:v1:")
    );
    assert!(!stored.settings.to_string().contains(PLAIN));
    assert_eq!(
        objects
            .reveal(&stored, "password")
            .unwrap()
            .unwrap()
            .expose(),
        PLAIN
    );
    assert_eq!(objects.reveal(&stored, "token").unwrap(), None);
    assert_eq!(
        redacted(&stored.settings),
        json!({"username": "crm", "password": "***"})
    );
    let mut moved = stored.clone();
    moved.number += 1;
    assert!(matches!(
        objects.reveal(&moved, "password"),
        Err(OdbError::Vault(_))
    ));
    // A rename does not lose it.
    let renamed = objects.edit(
        &stored.key,
        with_secret("erp", SecretWrite::Keep),
        None,
        "ann",
    );
    let renamed = renamed.await.unwrap();
    assert_eq!(
        objects
            .reveal(&renamed, "password")
            .unwrap()
            .unwrap()
            .expose(),
        PLAIN
    );
}

async fn a_secret_is_kept_replaced_or_cleared_by_an_edit(bench: Bench) {
    let objects = bench.odb.objects();
    let key = security("crm").key;
    let edit = async |secret| {
        let edited = objects
            .edit(&key, with_secret("crm", secret), None, "ann")
            .await
            .unwrap();
        objects
            .reveal(&edited, "password")
            .unwrap()
            .map(|secret| secret.expose().to_owned())
    };
    objects
        .create(with_secret("crm", SecretWrite::Keep), "ann")
        .await
        .unwrap();
    assert_eq!(edit(set("one")).await.as_deref(), Some("one"));
    assert_eq!(edit(SecretWrite::Keep).await.as_deref(), Some("one"));
    assert_eq!(edit(set("two")).await.as_deref(), Some("two"));
    assert_eq!(edit(SecretWrite::Clear).await, None);
    assert_eq!(edit(SecretWrite::Keep).await, None);
}

async fn a_sealed_secret_of_another_object_is_refused(bench: Bench) {
    let objects = bench.odb.objects();
    let victim = objects
        .create(with_secret("victim", set(PLAIN)), "ann")
        .await
        .unwrap();
    let mut thief = security("thief");
    thief.settings["nested"] = json!([{"password": victim.settings["password"]}]);
    let refused = objects.create(thief, "eve").await;
    assert!(matches!(refused, Err(OdbError::Invalid(_))), "{refused:?}");
}

async fn what_was_read_may_be_written_back(bench: Bench) {
    let objects = bench.odb.objects();
    let read = objects
        .create(with_secret("crm", set(PLAIN)), "ann")
        .await
        .unwrap();
    let mut write = security("crm");
    write.settings = read.settings.clone();
    let edited = objects
        .edit(&read.key, write, Some(read.revision), "ann")
        .await
        .unwrap();
    assert_eq!(
        objects
            .reveal(&edited, "password")
            .unwrap()
            .unwrap()
            .expose(),
        PLAIN
    );
    let node_without_vault = Odb::open(bench.config.clone()).await.unwrap();
    let blind = node_without_vault.objects();
    assert!(matches!(
        blind.reveal(&edited, "password"),
        Err(OdbError::Vault(_))
    ));
    let refused = blind.create(with_secret("erp", set("x")), "ann").await;
    assert!(matches!(refused, Err(OdbError::Vault(_))));
}

async fn secrets_never_appear_in_history(bench: Bench) {
    let objects = bench.odb.objects();
    let created = objects
        .create(with_secret("crm", set(PLAIN)), "ann")
        .await
        .unwrap();
    objects
        .edit(&created.key, with_secret("crm", set("other")), None, "ann")
        .await
        .unwrap();
    objects
        .edit(
            &created.key,
            with_secret("crm", SecretWrite::Keep),
            None,
            "ann",
        )
        .await
        .unwrap();
    let history = objects.history(created.number, 10).await.unwrap();
    let text = serde_json::to_string(&history).unwrap();
    for hidden in [PLAIN, "other", "sealed:"] {
        assert!(!text.contains(hidden), "{hidden} is in {text}");
    }
    let [kept, changed, created] = history.as_slice() else {
        panic!("{history:?}")
    };
    let hash = |value: &serde_json::Value| value["settings"]["password"].clone();
    assert!(hash(&created.after).as_str().unwrap().starts_with("hash:"));
    assert_ne!(
        hash(&changed.before),
        hash(&changed.after),
        "a change can be seen"
    );
    assert_eq!(hash(&kept.before), hash(&kept.after));
    assert_eq!(created.after["family"], json!(Family::Security));
}

/// How many secrets have which key.
async fn uses(odb: &Odb) -> Vec<(String, u64)> {
    odb.sealing().uses().await.unwrap().into_iter().collect()
}

async fn revealed(odb: &Odb, name: &str) -> Option<String> {
    let object = odb.objects().get(&security(name).key).await.unwrap();
    let secret = odb.objects().reveal(&object, "password").ok()?;
    Some(secret?.expose().to_owned())
}

async fn a_new_key_takes_over_and_the_old_one_can_go(bench: Bench) {
    let (odb, another) = (&bench.odb, bench.another_node().await);
    let names: Vec<String> = (0..450).map(|number| format!("crm{number}")).collect();
    let writes = names.iter().map(|name| with_secret(name, set(PLAIN)));
    odb.objects()
        .create_many(writes.collect(), "ann")
        .await
        .unwrap();
    let old = odb.sealing().key().await.unwrap();
    assert_eq!(uses(odb).await, [(old.clone(), 450)]);
    let new = Vault::add_key(&bench.key_file()).unwrap();
    assert_eq!(odb.sealing().known().unwrap(), [old.clone(), new.clone()]);
    assert_eq!(odb.sealing().key().await.unwrap(), old);

    odb.sealing().choose(&new).await.unwrap();
    // The other node has not looked at its file since, and still seals with the key that was chosen.
    let late = another.objects();
    late.create(with_secret("late", set("late")), "bob")
        .await
        .unwrap();
    assert_eq!(uses(odb).await.len(), 2);
    let (mut objects, mut after, mut steps) = (0, Some(0), 0);
    while let Some(number) = after {
        let done = odb.sealing().reseal(number, "ann").await.unwrap();
        assert!(done.closed.is_empty(), "{done:?}");
        objects += done.objects;
        steps += 1;
        after = done.next;
    }
    assert_eq!((objects, steps), (450, 3));
    assert_eq!(uses(odb).await, [(new.clone(), 451)]);

    Vault::keep_keys(&bench.key_file(), std::slice::from_ref(&new)).unwrap();
    assert_eq!(odb.sealing().known().unwrap(), [new]);
    assert_eq!(revealed(odb, "crm7").await.as_deref(), Some(PLAIN));
    assert_eq!(revealed(odb, "late").await.as_deref(), Some("late"));
    let object = odb.objects().get(&security("crm7").key).await.unwrap();
    let history = odb.objects().history(object.number, 10).await.unwrap();
    assert_eq!(
        (history[0].action.as_str(), history[0].who.as_str()),
        ("reseal", "ann")
    );
    assert_eq!(history[0].revision, object.revision, "nodes read it again");
    assert!(!serde_json::to_string(&history).unwrap().contains("sealed:"));
}

async fn a_node_without_the_key_that_seals_writes_no_secret(bench: Bench) {
    let new = Vault::add_key(&bench.key_file()).unwrap();
    bench.odb.sealing().choose(&new).await.unwrap();
    let (elsewhere, _) = Vault::fresh().unwrap();
    let stranger = Odb::open(bench.config.clone()).await.unwrap();
    let stranger = stranger.with_vault(Arc::new(elsewhere));
    let refused = stranger
        .objects()
        .create(with_secret("crm", set(PLAIN)), "eve")
        .await;
    assert!(matches!(refused, Err(OdbError::Vault(_))), "{refused:?}");
    assert!(matches!(
        stranger.sealing().choose(&new).await,
        Err(OdbError::Vault(_))
    ));
}

async fn a_secret_that_does_not_open_is_named_and_keeps_nothing_else_back(bench: Bench) {
    let (elsewhere, _) = Vault::fresh().unwrap();
    let stranger = Odb::open(bench.config.clone()).await.unwrap();
    let stranger = stranger.with_vault(Arc::new(elsewhere));
    stranger
        .objects()
        .create(with_secret("lost", set(PLAIN)), "eve")
        .await
        .unwrap();
    let objects = bench.odb.objects();
    objects
        .create(with_secret("crm", set(PLAIN)), "ann")
        .await
        .unwrap();
    let new = Vault::add_key(&bench.key_file()).unwrap();
    bench.odb.sealing().choose(&new).await.unwrap();
    let done = bench.odb.sealing().reseal(0, "ann").await.unwrap();
    assert_eq!(
        (done.objects, done.closed.as_slice()),
        (1, &[security("lost").key][..])
    );
    assert_eq!(revealed(&bench.odb, "crm").await.as_deref(), Some(PLAIN));
}
