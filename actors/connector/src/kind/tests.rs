use busker_model::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    speed: u32,
    #[serde(default)]
    colour: Option<String>,
    #[serde(default)]
    limits: Limits,
    #[schemars(with = "String")]
    token: Secret,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limits {
    #[serde(default)]
    most: u32,
}

impl Settings for Line {
    const KIND: &'static str = "line";
    const SECRETS: &'static [&'static str] = &["token"];

    fn check(&self) -> Vec<Violation> {
        let slow =
            (self.speed == 0).then(|| Violation::new("settings.speed", "must be at least 1"));
        slow.into_iter().collect()
    }
}

fn kind() -> Kind {
    Kind::of::<Line>(
        Family::Outgoing,
        "a line",
        || json!({"speed": 1, "token": "hunter2"}),
    )
}

#[test]
fn defaults_are_written_out_and_secrets_are_not() {
    let prepared = (kind().check)(&(kind().example)()).unwrap();
    assert_eq!(
        prepared.settings,
        json!({"speed": 1, "colour": null, "limits": {"most": 0}})
    );
    assert_eq!((prepared.group.as_str(), prepared.unique), ("line", None));
    assert_eq!(
        (kind().kind, kind().groups, kind().pings),
        ("line", &["line"][..], false)
    );
}

#[test]
fn a_fault_names_its_field_wherever_it_is() {
    let faults = (kind().check)(&json!({"speed": 1, "token": "t", "limits": {"most": "many"}}));
    assert_eq!(faults.unwrap_err()[0].field, "settings.limits.most");
}

#[test]
fn an_unknown_field_is_named_beside_the_accepted_ones() {
    let faults = (kind().check)(&json!({"speed": 1, "token": "t", "sped": 2})).unwrap_err();
    let text = faults[0].to_string();
    assert!(
        text.contains("`sped`") && text.contains("`speed`"),
        "{text}"
    );
}

#[test]
fn a_secret_of_the_wrong_type_is_not_repeated() {
    let faults = (kind().check)(&json!({"speed": 1, "token": 8_675_309})).unwrap_err();
    assert_eq!(faults[0].field, "settings.token");
    assert!(!faults[0].message.contains("8675309"), "{faults:?}");
}

#[test]
fn the_schema_holds_its_parts_in_place() {
    let schema = (kind().schema)();
    assert_eq!(schema["properties"]["limits"]["type"], "object");
    assert_eq!(schema["additionalProperties"], false);
}
