//! The transcript in README.md is what happens: each command is run in a new folder, and what it prints is compared.
//!
//! What differs from run to run is the same for both sides after [`masked`]; ports are moved, so that tests run side by side.

use std::path::Path;
use std::process::Command;

use busker_integration_tests::{binary, free_port_base};

const README: &str = include_str!("../../../README.md");
const HEADING: &str = "## From --help to a secured channel";
const PORTS: [u16; 2] = [17_010, 8_183];

/// One command and what it prints.
struct Step {
    command: String,
    expected: String,
}

fn steps() -> Vec<Step> {
    let (_, section) = README.split_once(HEADING).unwrap();
    let (_, block) = section.split_once("```console\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                expected: String::new(),
            }),
            (None, Some(step)) => {
                step.expected.push_str(line);
                step.expected.push('\n');
            }
            (None, None) => panic!("{line} comes before any command"),
        }
    }
    steps
}

/// Ids, times, pids, the name of the cluster, the random password and the folder are the same in every run; so are widths of
/// columns.
fn masked(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut words: Vec<String> = Vec::new();
        for word in line.split_whitespace() {
            let before = words.last().map(String::as_str);
            let masked = match (before, word) {
                (Some("after" | "(pid" | "password:"), _) => "...".to_owned(),
                (_, word) if word.starts_with("quickstart-") => "quickstart-...".to_owned(),
                (_, word) if word.ends_with("/esb") => "/.../esb".to_owned(),
                (_, word) if word.ends_with("/esb/zato.passwords") => {
                    "/.../zato.passwords".to_owned()
                }
                (_, word) => without_cid(word),
            };
            words.push(masked);
        }
        lines.push(words.join(" "));
    }
    lines.join("\n")
}

/// `K` and 39 digits are an id.
fn without_cid(word: &str) -> String {
    let masked = word.match_indices('K').find_map(|(at, _)| {
        let (before, digits) = (word.get(..at)?, word.get(at + 1..at + 40)?);
        let is_cid = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_cid.then(|| format!("{before}K...{}", word.get(at + 40..).unwrap_or_default()))
    });
    masked.unwrap_or_else(|| word.to_owned())
}

fn moved(text: &str, base: u16, back: bool) -> String {
    PORTS.iter().fold(text.to_owned(), |text, port| {
        let (here, there) = (port.to_string(), (port + base).to_string());
        let (from, to) = if back { (there, here) } else { (here, there) };
        text.replace(&from, &to)
    })
}

/// Stops the node, however the test ends.
struct Stopping<'f>(&'f Path);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        let mut stop = Command::new(binary());
        stop.args(["stop", "esb"]).current_dir(self.0);
        drop(stop.output());
    }
}

#[test]
fn a_stranger_gets_from_help_to_a_secured_channel() {
    let folder = tempfile::tempdir().unwrap();
    let base = free_port_base(1);
    let binary = binary();
    let path = format!(
        "{}:{}",
        binary.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let _stopping = Stopping(folder.path());
    let steps = steps();
    assert!(steps.len() > 8, "the transcript is there");
    for Step { command, expected } in steps {
        let typed = moved(&command, base, false);
        let typed = typed.replace(
            "quickstart create esb",
            &format!("quickstart create esb --port-base {base}"),
        );
        let output = Command::new("sh")
            .args(["-c", &typed])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("no_proxy", "*")
            .env_remove("BUSKER_PASSWORD")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = moved(&String::from_utf8(said).unwrap(), base, true);
        assert_eq!(masked(&said), masked(&expected), "$ {typed}");
    }
}

#[test]
fn what_differs_from_run_to_run_is_masked_and_nothing_else_is() {
    let cid = format!("{{\"cid\":\"K{}\"}}", "7".repeat(39));
    assert_eq!(masked(&cid), "{\"cid\":\"K...\"}");
    assert_eq!(
        masked("node1 stopped after 0.3 s (pid 77)"),
        "node1 stopped after ... s (pid ..."
    );
    assert_eq!(masked("a   b 200"), "a b 200");
    assert_ne!(masked("401"), masked("200"));
}
