use std::path::Path;

use super::*;

const WHOLE: &str = r#"
[node]
name = "node1"
cluster = "quickstart"

[odb]
url = "sqlite:data/odb.db"

[http]
listen = "127.0.0.1:17010"
workers = 2

[admin]
listen = "127.0.0.1:8183"

[python]
workers = 1

[telemetry]
log_level = "debug"
"#;

fn parse(text: &str) -> Result<NodeConfig, ConfigError> {
    NodeConfig::parse(text, Path::new("node1/busker.toml"))
}

fn refusal(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from));
    parse(&WHOLE.replace(from, to)).unwrap_err().to_string()
}

#[test]
fn a_whole_file_is_read_and_written_back_alike() {
    let config = parse(WHOLE).unwrap();
    assert_eq!((config.http.workers, config.admin.workers), (2, 1));
    assert_eq!(config.telemetry.log_level, "debug");
    assert_eq!(config.limits, LimitsSection::default());
    assert_eq!(parse(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn an_error_names_file_line_field_and_what_is_accepted() {
    let unknown = refusal("workers = 2", "wrkers = 2");
    assert!(
        unknown.starts_with("node1/busker.toml:11: http"),
        "{unknown}"
    );
    assert!(
        unknown.contains("wrkers") && unknown.contains("workers"),
        "{unknown}"
    );
    let address = refusal("127.0.0.1:17010", "localhost");
    assert!(
        address.starts_with("node1/busker.toml:10: http.listen:"),
        "{address}"
    );
    let level = refusal("\"debug\"", "\"loud\"");
    assert_eq!(
        level,
        "node1/busker.toml:20: telemetry.log_level: use one of error, warn, info, debug, trace"
    );
    let missing = refusal("cluster = \"quickstart\"", "");
    assert!(missing.contains("cluster"), "{missing}");
    let broken = refusal("[http]", "[http");
    assert!(broken.starts_with("node1/busker.toml:9:"), "{broken}");
}

#[test]
fn all_faults_are_told_at_once() {
    let text = WHOLE
        .replace("workers = 2", "workers = 0")
        .replace("8183", "17010");
    let error = parse(&text).unwrap_err();
    let fields: Vec<&str> = error
        .faults
        .iter()
        .map(|fault| fault.field.as_str())
        .collect();
    assert_eq!(fields, ["http.workers", "admin.listen"]);
    assert_eq!(error.faults[1].line, Some(14));
}

#[test]
fn a_password_in_the_url_is_refused_and_not_repeated() {
    let error = refusal(
        "sqlite:data/odb.db",
        "postgresql://busker:hunter2@db:5432/busker",
    );
    assert!(
        error.contains("odb.url") && error.contains("password_file"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
    for wrong in ["mysql://db/busker", "sqlite:"] {
        assert!(refusal("sqlite:data/odb.db", wrong).contains("odb.url"));
    }
}

fn with_bus(lines: &str) -> Result<NodeConfig, ConfigError> {
    parse(&format!("{WHOLE}\n[bus]\n{lines}\n"))
}

#[test]
fn the_password_of_a_redis_may_stand_in_its_url_and_is_never_shown() {
    let config = with_bus(r#"url = "rediss://busker:hunter2@redis:6380/1""#).unwrap();
    assert!(config.bus.holds_password());
    let shown = format!("{config:?}");
    assert!(
        shown.contains("rediss:***") && !shown.contains("hunter2"),
        "{shown}"
    );
    assert!(
        !with_bus(r#"url = "redis://busker@redis/1""#)
            .unwrap()
            .bus
            .holds_password()
    );
    let mut config = config;
    let dir = tempfile::tempdir().unwrap();
    config.dir = dir.path().to_owned();
    let file = dir.path().join(CONFIG_FILE);
    std::fs::write(&file, "").unwrap();
    for (mode, refused) in [(0o600, false), (0o640, true)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&file, mode).unwrap();
        let faults = config.check_files();
        let found = faults
            .iter()
            .any(|fault| fault.message.contains("busker.toml"));
        assert_eq!(found, refused, "{faults:?}");
    }
}

#[test]
fn what_is_wrong_with_a_bus_names_its_field() {
    for (lines, field) in [
        (r#"url = "amqp://redis/1""#, "bus.url"),
        (r#"url = "redis://""#, "bus.url"),
        (r#"url = "redis://:hunter2@:6379/0""#, "bus.url"),
        (r#"url = "rediss://:hunter2@redis/0#insecure""#, "bus.url"),
        (
            "url = \"redis://:hunter2@redis/0\"\npassword_file = \"p\"",
            "bus.password_file",
        ),
        (
            "url = \"redis://redis/0\"\nroot_certificate = \"ca.pem\"",
            "bus.root_certificate",
        ),
    ] {
        let error = with_bus(lines).unwrap_err();
        assert_eq!(error.faults[0].field, field, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn files_start_at_the_folder_of_the_node() {
    let mut config = parse(WHOLE).unwrap();
    config.dir = "/env/node1".into();
    assert_eq!(config.log_path(), Path::new("/env/node1/logs/node.log"));
    let OdbConfig::Sqlite { path, .. } = config.odb().unwrap() else {
        panic!("a file");
    };
    assert_eq!(path, Path::new("/env/node1/data/odb.db"));
    let fields: Vec<String> = config
        .check_files()
        .into_iter()
        .map(|fault| fault.field)
        .collect();
    assert_eq!(fields, ["pickup", "logs", "data", "busker.key"]);
}

#[test]
fn a_folder_without_the_file_says_so() {
    let dir = std::env::temp_dir();
    let error = NodeConfig::load(&dir.join("no-such-node"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no-such-node/busker.toml") && error.contains("folder of a node"),
        "{error}"
    );
}

const CLUSTER: &str = r#"
[cluster]
redis = "redis://127.0.0.1:6379/0"
listen = "127.0.0.1:18010"
"#;

/// The whole file with a shared database and the section `[cluster]`, changed.
fn in_cluster(from: &str, to: &str) -> Result<NodeConfig, ConfigError> {
    let whole = WHOLE.replace("sqlite:data/odb.db", "postgresql://busker@db:5432/busker");
    let cluster = format!("{whole}{CLUSTER}");
    assert!(cluster.contains(from));
    parse(&cluster.replace(from, to))
}

#[test]
fn a_node_of_a_cluster_has_its_defaults_and_is_written_back_alike() {
    let config = in_cluster("\n", "\n").unwrap();
    let cluster = config.cluster.as_ref().unwrap();
    assert_eq!(cluster.transport, ClusterTransport::Tcp);
    assert_eq!(cluster.secret_file, Path::new("cluster.secret"));
    assert_eq!(parse(&config.to_toml().unwrap()).unwrap(), config);
    assert_eq!(parse(WHOLE).unwrap().cluster, None);
    let mapped = "0.0.0.0:18010\"\nadvertise = \"node1.example:28010";
    let mapped = in_cluster("127.0.0.1:18010", mapped).unwrap();
    let told = mapped.cluster.unwrap().advertise;
    assert_eq!(told.as_deref(), Some("node1.example:28010"));
    let redis = in_cluster("listen = \"127.0.0.1:18010\"", "transport = \"redis\"").unwrap();
    assert_eq!(redis.cluster.unwrap().transport, ClusterTransport::Redis);
}

#[test]
fn what_cannot_be_a_cluster_is_refused_by_field_with_the_remedy() {
    let table = [
        (
            "listen = \"127.0.0.1:18010\"",
            "",
            "cluster.listen",
            "transport = \"redis\"",
        ),
        (
            "127.0.0.1:18010",
            "0.0.0.0:18010",
            "cluster.listen",
            "one address",
        ),
        (
            "127.0.0.1:18010",
            "127.0.0.1:8183",
            "cluster.listen",
            "its own port",
        ),
        (
            "listen = \"127.0.0.1:18010\"",
            "listen = \"0.0.0.0:18010\"\nadvertise = \"node1\"",
            "cluster.advertise",
            "host:port",
        ),
        (
            "redis://127.0.0.1",
            "http://127.0.0.1",
            "cluster.redis",
            "redis://host",
        ),
        (
            "listen = \"127.0.0.1:18010\"",
            "listen = \"127.0.0.1:18010\"\nredis_root_certificate = \"ca.pem\"",
            "cluster.redis_root_certificate",
            "rediss://",
        ),
        (
            "redis://127.0.0.1",
            "redis://:hunter2@127.0.0.1",
            "cluster.redis",
            "redis_password_file",
        ),
        (
            "postgresql://busker@db:5432/busker",
            "sqlite:data/odb.db",
            "odb.url",
            "postgresql://",
        ),
        (
            "listen = \"127.0.0.1:18010\"",
            "transport = \"udp\"",
            "cluster.transport",
            "tcp",
        ),
    ];
    for (from, to, field, remedy) in table {
        let said = in_cluster(from, to).unwrap_err().to_string();
        assert!(said.contains(field) && said.contains(remedy), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_password_file_may_be_sealed_with_the_key_of_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = parse(&WHOLE.replace(
        "url = \"sqlite:data/odb.db\"",
        "url = \"postgresql://busker@db/busker\"\npassword_file = \"odb.password\"",
    ))
    .unwrap();
    config.dir = folder.path().to_owned();
    let vault = Vault::create(&config.key_path()).unwrap();
    let sealed = vault.seal(SEALED_FILE_PLACE, &Secret::new("hunter2"));
    let sealed = sealed.unwrap();
    std::fs::write(folder.path().join("odb.password"), format!("{sealed}\n")).unwrap();
    let OdbConfig::Postgres { password, .. } = config.odb().unwrap() else {
        panic!("a server");
    };
    assert_eq!(password.unwrap().expose(), "hunter2");
    let moved = vault.seal("object/1/password", &Secret::new("hunter2"));
    std::fs::write(folder.path().join("odb.password"), moved.unwrap()).unwrap();
    let error = config.odb().unwrap_err().to_string();
    assert!(error.contains("odb.password_file"), "{error}");
}

#[test]
fn the_zato_face_is_off_unless_it_is_put_somewhere() {
    let with = |lines: &str| {
        let cluster = "cluster = \"quickstart\"";
        parse(&WHOLE.replace(cluster, &format!("{cluster}\n{lines}")))
    };
    let node = |lines: &str| with(lines).unwrap().node;
    assert_eq!(node("").zato_face, ZatoFace::Off);
    assert_eq!(
        node("zato_face = \"channels\"").zato_face,
        ZatoFace::Channels
    );
    let admin = node("zato_face = \"admin\"\nzato_face_deploys = true");
    assert_eq!(
        (admin.zato_face, admin.zato_face_deploys),
        (ZatoFace::Admin, true)
    );
    let wrong = with("zato_face = \"everywhere\"").unwrap_err().to_string();
    assert!(
        wrong.contains("node.zato_face") && wrong.contains("channels"),
        "{wrong}"
    );
    let idle = with("zato_face_deploys = true").unwrap_err().to_string();
    assert!(idle.contains("node.zato_face_deploys"), "{idle}");
}
