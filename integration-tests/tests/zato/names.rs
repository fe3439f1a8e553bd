//! Every public name of Zato 1.1 that belongs here is here, with the fields it had.

use std::collections::BTreeMap;

use busker_integration_tests::Environment;
use serde_json::{Value, json};

/// Zato's own list, in a file of its own so that nothing of ours is compared with itself.
const LIST: &str = include_str!("zato-1.1.txt");

/// Fields in the notation of the list, from the declaration of a service.
fn written(fields: &Value) -> String {
    let of = |required: bool| {
        let fields = fields.as_array().unwrap().iter();
        let wanted = fields.filter(|field| field["required"] == required);
        let names = wanted.map(|field| {
            let suffix = match field["ty"].as_str().unwrap() {
                "auto" => "",
                "boolean" => ":b",
                "integer" => ":i",
                other => panic!("{other}"),
            };
            format!("{}{suffix}", field["name"].as_str().unwrap())
        });
        names.collect::<Vec<_>>().join(",")
    };
    let (required, optional) = (of(true), of(false));
    if optional.is_empty() {
        return required;
    }
    format!("{required} | {optional}").trim().to_owned()
}

#[tokio::test]
async fn every_public_name_is_there_with_exactly_its_fields() {
    let environment = Environment::start().await;
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let wanted: BTreeMap<&str, (&str, &str)> = lines
        .map(|line| {
            let mut parts = line.split(';').map(str::trim);
            let mut next = || parts.next().unwrap();
            (next(), (next(), next()))
        })
        .collect();
    let list = environment
        .ok("busker.service.list", json!({"filter": "zato."}))
        .await;
    let list = list["services"].as_array().unwrap();
    let there: Vec<&str> = list
        .iter()
        .map(|service| service["name"].as_str().unwrap())
        .collect();
    println!(
        "{} public names of Zato 1.1 belong here, {} zato.* names are here",
        wanted.len(),
        there.len()
    );
    assert_eq!(there, wanted.keys().copied().collect::<Vec<_>>());
    for (name, (takes, answers)) in &wanted {
        let service = environment
            .ok("busker.service.get", json!({"name": name}))
            .await;
        let sio = &service["sio"];
        assert_eq!(written(&sio["input"]), *takes, "{name} takes");
        assert_eq!(written(&sio["output"]), *answers, "{name} answers");
        assert_eq!(sio["namespace"], "https://zato.io/ns/20130518", "{name}");
    }
}
