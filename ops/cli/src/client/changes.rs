//! Changes of objects, as lines for people.

use serde_json::Value;

use crate::output;

/// How much of a change is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Every field.
    Fields,
    /// The fields of what is changed, and the names of the rest.
    Names,
}

/// What is done to an object: key in answers, sign, and its words before and after it is done.
const DONE: [(&str, char, &str, &str); 3] = [
    ("create", '+', "to create", "created"),
    ("edit", '~', "to change", "changed"),
    ("delete", '-', "to delete", "deleted"),
];

/// Lines of all changes of an answer.
pub(crate) fn lines(answer: &Value, detail: Detail) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, sign, ..) in DONE {
        for change in list(answer, key) {
            lines.push(head(sign, change));
            if detail == Detail::Fields || key == "edit" {
                lines.extend(fields(sign, change));
            }
        }
    }
    lines
}

/// The sign and the words of one object.
pub(crate) fn head(sign: char, change: &Value) -> String {
    let place = output::cell(&change["place"]);
    let head = format!("{sign} {}", name(change));
    if place.is_empty() {
        head
    } else {
        format!("{head}  ({place})")
    }
}

/// Kind and name of an object.
pub(crate) fn name(object: &Value) -> String {
    let (kind, name) = (output::cell(&object["kind"]), output::cell(&object["name"]));
    match object["transport"].as_str() {
        Some("soap") => format!("{kind} \"{name}\" (soap)"),
        Some(_) | None => format!("{kind} \"{name}\""),
    }
}

/// The fields of one change, aligned; of an object that is new or gone without those that say nothing.
pub(crate) fn fields(sign: char, change: &Value) -> Vec<String> {
    let rows: Vec<(String, String)> = list(change, "fields")
        .iter()
        .map(|field| {
            let label = output::cell(&field["field"]);
            let label = label.strip_prefix("settings.").unwrap_or(&label).to_owned();
            let (before, after) = (shown(&field["before"]), shown(&field["after"]));
            let value = match sign {
                '+' => after,
                '-' => before,
                _ => format!("{before} -> {after}"),
            };
            (label, value)
        })
        .filter(|(_, value)| value != "null")
        .collect();
    let width = rows.iter().map(|(label, _)| label.chars().count()).max();
    let width = width.unwrap_or_default();
    rows.into_iter()
        .map(|(label, value)| format!("    {label:<width$}  {value}"))
        .collect()
}

fn shown(value: &Value) -> String {
    match value.as_str() {
        Some("(secret)") => "(secret)".to_owned(),
        Some(_) | None => output::printable(&value.to_string()),
    }
}

/// The last line: how many of what; `done` once they are made.
pub(crate) fn sum(answer: &Value, done: bool) -> String {
    let counts = DONE.iter().filter_map(|(key, _, to_do, has_done)| {
        let count = list(answer, key).len();
        let word = if done { has_done } else { to_do };
        (count > 0).then(|| format!("{count} {word}"))
    });
    let mut parts: Vec<String> = counts.collect();
    if parts.is_empty() {
        parts.push("nothing to change".to_owned());
    }
    let unchanged = list(answer, "unchanged").len();
    if unchanged > 0 {
        parts.push(format!("{unchanged} unchanged"));
    }
    parts.join(", ")
}

/// Lines of what is to be known besides: warnings, and objects that lack a secret.
pub(crate) fn remarks(answer: &Value) -> Vec<String> {
    let warnings = list(answer, "warnings").iter().map(|warning| {
        let (place, message) = (
            output::cell(&warning["place"]),
            output::cell(&warning["message"]),
        );
        if place.is_empty() {
            format!("warning: {message}")
        } else {
            format!("warning: {place}: {message}")
        }
    });
    let lacking = list(answer, "needs_secret").iter().map(|object| {
        let secrets: Vec<String> = list(object, "secrets").iter().map(output::cell).collect();
        format!("needs-secret: {}: {}", name(object), secrets.join(", "))
    });
    warnings.chain(lacking).collect()
}

/// A list of an answer; empty when it has none.
pub(crate) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        let field =
            |field, before, after| json!({"field": field, "before": before, "after": after});
        json!({
            "create": [{"kind": "channel.http", "name": "crm", "transport": "soap", "place": "crm.yaml:3:5", "fields": [
                field("active", json!(null), json!(true)),
                field("settings.url_path", json!(null), json!("/crm")),
                field("settings.method", json!(null), json!(null)),
            ]}],
            "edit": [{"kind": "security.basic-auth", "name": "a\u{1b}b", "fields": [
                field("settings.realm", json!("A"), json!("B")),
                field("settings.password", json!("(secret)"), json!("(secret)")),
            ]}],
            "delete": [{"kind": "job.cron", "name": "night", "fields": [field("settings.cron", json!("* * * * *"), json!(null))]}],
            "unchanged": [{}, {}],
            "warnings": [{"place": "crm.yaml:5:1", "message": "is not deployed"}, {"message": "its secret"}],
            "needs_secret": [{"kind": "security.basic-auth", "name": "login", "secrets": ["password"]}],
        })
    }

    #[test]
    fn changes_are_signed_and_their_fields_aligned() {
        let expected = "\
+ channel.http \"crm\" (soap)  (crm.yaml:3:5)
    active    true
    url_path  \"/crm\"
~ security.basic-auth \"a\\u{1b}b\"
    realm     \"A\" -> \"B\"
    password  (secret) -> (secret)
- job.cron \"night\"
    cron  \"* * * * *\"";
        assert_eq!(lines(&answer(), Detail::Fields).join("\n"), expected);
        assert_eq!(lines(&answer(), Detail::Names).len(), 5);
    }

    #[test]
    fn the_last_lines_say_how_many_and_what_is_missing() {
        assert_eq!(
            sum(&answer(), false),
            "1 to create, 1 to change, 1 to delete, 2 unchanged"
        );
        assert_eq!(
            sum(&json!({"unchanged": [{}]}), true),
            "nothing to change, 1 unchanged"
        );
        let expected = [
            "warning: crm.yaml:5:1: is not deployed",
            "warning: its secret",
            "needs-secret: security.basic-auth \"login\": password",
        ];
        assert_eq!(remarks(&answer()), expected);
    }
}
