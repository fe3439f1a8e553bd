use std::os::unix::fs::PermissionsExt;

use busker_odb::OdbConfig;

use super::*;

fn args(dir: PathBuf) -> QuickstartArgs {
    QuickstartArgs {
        dir,
        nodes: 1,
        odb: None,
        odb_password_file: None,
        redis: None,
        redis_root_certificate: None,
        redis_password_file: None,
        admin_password_file: None,
        port_base: 3000,
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn an_environment_has_its_files_and_nobody_else_can_read_them() {
    let around = tempfile::tempdir().unwrap();
    let dir = around.path().join("env");
    create(&args(dir.clone())).await.unwrap();
    for file in [
        "cli.token",
        "zato.passwords",
        "ca/ca.key",
        "ca/ca.pem",
        "node1/busker.toml",
        "node1/busker.key",
        "node1/certs/node.key",
        "node1/certs/node.pem",
        "node1/certs/ca.pem",
        "node1/data/odb.db",
    ] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
    for folder in ["node1/pickup", "node1/logs", "node1/data"] {
        assert_eq!(mode(&dir.join(folder)), 0o700, "{folder}");
    }
    let config = NodeConfig::load(&dir.join("node1")).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:20010");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:11183");
    assert_eq!(config.check_files(), []);
    assert!(config.node.cluster.starts_with("quickstart-"));
}

#[tokio::test]
async fn the_token_and_the_password_of_the_file_are_those_of_the_database() {
    let around = tempfile::tempdir().unwrap();
    let dir = around.path().join("env");
    let file = around.path().join("password");
    fs::write(&file, "correct horse\n").unwrap();
    let mut args = args(dir.clone());
    args.admin_password_file = Some(file);
    create(&args).await.unwrap();
    let odb = Odb::open(OdbConfig::sqlite(dir.join("node1/data/odb.db")))
        .await
        .unwrap();
    let text = fs::read_to_string(dir.join(TOKEN_FILE)).unwrap();
    let token = odb
        .tokens()
        .verify(&Secret::new(text.trim()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((token.principal.as_str(), token.role), ("cli", Role::Admin));
    let stored = odb.users().password_hash(ADMIN).await.unwrap();
    let passwords = Passwords::new(PasswordCost::Full).unwrap();
    let right = passwords
        .verify(ADMIN, &Secret::new("correct horse"), stored.as_deref())
        .await;
    assert!(right.unwrap());
}

#[tokio::test]
async fn a_folder_with_something_in_it_is_refused_and_left_alone() {
    let around = tempfile::tempdir().unwrap();
    fs::write(around.path().join("mine"), "precious").unwrap();
    let failure = create(&args(around.path().to_owned())).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Conflict);
    assert!(
        failure.message.contains("not empty") && failure.message.contains("new folder"),
        "{failure}"
    );
    assert_eq!(fs::read_dir(around.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_failed_step_takes_the_others_away() {
    let around = tempfile::tempdir().unwrap();
    let dir = around.path().join("env");
    let mut args = args(dir.clone());
    args.odb = Some("sqlite:no-such-folder/odb.db".to_owned());
    create(&args).await.unwrap_err();
    assert!(!dir.exists());
}

#[tokio::test]
async fn nodes_that_could_share_nothing_are_refused_with_the_reason() {
    let around = tempfile::tempdir().unwrap();
    let mut many = args(around.path().join("env"));
    many.nodes = 3;
    let failure = create(&many).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(
        failure.message.contains("PostgreSQL and Redis"),
        "{failure}"
    );
    many.redis = Some("redis://127.0.0.1".to_owned());
    many.odb = Some("sqlite:data/odb.db".to_owned());
    assert_eq!(create(&many).await.unwrap_err().exit, Exit::Usage);
    many.odb = Some("postgresql://busker@127.0.0.1:1/busker".to_owned());
    for (url, exit, part) in [
        ("http://127.0.0.1", Exit::Usage, "redis://host"),
        ("redis://:hunter2@127.0.0.1", Exit::Usage, "mode 0600"),
        ("redis://127.0.0.1:1", Exit::Unavailable, "127.0.0.1:1"),
    ] {
        many.redis = Some(url.to_owned());
        let failure = create(&many).await.unwrap_err();
        assert_eq!(failure.exit, exit, "{url}");
        assert!(failure.message.contains(part), "{failure}");
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
    assert!(!around.path().join("env").exists());
}
