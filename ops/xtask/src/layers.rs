//! `cargo xtask layers`: a crate uses only crates of lower layers. The table below is the architecture; a crate that is
//! not in it is a fault, and so is a name in it that no crate has.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Outcome;
use crate::args::Args;
use crate::process::Step;

/// Bottom first: what the layer is for, and who is in it.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "nouns",
        &["busker-model", "busker-service-derive", "busker-enmasse"],
    ),
    ("what an actor is", &["busker-kit"]),
    (
        "ports and stores",
        &[
            "busker-odb",
            "busker-connector",
            "busker-telemetry",
            "busker-service",
        ],
    ),
    (
        "transports and hosts",
        &[
            "busker-connector-http",
            "busker-bus",
            "busker-python",
            "busker-security",
            "busker-samples",
        ],
    ),
    (
        "families of actors",
        &[
            "busker-channels",
            "busker-outgoing",
            "busker-services",
            "busker-scheduler",
            "busker-membership",
            "busker-pipeline",
        ],
    ),
    ("lists and packages", &["busker-catalog", "busker-packages"]),
    (
        "change",
        &["busker-admin", "busker-reconcile", "busker-zato"],
    ),
    ("a node", &["busker-node"]),
    ("the binary", &["busker-cli"]),
];

/// Tools and tests: they may use anything, and nothing may use them.
const EXEMPT: &[&str] = &["xtask", "busker-integration-tests"];

/// Our crates and the crates of ours that each one uses, not counting tests.
type Uses = BTreeMap<String, Vec<String>>;

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    Ok(if hold()? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks the workspace, prints the table or the faults.
pub(crate) fn hold() -> Result<bool> {
    let uses = read_uses()?;
    let faults = faults(&uses, LAYERS);
    for fault in &faults {
        println!("layers: {fault}");
    }
    if faults.is_empty() {
        for (number, (purpose, crates)) in LAYERS.iter().enumerate() {
            println!("{number}  {purpose:<20}  {}", crates.join("  "));
        }
    }
    Ok(faults.is_empty())
}

fn read_uses() -> Result<Uses> {
    let step = Step::cargo().args(["metadata", "--no-deps", "--format-version", "1"]);
    let answer = step.capture()?;
    ensure!(answer.ok, "cargo metadata: {}", answer.stderr);
    uses_in(&serde_json::from_str(&answer.stdout).context("reading cargo metadata")?)
}

/// The part of `cargo metadata` that matters here. A test may reach upward, so dev-dependencies do not count.
fn uses_in(metadata: &Value) -> Result<Uses> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    let name_of = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let ours: Vec<String> = packages.iter().map(name_of).collect();
    let mut uses = Uses::new();
    for package in packages {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let used = dependencies
            .filter(|dependency| dependency["kind"] != "dev")
            .map(name_of)
            .filter(|name| ours.contains(name))
            .collect();
        uses.insert(name_of(package), used);
    }
    Ok(uses)
}

fn faults(uses: &Uses, layers: &[(&str, &[&str])]) -> Vec<String> {
    let layer_of = |name: &str| layers.iter().position(|(_, crates)| crates.contains(&name));
    let mut faults = Vec::new();
    for (user, used) in uses
        .iter()
        .filter(|(user, _)| !EXEMPT.contains(&user.as_str()))
    {
        let Some(own) = layer_of(user) else {
            faults.push(format!(
                "{user} is in no layer: put it in ops/xtask/src/layers.rs"
            ));
            continue;
        };
        for name in used {
            match layer_of(name) {
                Some(layer) if layer < own => {}
                Some(layer) => faults.push(format!(
                    "{user} (layer {own}) uses {name} (layer {layer}): only lower layers may be used"
                )),
                None => faults.push(format!("{user} uses {name}, which is in no layer")),
            }
        }
    }
    let named = layers.iter().flat_map(|(_, crates)| crates.iter());
    let gone = named.filter(|name| !uses.contains_key(**name));
    faults.extend(gone.map(|name| format!("{name} is in the table but in no manifest")));
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Uses, faults, uses_in};

    const TABLE: &[(&str, &[&str])] = &[("low", &["a", "b"]), ("high", &["c"])];

    fn uses(pairs: &[(&str, &[&str])]) -> Uses {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        pairs
            .iter()
            .map(|(user, used)| ((*user).to_owned(), owned(used)))
            .collect()
    }

    #[test]
    fn lower_layers_may_be_used() {
        let good = uses(&[
            ("a", &[]),
            ("b", &[]),
            ("c", &["a", "b"]),
            ("xtask", &["c"]),
        ]);
        assert_eq!(faults(&good, TABLE), Vec::<String>::new());
    }

    #[test]
    fn siblings_and_higher_layers_may_not() {
        let bad = uses(&[("a", &["c"]), ("b", &["a"]), ("c", &[])]);
        let faults = faults(&bad, TABLE);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("a (layer 0) uses c (layer 1)"));
        assert!(faults[1].starts_with("b (layer 0) uses a (layer 0)"));
    }

    #[test]
    fn a_crate_outside_the_table_and_a_name_without_a_crate_are_faults() {
        let faults = faults(&uses(&[("a", &[]), ("c", &["xtask"]), ("d", &[])]), TABLE);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(
            faults
                .iter()
                .any(|fault| fault.starts_with("d is in no layer"))
        );
        assert!(
            faults
                .iter()
                .any(|fault| fault.starts_with("b is in the table"))
        );
        assert!(faults.iter().any(|fault| fault.starts_with("c uses xtask")));
    }

    #[test]
    fn only_our_own_crates_count_and_tests_do_not() {
        let metadata = json!({"packages": [
            {"name": "a", "dependencies": [
                {"name": "serde", "kind": null}, {"name": "c", "kind": "dev"}, {"name": "b", "kind": "build"}]},
            {"name": "b", "dependencies": []},
            {"name": "c", "dependencies": []},
        ]});
        let uses = uses_in(&metadata).unwrap();
        assert_eq!(uses["a"], ["b"]);
    }
}
