//! Keys and certificates of a node that runs: another key, other certificates, sealed files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use busker_integration_tests::{Environment, busker, until};
use serde_json::{Value, json};

const PASSWORD: &str = "s3cret-of-the-partners";

fn status(environment: &Environment) -> Value {
    let text = environment.must(&["crypto"], &["status", "--format", "json"]);
    serde_json::from_str(&text).unwrap()
}

fn keys(environment: &Environment) -> Vec<String> {
    let text = std::fs::read_to_string(environment.node().join("busker.key")).unwrap();
    let ids = text.lines().filter_map(|line| line.split(' ').next());
    ids.map(str::to_owned).collect()
}

async fn secured(environment: &Environment) {
    environment
        .add_basic_auth("partners", "ada", PASSWORD)
        .await;
    for number in 0..30 {
        let name = format!("other{number}");
        environment.add_basic_auth(&name, &name, PASSWORD).await;
    }
    let settings = json!({"url_path": "/echo", "service": "echo", "security": "partners"});
    environment.add_channel("echo", settings).await;
}

async fn asked(environment: &Environment) -> u16 {
    let request = environment
        .http
        .post(environment.channel("/echo"))
        .body("{}");
    let request = request.basic_auth("ada", Some(PASSWORD));
    request
        .send()
        .await
        .map_or(0, |answer| answer.status().as_u16())
}

#[tokio::test]
async fn a_key_is_rotated_under_traffic_and_the_old_one_is_gone() {
    let environment = Environment::start().await;
    secured(&environment).await;
    let old = keys(&environment);
    // Those of the partners, and those that an environment has from the start.
    let secrets = status(&environment)["keys"][0]["secrets"].as_u64().unwrap();
    assert!(secrets >= 31, "{secrets}");
    let (done, wrong) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let answered = AtomicUsize::new(0);
    let traffic = async {
        while !done.load(Ordering::Relaxed) {
            if asked(&environment).await != 200 {
                wrong.fetch_add(1, Ordering::Relaxed);
            }
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    let rotation = async {
        let dir = environment.dir.to_str().unwrap().to_owned();
        let ran = tokio::task::spawn_blocking(move || busker(&["crypto", &dir, "rotate"]));
        let ran = ran.await.unwrap();
        done.store(true, Ordering::Relaxed);
        ran
    };
    let ((), ran) = tokio::join!(traffic, rotation);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout
            .contains(&format!("objects sealed again: {secrets}")),
        "{ran:?}"
    );
    assert_eq!(
        wrong.load(Ordering::Relaxed),
        0,
        "of {}",
        answered.load(Ordering::Relaxed)
    );
    let new = keys(&environment);
    assert_eq!(new.len(), 1, "{new:?}");
    assert_ne!(new, old);
    let found = status(&environment);
    assert_eq!(found["key"], json!(new[0]), "{found}");
    assert_eq!(
        found["keys"],
        json!([{"id": new[0], "seals": true, "secrets": secrets}])
    );
    assert_eq!(asked(&environment).await, 200);
    // What comes later is sealed with the new key, and a node that knows nothing else opens it all.
    environment.add_basic_auth("late", "late", PASSWORD).await;
    assert_eq!(status(&environment)["keys"][0]["secrets"], secrets + 1);
    environment.must(&["restart"], &[]);
    until("the channel again", Duration::from_secs(20), || async {
        (asked(&environment).await == 200).then_some(())
    })
    .await;
    let table = environment.must(&["crypto"], &["status"]);
    assert!(
        table.starts_with("KEY") && table.contains("node1"),
        "{table}"
    );
}

#[tokio::test]
async fn a_secret_is_sealed_for_a_file_and_opened_only_on_purpose() {
    let environment = Environment::create();
    let plain = environment.dir.join("plain");
    std::fs::write(&plain, "hunter2\n").unwrap();
    let from = ["--secret-file", plain.to_str().unwrap()];
    let sealed = environment.must(&["encrypt"], &from);
    assert!(
        sealed.starts_with("sealed:v1:") && !sealed.contains("hunter2"),
        "{sealed}"
    );
    let file = environment.dir.join("sealed");
    std::fs::write(&file, &sealed).unwrap();
    let from = ["--secret-file", file.to_str().unwrap()];
    let refused = environment.run(&["decrypt"], &from);
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (2, ""),
        "{refused:?}"
    );
    let opened = environment.must(&["decrypt"], &[&from[..], &["--yes"]].concat());
    assert_eq!(opened, "hunter2\n");
    let another = Environment::create();
    let foreign = another.run(&["decrypt"], &[&from[..], &["--yes"]].concat());
    assert_ne!(foreign.code, 0, "{foreign:?}");
    assert!(!foreign.stderr.contains("hunter2"), "{foreign:?}");
}

#[tokio::test]
async fn a_listener_takes_another_certificate_without_a_restart() {
    let environment = Environment::create();
    let file = environment.node().join("busker.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let listen = format!("listen = \"127.0.0.1:{}\"", environment.channel_port());
    let tls = "tls = { certificate = \"certs/web.pem\", key = \"certs/web.key\" }";
    std::fs::write(&file, text.replace(&listen, &format!("{listen}\n{tls}"))).unwrap();
    let issue = |host: &str, folder: &str| {
        let out = environment.dir.join(folder);
        let words = [
            "--host",
            "127.0.0.1",
            "--host",
            host,
            "--out",
            out.to_str().unwrap(),
        ];
        environment.must(&["ca", "create", "server"], &words);
        out
    };
    let (first, second) = (
        issue("first.example", "one"),
        issue("second.example", "two"),
    );
    for (from, to) in [("server.pem", "web.pem"), ("server.key", "web.key")] {
        std::fs::copy(first.join(from), environment.node().join("certs").join(to)).unwrap();
    }
    environment.must(&["start"], &[]);
    let pid = environment.pid();
    let settings = json!({"url_path": "/echo", "service": "echo"});
    environment.add_channel("echo", settings).await;
    let authority = std::fs::read(environment.dir.join("ca/ca.pem")).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    let address = ([127, 0, 0, 1], environment.channel_port()).into();
    let reached = async |host: &str| {
        let client = reqwest::Client::builder().no_proxy().resolve(host, address);
        let client = client.tls_certs_only([authority.clone()]).build().unwrap();
        let url = format!("https://{host}:{}/echo", environment.channel_port());
        client.post(url).body("{}").send().await.is_ok()
    };
    assert!(reached("first.example").await);
    assert!(!reached("second.example").await);
    let update = |certificate: std::path::PathBuf, key: std::path::PathBuf| {
        let words = [
            "--certificate",
            certificate.to_str().unwrap(),
            "--key",
            key.to_str().unwrap(),
        ];
        environment.run(
            &["crypto"],
            &[&["update", "--listener", "http"], &words[..]].concat(),
        )
    };
    let unlike = update(second.join("server.pem"), first.join("server.key"));
    assert_eq!(unlike.code, 3, "{unlike:?}");
    let ran = update(second.join("server.pem"), second.join("server.key"));
    assert_eq!(ran.code, 0, "{ran:?}");
    until("the new certificate", Duration::from_secs(20), || async {
        reached("second.example").await.then_some(())
    })
    .await;
    assert!(!reached("first.example").await);
    assert_eq!(environment.pid(), pid, "it was not started again");
    let shown = environment.must(&["ca", "show"], &[]);
    assert!(
        shown.contains("second.example") && shown.contains("ca/ca.pem"),
        "{shown}"
    );
}
