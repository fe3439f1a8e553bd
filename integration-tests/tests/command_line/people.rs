//! Users and tokens by command, and where passwords come from.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use busker_integration_tests::{Environment, binary};
use serde_json::Value;

/// Status of a call of the API with these credentials.
async fn login(environment: &Environment, user: &str, password: &str) -> u16 {
    let url = environment.api("/api/v1/services/busker.service.list");
    let request = environment.http.post(url).basic_auth(user, Some(password));
    environment.send(request.body("{}")).await.status
}

fn write(environment: &Environment, name: &str, text: &str) -> String {
    let path = environment.dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_is_made_changed_and_deleted() {
    let environment = Environment::start().await;
    let first = write(&environment, "first", "first-of-ann\n");
    let second = write(&environment, "second", "second-of-ann\n");
    let create = [
        "create",
        "--name",
        "ann",
        "--role",
        "operator",
        "--password-file",
        &first,
    ];
    let said = environment.must(&["user"], &create);
    assert!(
        said.contains("operator") && !said.contains("first-of-ann"),
        "{said}"
    );
    assert_eq!(login(&environment, "ann", "first-of-ann").await, 200);
    environment.must(
        &["user"],
        &[
            "change-password",
            "--name",
            "ann",
            "--password-file",
            &second,
        ],
    );
    assert_eq!(login(&environment, "ann", "first-of-ann").await, 401);
    assert_eq!(login(&environment, "ann", "second-of-ann").await, 200);
    environment.must(
        &["user"],
        &[
            "set-role", "--name", "ann", "--role", "admin", "--active", "false",
        ],
    );
    assert_eq!(login(&environment, "ann", "second-of-ann").await, 401);
    let list = environment.must(&["user"], &["list", "--format", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["users"].as_array().unwrap().len(), 2, "{list}");
    environment.must(&["user"], &["delete", "--name", "ann"]);
    let last = environment.run(&["user"], &["delete", "--name", "admin"]);
    assert_eq!(last.code, 7, "{last:?}");
}

#[tokio::test]
async fn a_token_goes_into_a_file_and_ends() {
    let environment = Environment::start().await;
    let file = environment.dir.join("ci.token");
    let create = [
        "create",
        "--name",
        "ci",
        "--role",
        "viewer",
        "--valid-days",
        "1",
    ];
    let with_file = [&create[..], &["--token-file", file.to_str().unwrap()]].concat();
    let said = environment.must(&["token"], &with_file);
    let token = std::fs::read_to_string(&file).unwrap();
    let token = token.trim();
    assert!(!token.is_empty() && !said.contains(token), "{said}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let list = async || {
        let url = environment.api("/api/v1/services/busker.service.list");
        let request = environment.http.post(url).bearer_auth(token).body("{}");
        environment.send(request).await.status
    };
    assert_eq!(list().await, 200);
    let there = environment.run(&["token"], &with_file);
    assert_eq!(there.code, 7, "a file is not overwritten: {there:?}");
    environment.must(&["token"], &["revoke", "--name", "ci"]);
    assert_eq!(list().await, 401);
    assert!(environment.must(&["token"], &["list"]).contains("revoked"));
}

#[tokio::test]
async fn a_password_comes_from_the_variable_and_is_never_asked_for_without_a_terminal() {
    let environment = Environment::start().await;
    let run = |password: Option<&str>, name: &str| {
        let mut command = Command::new(binary());
        command
            .args([
                "user",
                environment.dir.to_str().unwrap(),
                "create",
                "--name",
                name,
            ])
            .env_remove("BUSKER_PASSWORD")
            .stdin(Stdio::null());
        if let Some(password) = password {
            command.env("BUSKER_PASSWORD", password);
        }
        command.output().unwrap()
    };
    assert!(run(Some("of-the-variable"), "bob").status.success());
    assert_eq!(login(&environment, "bob", "of-the-variable").await, 200);
    let refused = run(None, "carl");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("--password-file") && said.contains("BUSKER_PASSWORD"),
        "{said}"
    );
    // What the kind marks as write-only is asked for in the same way.
    let refused = environment.run(
        &["security"],
        &["create", "--name", "crm", "--set", "username=ada"],
    );
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("password"), "{refused:?}");
}

/// Reads what a command asks, until it waits.
fn until_asked(from: &mut impl Read, question: &str) -> String {
    let mut said = String::new();
    let mut byte = [0; 1];
    while !said.ends_with(question) {
        assert_eq!(from.read(&mut byte).unwrap(), 1, "{said:?}");
        said.push(char::from(byte[0]));
    }
    said
}

#[tokio::test]
async fn on_a_terminal_a_password_is_asked_for_twice_without_echo() {
    let environment = Environment::start().await;
    let ask = |again: &str| {
        let terminal = nix::pty::openpty(None, None).unwrap();
        let mut master = std::fs::File::from(terminal.master);
        let mut child = Command::new(binary())
            .args(["security", environment.dir.to_str().unwrap(), "create"])
            .args(["--name", "partners", "--set", "username=ada"])
            .env_remove("BUSKER_PASSWORD")
            .stdin(Stdio::from(terminal.slave))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut asked = child.stderr.take().unwrap();
        until_asked(&mut asked, "echoed): ");
        // The terminal is quiet by the time the question is flushed, and forgets what was typed before.
        std::thread::sleep(std::time::Duration::from_millis(200));
        master.write_all(b"secret-of-ada\n").unwrap();
        until_asked(&mut asked, "again (will not be echoed): ");
        std::thread::sleep(std::time::Duration::from_millis(200));
        master.write_all(again.as_bytes()).unwrap();
        let status = child.wait().unwrap();
        let mut rest = String::new();
        asked.read_to_string(&mut rest).unwrap();
        (status.code(), rest, master)
    };
    let (code, said, _) = ask("another\n");
    assert_eq!(code, Some(3), "{said}");
    let (code, said, mut master) = ask("secret-of-ada\n");
    assert_eq!(code, Some(0), "{said}");
    // What a terminal echoes can be read on its other side.
    let mut echoed = [0; 256];
    let read = master.read(&mut echoed).unwrap_or(0);
    let echoed = String::from_utf8_lossy(&echoed[..read]).into_owned();
    assert!(!echoed.contains("secret-of-ada"), "{echoed:?}");
    environment.must(
        &["channel"],
        &[
            "create",
            "--name",
            "e",
            "--set",
            "url_path=/e",
            "--set",
            "service=echo",
            "--set",
            "security=partners",
        ],
    );
    let request = environment.http.post(environment.channel("/e")).body("{}");
    let answer = environment
        .send(request.basic_auth("ada", Some("secret-of-ada")))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
