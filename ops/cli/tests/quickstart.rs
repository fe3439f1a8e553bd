//! The binary as a person runs it, as far as it goes without a node.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests may fail like tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn busker(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_busker"));
    command.args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn steps_are_numbered_and_the_password_is_printed_once_and_kept_nowhere() {
    let around = tempfile::tempdir().unwrap();
    let dir = around.path().join("env");
    let created = busker(&["quickstart", "create", dir.to_str().unwrap()]);
    assert_eq!(
        (created.status.code(), created.stderr.as_slice()),
        (Some(0), &b""[..])
    );
    let text = stdout(&created);
    for (line, step) in text.lines().zip(1..=7) {
        assert!(line.starts_with(&format!("[{step}/7] ")), "{line}");
    }
    let marker = "admin user: admin, password: ";
    let line = text.lines().find_map(|line| line.strip_prefix(marker));
    let password = line.unwrap();
    assert_eq!(text.matches(password).count(), 1);
    for file in files(&dir) {
        let bytes = std::fs::read(&file).unwrap();
        let kept = bytes
            .windows(password.len())
            .any(|part| part == password.as_bytes());
        assert!(!kept, "{}", file.display());
    }
    let checked = busker(&["check-config", dir.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0));
    let again = busker(&["quickstart", "create", dir.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(7));
    assert!(again.stdout.is_empty());
}

#[test]
fn a_password_is_never_asked_for_without_a_terminal() {
    let around = tempfile::tempdir().unwrap();
    let dir = around.path().join("env");
    let mut command = Command::new(env!("CARGO_BIN_EXE_busker"));
    let url = "postgresql://busker@127.0.0.1:1/busker";
    let output = command
        .args(["quickstart", "create", dir.to_str().unwrap(), "--odb", url])
        .env_remove("BUSKER_ODB_PASSWORD")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--odb-password-file"), "{said}");
    assert!(!dir.exists());
}

#[test]
fn a_wrong_configuration_is_named_with_line_and_field() {
    let around = tempfile::tempdir().unwrap();
    let dir = around.path().join("env");
    busker(&["quickstart", "create", dir.to_str().unwrap()]);
    let file = dir.join("node1/busker.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("log_level = \"info\"", "log_level = \"loud\""),
    )
    .unwrap();
    for command in ["check-config", "start", "info"] {
        let output = busker(&[command, dir.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(3), "{command}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("busker.toml:") && said.contains("telemetry.log_level"),
            "{said}"
        );
    }
}

#[test]
fn exit_codes_have_a_page_and_usage_is_two() {
    let page = stdout(&busker(&["help", "exit-codes"]));
    assert!(page.contains("\n 70  "), "{page}");
    assert_eq!(busker(&["no-such-command"]).status.code(), Some(2));
    assert_eq!(busker(&["--version"]).status.code(), Some(0));
}
