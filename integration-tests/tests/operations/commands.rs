//! `busker tree`, `events`, and the commands for objects.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use busker_integration_tests::{Environment, Peer, PeerAnswer, binary, until};
use serde_json::{Value, json};

/// Ends a command that would go on.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn the_tree_and_what_happens_to_it_are_shown() {
    let environment = Environment::start().await;
    environment
        .add_channel("crm", json!({"url_path": "/crm", "service": "not.there"}))
        .await;
    until("the channel to wait", Duration::from_secs(20), || async {
        let actor = environment.actor("node1/channels/plain_http:crm").await?;
        (actor["state"] == "degraded").then_some(())
    })
    .await;
    let tree = environment.must(&["tree"], &[]);
    for part in [
        "node1",
        "  channels",
        "plain_http:crm",
        "waiting-for-service",
        "    http",
        "    api",
    ] {
        assert!(tree.contains(part), "{part} in {tree}");
    }
    let json = environment.must(
        &["tree"],
        &["--prefix", "node1/channels", "--format", "json"],
    );
    let json: Value = serde_json::from_str(&json).unwrap();
    let paths: Vec<&str> = json["actors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|actor| actor["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["node1/channels", "node1/channels/plain_http:crm"]);
    let yaml = environment.must(&["tree"], &["--format", "yaml"]);
    assert!(yaml.contains("path: node1/front/http"), "{yaml}");
    let events = environment.must(&["events"], &["--limit", "1000"]);
    let line = events
        .lines()
        .find(|line| line.contains("node1/channels/plain_http:crm"));
    assert!(
        line.is_some_and(|line| line.contains("started")),
        "{events}"
    );
    let json: Value =
        serde_json::from_str(&environment.must(&["events"], &["--format", "json"])).unwrap();
    assert!(!json["reports"].as_array().unwrap().is_empty(), "{json}");
}

#[tokio::test]
async fn events_are_followed_as_they_happen() {
    let environment = Environment::start().await;
    let mut child = std::process::Command::new(binary())
        .args([
            "events",
            environment.dir.to_str().unwrap(),
            "--follow",
            "--limit",
            "1",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let _running = Running(child);
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                return;
            }
        }
    });
    let mut lines = Vec::new();
    let mut number = 0;
    // Its past is shown first; what it follows comes once the stream is open.
    until("a channel that came in the output", Duration::from_secs(20), || {
        number += 1;
        lines.extend(heard.try_iter());
        let found = lines.iter().any(|line| line.contains("node1/channels/plain_http:new"));
        let add = environment.call(
            "busker.channel.http.create",
            json!({"name": format!("new{number}"), "active": true, "settings": {"url_path": format!("/{number}"), "service": "echo"}}),
        );
        async move {
            add.await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
            found.then_some(())
        }
    })
    .await;
}

fn a_password_comes_from_a_file(environment: &Environment) {
    let secret = environment.dir.join("secret");
    std::fs::write(&secret, "s3cret-of-crm\n").unwrap();
    let password = format!("password=@{}", secret.display());
    let on_the_line = environment.run(
        &["security"],
        &[
            "create",
            "--name",
            "crm",
            "--set",
            "username=crm",
            "--set",
            "password=s3cret",
        ],
    );
    assert_eq!(on_the_line.code, 2, "{on_the_line:?}");
    let security = [
        "create",
        "--name",
        "crm",
        "--set",
        "username=crm",
        "--set",
        &password,
    ];
    let made = environment.must(&["security"], &security);
    assert!(!made.contains("s3cret"), "{made}");
    let again = environment.run(&["security"], &security);
    assert_eq!(again.code, 7, "{again:?}");
    assert!(again.stderr.contains("crm"), "{again:?}");
}

async fn a_channel_is_made_and_changed(environment: &Environment) {
    let channel = [
        "create",
        "--name",
        "crm",
        "--set",
        "url_path=/crm",
        "--set",
        "service=echo",
        "--set",
        "security=crm",
        "--set",
        "timeout_ms=500",
    ];
    let made: Value = serde_json::from_str(&environment.must(&["channel"], &channel)).unwrap();
    assert_eq!(
        (
            &made["family"],
            &made["kind"],
            &made["settings"]["timeout_ms"]
        ),
        (&"channel".into(), &"http".into(), &500.into())
    );
    environment.up("node1/channels/plain_http:crm").await;
    let table = environment.must(&["channel"], &["list"]);
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(
        table.starts_with("NAME") && table.contains("/crm"),
        "{table}"
    );
    assert_eq!(environment.post("/crm", "{}").await.status, 401);
    environment.must(
        &["channel"],
        &[
            "edit",
            "--name",
            "crm",
            "--new-name",
            "crm2",
            "--set",
            "url_path=/crm2",
            "--set",
            "security=null",
        ],
    );
    until("the changed channel", Duration::from_secs(10), || async {
        (environment.post("/crm2", "{}").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(environment.post("/crm", "{}").await.status, 404);
    let shown: Value =
        serde_json::from_str(&environment.must(&["channel"], &["get", "--name", "crm2"])).unwrap();
    assert_eq!(
        (&shown["name"], &shown["settings"]["timeout_ms"]),
        (&"crm2".into(), &500.into())
    );
    let gone = environment.run(&["channel"], &["get", "--name", "crm"]);
    assert_eq!(gone.code, 6, "{gone:?}");
}

async fn a_connection_is_made_and_pinged(environment: &Environment, peer: &Peer) {
    let address = format!("address={}", peer.address);
    let outgoing = [
        "create",
        "--name",
        "out",
        "--set",
        &address,
        "--set",
        "url_path=/x",
        "--set",
        "security=crm",
    ];
    environment.must(&["outgoing"], &outgoing);
    environment.up("node1/outgoing/plain_http:out").await;
    let ping: Value =
        serde_json::from_str(&environment.must(&["outgoing"], &["ping", "--name", "out"])).unwrap();
    assert_eq!(ping["ok"], true, "{ping}");
    environment.must(
        &["outgoing"],
        &[
            "edit",
            "--name",
            "out",
            "--set",
            "address=http://127.0.0.1:1",
        ],
    );
    until("a dead peer", Duration::from_secs(10), || async {
        let ping: Value =
            serde_json::from_str(&environment.must(&["outgoing"], &["ping", "--name", "out"]))
                .unwrap();
        (ping["ok"] == false && ping["class"] == "unavailable").then_some(())
    })
    .await;
}

fn what_is_in_use_or_wrong_is_refused(environment: &Environment) {
    let used = environment.run(&["security"], &["delete", "--name", "crm"]);
    assert_eq!(used.code, 7, "{used:?}");
    assert!(used.stderr.contains("out"), "{used:?}");
    let wrong = environment.run(
        &["channel"],
        &[
            "create",
            "--name",
            "bad",
            "--set",
            "url_path=nope",
            "--set",
            "service=echo",
            "--set",
            "colour=red",
        ],
    );
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(wrong.stderr.contains("colour"), "{wrong:?}");
}

#[tokio::test]
async fn objects_are_made_changed_shown_and_removed_by_command() {
    let environment = Environment::start().await;
    let peer = Peer::start(|_| PeerAnswer::ok("text/plain", "pong"));
    a_password_comes_from_a_file(&environment);
    a_channel_is_made_and_changed(&environment).await;
    a_connection_is_made_and_pinged(&environment, &peer).await;
    what_is_in_use_or_wrong_is_refused(&environment);
    for (family, name) in [
        ("outgoing", "out"),
        ("channel", "crm2"),
        ("security", "crm"),
    ] {
        environment.must(&[family], &["delete", "--name", name]);
        let list: Value =
            serde_json::from_str(&environment.must(&[family], &["list", "--format", "json"]))
                .unwrap();
        assert!(!list["objects"].to_string().contains(name), "{list}");
    }
}
