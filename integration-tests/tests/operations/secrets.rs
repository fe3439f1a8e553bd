//! Secrets never come back out: not from the log at its chattiest, the API, the command line, or the files of the node.

use std::path::Path;

use busker_integration_tests::{Environment, Peer, PeerAnswer};
use serde_json::{Value, json};

const DEFINITION: &str = "s3cret-of-the-definition";
const CHANGED: &str = "an0ther-s3cret-of-it";
const USER: &str = "s3cret-of-the-user";
const WRONG: &str = "s3cret-that-is-wrong";

/// Everything in the folder that is a file of the node, but the token of the command line.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() && !path.ends_with("cli.token") {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// Secrets go in and out of channels and connections.
async fn secrets_are_used(environment: &Environment) {
    let peer = Peer::start(|_| PeerAnswer::ok("text/plain", "{}"));
    environment.add_basic_auth("crm", "crm", DEFINITION).await;
    let settings = json!({"url_path": "/echo", "service": "echo", "security": "crm"});
    environment.add_channel("echo", settings).await;
    environment
        .add_outgoing(
            "out",
            json!({"address": peer.address, "url_path": "/", "security": "crm"}),
        )
        .await;
    environment
        .ok("busker.outgoing.http.ping", json!({"name": "out"}))
        .await;
    for password in [DEFINITION, WRONG] {
        let request = environment
            .http
            .post(environment.channel("/echo"))
            .body("{}");
        environment
            .send(request.basic_auth("crm", Some(password)))
            .await;
    }
}

/// Secrets of every other kind of definition: what it is made with, what it is changed to.
const KINDS: [(&str, &str, &str, &str); 4] = [
    (
        "api-key",
        "key",
        "s3cret-of-the-api-key",
        "an0ther-s3cret-api-key",
    ),
    (
        "tech-account",
        "password",
        "s3cret-of-the-account",
        "an0ther-s3cret-account",
    ),
    (
        "wss",
        "password",
        "s3cret-of-the-token",
        "an0ther-s3cret-token",
    ),
    (
        "jwt",
        "secret",
        "s3cret-of-the-signature-of-enough-bytes",
        "an0ther-s3cret-signature-of-enough-bytes",
    ),
];

fn settings_of(kind: &str, field: &str, secret: &str) -> Value {
    let mut settings = match kind {
        "api-key" => json!({"query": "key"}),
        "wss" => json!({"username": "crm", "reject_empty_nonce_creat": false}),
        "jwt" => json!({"algorithm": "HS256", "issuer": "i", "audience": "a"}),
        _ => json!({}),
    };
    settings[field] = json!(secret);
    settings
}

/// A request to the channel of a kind, with what is right or what is wrong.
fn shown(environment: &Environment, kind: &str, secret: &str) -> reqwest::RequestBuilder {
    let path = environment.channel(&format!("/{kind}"));
    let request = environment.http.post(&path);
    match kind {
        "api-key" if secret == WRONG => environment.http.post(format!("{path}?key={secret}")).body("{}"),
        "api-key" => request.header("X-API-Key", secret).body("{}"),
        "tech-account" => request
            .header("X-Zato-User", kind)
            .header("X-Zato-Password", secret)
            .body("{}"),
        "jwt" => request.bearer_auth(secret).body("{}"),
        _ => request.body(format!(
            "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Header><Security \
             xmlns='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'><UsernameToken>\
             <Username>crm</Username><Password>{secret}</Password></UsernameToken></Security></e:Header>\
             <e:Body><a/></e:Body></e:Envelope>"
        )),
    }
}

/// Every kind of definition is made, shown to, sent, refused and changed.
async fn every_kind_is_driven(environment: &Environment) -> String {
    let peer = Peer::start(|_| PeerAnswer::ok("text/plain", "{}"));
    let mut refusals = String::new();
    for (kind, field, secret, changed) in KINDS {
        let service = |verb: &str| format!("busker.security.{kind}.{verb}");
        let settings = settings_of(kind, field, secret);
        let object = json!({"name": kind, "settings": settings});
        environment.ok(&service("create"), object).await;
        let transport = if kind == "wss" { "soap" } else { "plain_http" };
        let channel = json!({
            "url_path": format!("/{kind}"), "service": "echo", "security": kind, "transport": transport,
        });
        environment.add_channel(kind, channel).await;
        if matches!(kind, "api-key" | "wss") {
            let settings =
                json!({"address": peer.address, "security": kind, "transport": transport});
            environment.add_outgoing(kind, settings).await;
            let ping = json!({"name": kind, "transport": transport});
            environment.ok("busker.outgoing.http.ping", ping).await;
        }
        for secret in [secret, WRONG] {
            let answer = environment.send(shown(environment, kind, secret)).await;
            // The secret of a signature is no token.
            let right = secret != WRONG && kind != "jwt";
            assert_eq!(answer.status == 401, !right, "{kind}: {answer:?}");
            refusals.push_str(&answer.body);
        }
        let mut odd = settings_of(kind, field, WRONG);
        odd["colour"] = json!("red");
        for settings in [
            odd,
            settings_of(kind, field, "\u{1}"),
            json!({field: [WRONG]}),
        ] {
            let object = json!({"name": "odd", "settings": settings});
            let refused = environment.call(&service("create"), object).await;
            refusals.push_str(&format!("{refused:?}"));
        }
        let change = json!({"name": kind, "password1": changed, "password2": changed});
        environment.ok(&service("change-password"), change).await;
        refusals.push_str(
            &environment
                .ok(&service("get"), json!({"name": kind}))
                .await
                .to_string(),
        );
    }
    refusals
}

/// Secrets go into the API, rightly and wrongly; answers a token that was minted, and what was refused.
async fn secrets_are_given(environment: &Environment) -> (String, String) {
    let user = json!({"name": "ann", "password": USER, "role": "admin"});
    environment.ok("busker.user.create", user).await;
    let change = json!({"name": "crm", "password1": CHANGED, "password2": CHANGED});
    environment
        .ok("busker.security.basic-auth.change-password", change)
        .await;
    let unlike = json!({"name": "crm", "password1": WRONG, "password2": CHANGED});
    let refused = environment
        .call("busker.security.basic-auth.change-password", unlike)
        .await
        .unwrap_err();
    let minted = environment
        .ok(
            "busker.token.create",
            json!({"name": "t", "role": "viewer"}),
        )
        .await;
    let token = minted["token"].as_str().unwrap().to_owned();
    for password in [USER, WRONG] {
        let url = environment.api("/api/v1/services/busker.service.list");
        let request = environment.http.post(url).basic_auth("ann", Some(password));
        environment.send(request.body("{}")).await;
    }
    // An input that is refused is the easiest one to repeat in a message.
    let odd = json!({"name": "x", "settings": {"username": "a:b", "password": WRONG, "colour": DEFINITION}});
    let odd = environment
        .call("busker.security.basic-auth.create", odd)
        .await
        .unwrap_err();
    let number = json!({"name": "x", "password": {"deep": USER}, "role": "king"});
    let number = environment
        .call("busker.user.create", number)
        .await
        .unwrap_err();
    (token, format!("{refused:?}{odd:?}{number:?}"))
}

/// All that the node tells while it runs.
async fn all_that_is_told(environment: &Environment, refusals: String) -> Vec<(String, Vec<u8>)> {
    let mut told = vec![
        ("the refusals".to_owned(), refusals.into_bytes()),
        (
            "info".to_owned(),
            environment
                .must(&["info"], &["--format", "json"])
                .into_bytes(),
        ),
        (
            "events".to_owned(),
            environment
                .must(&["events"], &["--limit", "1000", "--format", "json"])
                .into_bytes(),
        ),
        (
            "tree".to_owned(),
            environment
                .must(&["tree"], &["--format", "json"])
                .into_bytes(),
        ),
    ];
    for (service, input) in [
        ("busker.security.basic-auth.list", json!({})),
        ("busker.security.list", json!({})),
        ("busker.security.basic-auth.get", json!({"name": "crm"})),
        ("busker.outgoing.http.list", json!({})),
        ("busker.channel.http.list", json!({})),
        ("busker.user.list", json!({})),
        ("busker.token.list", json!({})),
        ("busker.audit.list", json!({"limit": 500})),
        ("busker.node.get-info", json!({})),
        ("busker.statistics.get", json!({})),
        ("busker.event.list", json!({"limit": 1000})),
    ] {
        told.push((
            service.to_owned(),
            environment
                .ok(service, input)
                .await
                .to_string()
                .into_bytes(),
        ));
    }
    told
}

#[tokio::test]
async fn secrets_stay_where_they_are() {
    use base64::Engine;
    let environment = Environment::start_with("[telemetry]\nlog_level = \"trace\"").await;
    secrets_are_used(&environment).await;
    let (token, mut refusals) = secrets_are_given(&environment).await;
    refusals.push_str(&every_kind_is_driven(&environment).await);
    let mut told = all_that_is_told(&environment, refusals).await;
    environment.must(&["stop"], &[]);
    told.extend(files(&environment.dir));
    let names: Vec<&String> = told.iter().map(|(name, _)| name).collect();
    assert!(
        names.iter().any(|name| name.ends_with("odb.db")),
        "{names:?}"
    );
    assert!(
        environment.log().contains("TRACE"),
        "the log says all it can"
    );
    let mut secrets = vec![
        DEFINITION,
        CHANGED,
        USER,
        WRONG,
        &token,
        environment.token(),
    ];
    secrets.extend(
        KINDS
            .iter()
            .flat_map(|(_, _, made, changed)| [made, changed]),
    );
    let encoded =
        |secret: &&str| base64::engine::general_purpose::STANDARD.encode(format!("crm:{secret}"));
    let secrets = secrets
        .iter()
        .map(|secret| (*secret).to_owned())
        .chain(secrets.iter().map(encoded));
    for secret in secrets {
        for (name, bytes) in &told {
            // What the caller put where it is no secret may be named: it is a field of an unknown name.
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} is in {name}");
        }
    }
}
