//! `busker crypto DIR status|rotate|update`: another key for the secrets of a cluster that runs, and other certificates for
//! its listeners.
//!
//! A rotation goes: a new key into each key file, at its end, where it opens and does not seal; all nodes report that they
//! have it; it seals from then on, and what others sealed is sealed again; all nodes run that configuration; keys that seal
//! nothing any more leave the files. It can be broken off and run again at any point.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use busker_node::NodeConfig;
use busker_odb::Vault;
use busker_odb::vault::key_of;
use serde_json::{Value, json};

use crate::args::{ListenerName, Print};
use crate::client::Client;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::pid::{Life, life};
use crate::quickstart::replace_private;
use crate::{output, prompt};

/// Longest wait for running nodes to read their key files, or to run a configuration.
const WITHIN: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(500);

/// Shows which key seals and which ones are there.
pub(crate) async fn status(client: &Client, print: Print) -> Result<(), Failure> {
    let answer = asked(client).await?;
    output::print(print.format, &answer, |answer| {
        let keys = [("KEY", "id"), ("SEALS", "seals"), ("SECRETS", "secrets")];
        let nodes = [("NODE", "name"), ("KEYS", "keys")];
        format!(
            "{}\n\n{}",
            output::rows(&answer["keys"], &keys),
            output::rows(&answer["nodes"], &nodes)
        )
    })
}

async fn asked(client: &Client) -> Result<Value, Failure> {
    client.call("busker.crypto.status", &json!({})).await
}

/// Rotates.
pub(crate) async fn rotate(environment: &Environment, client: &Client) -> Result<(), Failure> {
    let before = asked(client).await?;
    let old = before["key"].as_str().unwrap_or_default();
    let new = prepare(environment, old)?;
    output::progress(&format!(
        "key {new} is in the key files; waiting for the nodes"
    ));
    all_have(environment, client, &new).await?;
    let objects = seal_again(client, &new).await?;
    output::say(&format!(
        "Key {new} seals now; objects sealed again: {objects}"
    ))?;
    if !all_run(client).await? {
        return output::say("Old keys stay: not all nodes run the new configuration yet");
    }
    drop_unused(environment, client).await
}

/// The key that is to seal: one that was added before and never sealed, else a new one. All folders here have it then.
fn prepare(environment: &Environment, old: &str) -> Result<String, Failure> {
    let Some((first, others)) = environment.nodes.split_first() else {
        return Err(Failure::new(Exit::NotFound, "the environment has no node"));
    };
    let path = first.key_path();
    let known = Vault::open(&path)?.key_ids();
    for node in others {
        let theirs = Vault::open(&node.key_path())?.key_ids();
        if let Some(foreign) = theirs.iter().find(|id| !known.contains(id)) {
            let message = format!(
                "{} has key {foreign}, which {} has not: make one file that has the keys of both, and put it into both folders",
                node.key_path().display(),
                path.display()
            );
            return Err(Failure::new(Exit::Conflict, message));
        }
    }
    // Keys stand in the order of their age.
    let newest = known.last().filter(|newest| *newest != old);
    let new = match newest {
        Some(added) if known.iter().any(|id| id == old) => added.clone(),
        Some(_) | None => Vault::add_key(&path)?,
    };
    let text = prompt::password_file(&path)?;
    for node in others {
        replace_private(&node.key_path(), &format!("{}\n", text.expose()))?;
    }
    Ok(new)
}

/// Waits until every node of the cluster reports that key; those that cannot by themselves are named.
async fn all_have(environment: &Environment, client: &Client, key: &str) -> Result<(), Failure> {
    let runs_here = |name: &str| {
        let found = environment.nodes.iter().find(|node| node.node.name == name);
        found.is_some_and(|node| matches!(life(node), Life::Alive(_)))
    };
    let began = tokio::time::Instant::now();
    loop {
        let answer = asked(client).await?;
        let nodes = answer["nodes"].as_array().map_or(&[][..], Vec::as_slice);
        let has = |node: &&Value| {
            let mut keys = node["keys"].as_array().into_iter().flatten();
            keys.any(|id| id == key)
        };
        let lacking = nodes.iter().filter(|node| !has(node));
        let lacking: Vec<&str> = lacking.filter_map(|node| node["name"].as_str()).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let late = began.elapsed() > WITHIN;
        if late || lacking.iter().any(|name| !runs_here(name)) {
            return Err(Failure::new(Exit::Conflict, lacks(environment, &lacking)));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn lacks(environment: &Environment, nodes: &[&str]) -> String {
    let file = environment.nodes.first().map(NodeConfig::key_path);
    format!(
        "{} did not report the new key, and nothing is sealed with it yet: on another machine, put {} into the node's \
         folder (mode 0600; a running node reads it within 10 s); start a node that is stopped, or forget one that will \
         not come back with `busker node DIR delete`; then run this again",
        nodes.join(", "),
        file.unwrap_or_default().display()
    )
}

/// Seals everything with that key; answers how many objects changed.
async fn seal_again(client: &Client, key: &str) -> Result<u64, Failure> {
    let mut objects = 0;
    let mut after = json!(0);
    loop {
        let input = json!({"name": key, "after": after});
        let done = client.call("busker.crypto.rotate", &input).await?;
        objects += done["objects"].as_u64().unwrap_or_default();
        for closed in done["closed"].as_array().into_iter().flatten() {
            let closed = output::cell(closed);
            output::say(&format!(
                "{closed}: a secret does not open and stays as it is"
            ))?;
        }
        after = done["next"].clone();
        if after.is_null() {
            return Ok(objects);
        }
        output::progress(&format!("objects sealed again: {objects}"));
    }
}

/// Whether all nodes that live run the configuration in which all is sealed again, waiting a while for it.
async fn all_run(client: &Client) -> Result<bool, Failure> {
    let cluster = client.call("busker.cluster.get", &json!({})).await?;
    let revision = cluster["revision"].as_i64().unwrap_or_default();
    let began = tokio::time::Instant::now();
    while began.elapsed() < WITHIN {
        let roster = client.call("busker.cluster.get-roster", &json!({})).await?;
        let mut nodes = roster["nodes"].as_array().into_iter().flatten();
        let runs = |node: &Value| {
            node["alive"] == false || node["revision"].as_i64().unwrap_or_default() >= revision
        };
        if nodes.all(runs) {
            return Ok(true);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(false)
}

async fn drop_unused(environment: &Environment, client: &Client) -> Result<(), Failure> {
    let answer = asked(client).await?;
    let keys = answer["keys"].as_array().map_or(&[][..], Vec::as_slice);
    let used = keys
        .iter()
        .filter(|key| key["seals"] == true || key["secrets"].as_u64().unwrap_or_default() > 0);
    let mut used: BTreeSet<String> = used
        .filter_map(|key| key["id"].as_str().map(str::to_owned))
        .collect();
    for (file, key) in sealed_files(environment) {
        if !used.contains(&key) {
            output::say(&format!(
                "Key {key} stays: {file} is sealed with it; seal it again with `busker encrypt`"
            ))?;
        }
        used.insert(key);
    }
    for node in &environment.nodes {
        let path = node.key_path();
        let known = Vault::open(&path)?.key_ids();
        let (kept, dropped): (Vec<String>, Vec<String>) =
            known.into_iter().partition(|id| used.contains(id));
        if !dropped.is_empty() {
            Vault::keep_keys(&path, &kept)?;
            let dropped = dropped.join(", ");
            output::say(&format!("{}: dropped key {dropped}", path.display()))?;
        }
    }
    Ok(())
}

/// Files of secrets that are sealed, with the key of each.
pub(crate) fn sealed_files(environment: &Environment) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for node in &environment.nodes {
        for (_, path) in node.secret_files() {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if let Some(key) = key_of(text.trim()) {
                found.push((path.display().to_string(), key.to_owned()));
            }
        }
    }
    found
}

/// Gives a listener of a node another certificate.
pub(crate) fn update(
    environment: &Environment,
    listener: ListenerName,
    certificate: &Path,
    key: &Path,
) -> Result<(), Failure> {
    let [node] = environment.nodes.as_slice() else {
        return Err(Failure::usage(
            "DIR has several nodes, and each has a certificate for its own addresses: name the folder of one",
        ));
    };
    busker_node::check_pair(certificate, key)?;
    let (section, place) = match listener {
        ListenerName::Http => ("http.tls", node.http.tls.as_ref()),
        ListenerName::Admin => ("admin.tls", node.admin.tls.as_ref()),
        ListenerName::Cluster => ("cluster", None),
    };
    let place = place.map(|tls| (&tls.certificate, &tls.key));
    let cluster = node.cluster.as_ref().filter(|_| section == "cluster");
    let place = place.or_else(|| cluster.map(|cluster| (&cluster.certificate, &cluster.key)));
    let Some((to_certificate, to_key)) = place else {
        let message = format!(
            "{} has no certificate in [{section}]: name certificate and key there, and start it again",
            node.node.name
        );
        return Err(Failure::new(Exit::Conflict, message));
    };
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error));
    let (new_certificate, new_key) = (read(certificate)?, read(key)?);
    // Whoever reads in between finds two that do not fit, and keeps what it has.
    replace_private(&node.path(to_key), &new_key)?;
    replace_private(&node.path(to_certificate), &new_certificate)?;
    let when = match listener {
        ListenerName::Http | ListenerName::Admin => "a running node takes it within 5 s",
        ListenerName::Cluster => "sessions use it after `busker restart`",
    };
    output::say(&format!(
        "{} replaced; {when}",
        node.path(to_certificate).display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An environment of that many nodes, whose key files are alike.
    fn environment(nodes: usize) -> (tempfile::TempDir, Environment) {
        let dir = tempfile::tempdir().unwrap();
        for number in 1..=nodes {
            let folder = dir.path().join(format!("node{number}"));
            std::fs::create_dir(&folder).unwrap();
            let text = format!(
                "[node]\nname = \"node{number}\"\ncluster = \"c\"\n[http]\nlisten = \"127.0.0.1:17010\"\n\
                 tls = {{ certificate = \"web.pem\", key = \"web.key\" }}\n[admin]\nlisten = \"127.0.0.1:8183\"\n"
            );
            std::fs::write(folder.join("busker.toml"), text).unwrap();
            if number == 1 {
                Vault::create(&folder.join("busker.key")).unwrap();
            } else {
                let first = dir.path().join("node1/busker.key");
                std::fs::copy(first, folder.join("busker.key")).unwrap();
            }
        }
        let environment = Environment::open(dir.path()).unwrap();
        (dir, environment)
    }

    fn keys(environment: &Environment, node: usize) -> Vec<String> {
        let path = environment.nodes[node].key_path();
        Vault::open(&path).unwrap().key_ids()
    }

    #[test]
    fn one_new_key_comes_into_all_files_and_is_taken_up_by_the_next_try() {
        let (_dir, environment) = environment(2);
        let old = keys(&environment, 0).remove(0);
        let new = prepare(&environment, &old).unwrap();
        assert_eq!(keys(&environment, 0), [old.clone(), new.clone()]);
        assert_eq!(keys(&environment, 1), keys(&environment, 0));
        assert_eq!(prepare(&environment, &old).unwrap(), new, "no second one");
        assert_ne!(
            prepare(&environment, &new).unwrap(),
            new,
            "it seals already"
        );
        Vault::add_key(&environment.nodes[1].key_path()).unwrap();
        let foreign = prepare(&environment, &old).unwrap_err();
        assert_eq!(foreign.exit, Exit::Conflict, "{foreign}");
    }

    #[test]
    fn a_certificate_is_replaced_only_by_a_pair_that_fits() {
        use crate::quickstart::authority;
        let (dir, environment) = environment(1);
        let issue = |name: &str| {
            let folder = dir.path().join(name);
            std::fs::create_dir_all(folder.join("out")).unwrap();
            let name = authority::named("Test CA");
            let authority = authority::create(&folder, name).unwrap();
            let issued = authority.issue("node1").unwrap();
            issued.write(&folder.join("out")).unwrap();
            (folder.join("out/node.pem"), folder.join("out/node.key"))
        };
        let (certificate, key) = issue("one");
        let (_, other_key) = issue("two");
        let http = ListenerName::Http;
        let unlike = update(&environment, http, &certificate, &other_key).unwrap_err();
        assert_eq!(unlike.exit, Exit::Invalid, "{unlike}");
        let web = dir.path().join("node1/web.pem");
        assert!(!web.exists());
        update(&environment, http, &certificate, &key).unwrap();
        assert_eq!(
            std::fs::read(&web).unwrap(),
            std::fs::read(&certificate).unwrap()
        );
        let none = update(&environment, ListenerName::Admin, &certificate, &key).unwrap_err();
        assert_eq!(none.exit, Exit::Conflict, "{none}");
    }
}
