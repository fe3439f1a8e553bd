//! `busker info`, `check-config`, and how long a start takes.

use std::time::{Duration, Instant};

use busker_integration_tests::{Environment, binary, busker};
use serde_json::Value;

/// Fields of the article's table for a component that runs.
const ARTICLE: [&str; 15] = [
    "component_details",
    "component_full_path",
    "component_host",
    "component_running",
    "current_time",
    "current_time_utc",
    "master_proc_connections",
    "master_proc_create_time",
    "master_proc_create_time_utc",
    "master_proc_name",
    "master_proc_pid",
    "master_proc_username",
    "master_proc_workers_no",
    "master_proc_workers_pids",
    "http_workers",
];
/// Goal for a node without workers, in KiB.
const IDLE_RSS_KIB: u64 = 60 * 1024;

/// The rows of a table, wrapped texts put together again without their spaces.
fn rows(table: &str) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut new = true;
    for line in table.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match cells[..] {
            [_, key, value, _] if new => rows.push((key.to_owned(), value.to_owned())),
            [_, key, value, _] => {
                let last = rows.last_mut().unwrap();
                last.0.push_str(key);
                last.1.push_str(value);
            }
            _ => {}
        }
        new = line.starts_with('+');
    }
    rows
}

fn cell<'a>(rows: &'a [(String, String)], key: &str) -> &'a str {
    let mut found = rows.iter().filter(|(known, _)| known == key);
    let (_, value) = found.next().unwrap_or_else(|| panic!("{key} in {rows:#?}"));
    assert!(found.next().is_none(), "{key} is there twice");
    value
}

/// The table for people, which must have each row once.
fn the_table_is_whole(node: &str, port: u16) -> Vec<(String, String)> {
    let table = busker(&["info", node]);
    assert_eq!(table.code, 0, "{table:?}");
    assert!(
        table.stdout.lines().all(|line| line.chars().count() == 67),
        "{}",
        table.stdout
    );
    let rows = rows(&table.stdout);
    for key in ARTICLE {
        assert!(!cell(&rows, key).is_empty(), "{key}");
    }
    assert_eq!(
        (cell(&rows, "http_workers"), cell(&rows, "python_pool_size")),
        ("2", "3")
    );
    assert_eq!(
        (
            cell(&rows, "component_running"),
            cell(&rows, "component_full_path")
        ),
        ("True", node)
    );
    assert!(
        cell(&rows, "component_details").contains("\"component\": \"NODE\""),
        "{rows:?}"
    );
    assert!(
        cell(&rows, "master_proc_connections")
            .replace(' ', "")
            .contains(&format!(
                "('127.0.0.1',{port}),remote_address=(),status='LISTEN')"
            )),
        "{rows:?}"
    );
    rows
}

/// JSON and YAML say the same.
fn programs_read_the_same(environment: &Environment, node: &str, rows: &[(String, String)]) {
    let json: Value =
        serde_json::from_str(&busker(&["info", node, "--format", "json"]).stdout).unwrap();
    let yaml = busker(&["info", node, "--format", "yaml"]).stdout;
    let shown = &json["nodes"][0];
    for key in ARTICLE
        .into_iter()
        .chain(["python_pool_size", "python", "revision", "version"])
    {
        assert!(!shown[key].is_null(), "{key} in {json:#}");
        assert!(yaml.contains(&format!("  {key}:")), "{key} in {yaml}");
    }
    let pid = environment.pid().unwrap();
    assert_eq!(cell(rows, "master_proc_pid"), pid.to_string());
    assert_eq!(
        (&shown["master_proc_pid"], &shown["pid"], &shown["state"]),
        (&pid.into(), &pid.into(), &"running".into())
    );
    assert_eq!(
        (&shown["http_workers"], &shown["python_pool_size"]),
        (&2.into(), &3.into())
    );
    assert_eq!(shown["component_details"]["component"], "NODE");
}

#[tokio::test]
async fn info_shows_the_articles_table_and_the_sizes_of_the_pools() {
    let environment = Environment::create();
    let port = environment.channel_port();
    environment.configure(&format!(
        "[http]\nlisten = \"127.0.0.1:{port}\"\nworkers = 2\n[python]\nworkers = 3"
    ));
    environment.must(&["start"], &[]);
    let node = environment.node();
    let node = node.to_str().unwrap();
    let rows = the_table_is_whole(node, port);
    programs_read_the_same(&environment, node, &rows);

    environment.must(&["stop"], &[]);
    let rows = self::rows(&busker(&["info", node]).stdout);
    assert_eq!(
        (
            cell(&rows, "component_running"),
            cell(&rows, "component_state")
        ),
        ("False", "stopped")
    );
    assert_eq!(
        (cell(&rows, "http_workers"), cell(&rows, "python_pool_size")),
        ("2", "3")
    );
    assert!(
        !rows.iter().any(|(key, _)| key.starts_with("master_proc")),
        "{rows:?}"
    );
}

#[tokio::test]
async fn the_size_of_the_python_pool_is_the_number_of_workers() {
    let environment = Environment::start_with("[python]\nworkers = 3").await;
    environment
        .deploy("a.py", "from zato.server.service import Service\nclass A(Service):\n    name = 'a'\n    def handle(self):\n        pass\n")
        .await;
    assert_eq!(environment.workers(Some("default")).await.len(), 3);
}

#[tokio::test]
async fn a_wrong_configuration_is_named_by_file_line_and_field() {
    let environment = Environment::create();
    let file = environment.node().join("busker.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    assert_eq!(environment.run(&["check-config"], &[]).code, 0);
    let lines = good.lines().count();
    for (added, line, field, says) in [
        (
            "[limits]\nbody_bytes = 0",
            2,
            "limits.body_bytes",
            "at least 1",
        ),
        ("[limits]\nbody_byte = 1", 2, "limits", "body_byte"),
        (
            "[limits]\nbody_bytes = \"many\"",
            2,
            "limits.body_bytes",
            "invalid type",
        ),
        ("[colours]\nred = 1", 1, "", "colours"),
        ("[limits\nx", 1, "", "]"),
    ] {
        std::fs::write(&file, format!("{good}{added}\n")).unwrap();
        let expected = format!("{}:{}: {field}", file.display(), lines + line);
        for command in [&["check-config"][..], &["start"]] {
            let ran = environment.run(command, &[]);
            assert_eq!(ran.code, 3, "{added}: {ran:?}");
            assert!(ran.stderr.contains(&expected), "{expected} in {ran:?}");
            assert!(ran.stderr.contains(says), "{says} in {ran:?}");
        }
    }
    let listen = format!("listen = \"127.0.0.1:{}\"", environment.channel_port());
    std::fs::write(
        &file,
        good.replace(
            &listen,
            &format!("{listen}\ntls = {{ certificate = \"no.pem\", key = \"no.key\" }}"),
        ),
    )
    .unwrap();
    let ran = environment.run(&["check-config"], &[]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.stderr.contains("http.tls.certificate") && ran.stderr.contains("no.pem"),
        "{ran:?}"
    );
    std::fs::write(&file, good).unwrap();
}

#[tokio::test]
async fn a_second_start_is_quick_and_an_idle_node_is_small() {
    let environment = Environment::start().await;
    environment.must(&["stop"], &[]);
    let began = Instant::now();
    let said = environment.must(&["start"], &[]);
    let took = began.elapsed();
    let pid = environment.pid().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let rss: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    println!(
        "second start: {took:?} ({}); idle RSS {rss} KiB",
        said.trim()
    );
    // The goal is 1 s; the bound leaves room for a noisy machine.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(rss <= IDLE_RSS_KIB, "{rss} KiB");
    assert!(environment.workers(None).await.is_empty());
}

#[tokio::test]
async fn a_node_holds_nothing_open_that_its_starter_had() {
    let environment = Environment::create();
    let lock = environment.dir.join("a-lock");
    let started = std::process::Command::new("sh")
        .args(["-c", "exec 9> \"$1\"; exec \"$2\" start \"$3\"", "sh"])
        .args([&lock, &binary(), &environment.dir])
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(started.success());
    let pid = environment.pid().unwrap();
    let open: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .collect();
    assert!(
        lock.exists() && open.len() > 3 && !open.contains(&lock),
        "{open:?}"
    );
}
