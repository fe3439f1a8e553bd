use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn names(fields: &Value) -> BTreeSet<&str> {
    fields
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn kinds_are_found_and_listed_in_order() {
    let catalog = Catalog::builtin();
    let titles: Vec<_> = catalog.iter().map(title).collect();
    assert_eq!(
        titles,
        [
            "channel.http",
            "outgoing.http",
            "security.api-key",
            "security.basic-auth",
            "security.jwt",
            "security.mutual-tls",
            "security.tech-account",
            "security.wss",
            "job.cron",
            "job.interval",
            "job.one-time",
            "service.settings"
        ]
    );
    assert!(catalog.get(Family::Channel, "http").is_some());
    assert!(catalog.get(Family::Job, "http").is_none());
    assert!(catalog.get(Family::Job, "cron").is_some());
}

#[test]
fn every_schema_names_exactly_the_settings_there_are() {
    for kind in Catalog::builtin().iter() {
        let prepared = (kind.check)(&(kind.example)()).unwrap();
        let schema = (kind.schema)();
        let mut settings = names(&prepared.settings);
        settings.extend(kind.secrets);
        assert_eq!(settings, names(&schema["properties"]), "{}", title(kind));
        assert!(kind.groups.contains(&prepared.group.as_str()));
        let again = (kind.example)();
        for field in schema["required"].as_array().into_iter().flatten() {
            let mut without = again.clone();
            without
                .as_object_mut()
                .unwrap()
                .shift_remove(field.as_str().unwrap());
            assert!((kind.check)(&without).is_err(), "{field} is not required");
        }
    }
}

#[test]
fn every_kind_refuses_an_unknown_field_and_names_it() {
    for kind in Catalog::builtin().iter() {
        let mut settings = (kind.example)();
        settings["colour"] = json!("red");
        let faults = (kind.check)(&settings).unwrap_err();
        assert!(faults[0].message.contains("colour"), "{faults:?}");
    }
}

#[test]
fn a_secret_is_neither_kept_in_settings_nor_repeated_in_a_fault() {
    let catalog = Catalog::builtin();
    let kind = catalog.get(Family::Security, "basic-auth").unwrap();
    let good = (kind.check)(&json!({"username": "a", "password": "hunter2"})).unwrap();
    assert!(!good.settings.to_string().contains("hunter2"));
    let faults = (kind.check)(&json!({"username": "a", "password": 8_675_309})).unwrap_err();
    assert_eq!(faults[0].field, "settings.password");
    assert!(!faults[0].message.contains("8675309"), "{faults:?}");
}

#[test]
fn what_a_connection_cannot_send_and_a_channel_cannot_read_is_not_usable() {
    let kinds: BTreeSet<_> = security::kinds().iter().map(|kind| kind.kind).collect();
    for (family, group, kind, fits) in [
        (Family::Outgoing, "plain_http", "api-key", true),
        (Family::Outgoing, "plain_http", "wss", false),
        (Family::Outgoing, "plain_http", "jwt", false),
        (Family::Outgoing, "soap", "wss", true),
        (Family::Outgoing, "soap", "api-key", false),
        (Family::Channel, "plain_http", "wss", false),
        (Family::Channel, "plain_http", "jwt", true),
        (Family::Channel, "soap", "wss", true),
    ] {
        let usable = usable_security(family, group);
        assert_eq!(
            usable.is_none_or(|usable| usable.contains(&kind)),
            fits,
            "{family} {group} {kind}"
        );
        assert!(
            usable
                .into_iter()
                .flatten()
                .all(|kind| kinds.contains(kind))
        );
    }
}

#[test]
fn limits_of_a_service_start_at_one() {
    let catalog = Catalog::builtin();
    let kind = catalog.get(Family::Service, "settings").unwrap();
    let faults = (kind.check)(&json!({"timeout_ms": 0, "max_concurrency": 0})).unwrap_err();
    assert_eq!(faults.len(), 2);
}
