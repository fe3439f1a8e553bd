//! `busker doctor` and `check-config` on what is well, and on what is not.

use std::os::unix::fs::PermissionsExt;

use busker_integration_tests::Environment;
use serde_json::{Value, json};

fn look(environment: &Environment, more: &[&str]) -> (i32, Vec<Value>) {
    let ran = environment.run(&["doctor"], &[&["--format", "json"], more].concat());
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.code, answer["checks"].as_array().unwrap().clone())
}

/// Verdicts of the checks of a name.
fn verdicts(checks: &[Value], name: &str) -> Vec<String> {
    let of_name = checks.iter().filter(|check| check["check"] == name);
    of_name
        .map(|check| check["verdict"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_fresh_environment_is_well_running_and_stopped() {
    let environment = Environment::start().await;
    let (code, checks) = look(&environment, &["--security"]);
    let failed: Vec<&Value> = checks
        .iter()
        .filter(|check| check["verdict"] == "fail")
        .collect();
    assert!(code == 0 && failed.is_empty(), "{checks:#?}");
    for name in [
        "files",
        "process",
        "disk",
        "odb",
        "certificates",
        "versions",
        "admin",
        "modes",
        "users",
    ] {
        assert!(!verdicts(&checks, name).is_empty(), "{name}: {checks:#?}");
    }
    let checked = environment.must(&["check-config"], &[]);
    assert!(
        checked.contains("node1: SQL ODB connection OK"),
        "{checked}"
    );
    environment.must(&["stop"], &[]);
    let (code, checks) = look(&environment, &[]);
    assert_eq!(code, 0, "{checks:#?}");
    assert_eq!(verdicts(&checks, "port"), ["ok", "ok"]);
}

#[tokio::test]
async fn what_an_attacker_would_like_is_found_and_the_remedy_is_named() {
    let environment = Environment::start().await;
    environment
        .add_basic_auth("partners", "ada", "changeme")
        .await;
    environment
        .ok(
            "busker.user.change-password",
            json!({"name": "admin", "password1": "in-the-file", "password2": "in-the-file"}),
        )
        .await;
    std::fs::write(environment.dir.join("admin.password"), "in-the-file\n").unwrap();
    environment
        .ok(
            "busker.user.create",
            json!({"name": "bob", "password": "bob", "role": "admin"}),
        )
        .await;
    let settings = json!({"url_path": "/a", "service": "echo", "expose_tracebacks": true});
    environment.add_channel("a", settings).await;
    let authority = environment.dir.join("ca/ca.key");
    std::fs::set_permissions(&authority, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = environment.node().join("busker.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (_, admin) = text.split_once("[admin]\nlisten = \"127.0.0.1").unwrap();
    let open = format!(
        "{}[admin]\nlisten = \"0.0.0.0{admin}",
        text.split("[admin]").next().unwrap()
    );
    environment.must(&["stop"], &[]);
    std::fs::write(&file, open).unwrap();

    let (code, checks) = look(&environment, &["--security"]);
    assert_eq!(code, 3, "{checks:#?}");
    for (name, verdict) in [
        ("users", "fail"),
        ("credentials", "fail"),
        ("modes", "fail"),
        ("admin", "fail"),
        ("password file", "warn"),
        ("tracebacks", "warn"),
    ] {
        assert_eq!(verdicts(&checks, name), [verdict], "{name}: {checks:#?}");
    }
    for check in checks.iter().filter(|check| check["verdict"] != "ok") {
        assert_ne!(check["remedy"], "", "{check}");
    }
    let text = serde_json::to_string(&checks).unwrap();
    for hidden in ["changeme\"", "in-the-file"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    for named in ["ca.key", "bob", "partners", "admin.password"] {
        assert!(text.contains(named), "{named}: {text}");
    }
    // Without --security it is the business of nobody.
    assert_eq!(look(&environment, &[]).0, 0);
    std::fs::write(
        &file,
        std::fs::read_to_string(&file)
            .unwrap()
            .replace("0.0.0.0", "127.0.0.1"),
    )
    .unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_and_a_port_of_somebody_else_fail() {
    let environment = Environment::create();
    let taken = std::net::TcpListener::bind(("127.0.0.1", environment.channel_port())).unwrap();
    let odb = environment.node().join("data/odb.db");
    std::fs::rename(&odb, odb.with_extension("away")).unwrap();
    let (code, checks) = look(&environment, &[]);
    assert_eq!(code, 3, "{checks:#?}");
    assert_eq!(verdicts(&checks, "odb"), ["fail"]);
    assert_eq!(verdicts(&checks, "port"), ["fail", "ok"]);
    assert!(!odb.exists(), "a look makes no database");
    let checked = environment.run(&["check-config"], &[]);
    assert_eq!(checked.code, 11, "{checked:?}");
    assert!(checked.stderr.contains("odb.db"), "{checked:?}");
    std::fs::rename(odb.with_extension("away"), &odb).unwrap();
    drop(taken);
}
