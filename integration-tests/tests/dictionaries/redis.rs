//! Commands of people to the Redis of a node.

use busker_bus::testing::RedisServer;
use busker_integration_tests::{Environment, Refusal};
use serde_json::json;

async fn run(environment: &Environment, command: &str) -> Result<String, Refusal> {
    let input = json!({"command": command});
    let answer = environment.call("busker.redis.execute", input).await?;
    Ok(answer["result"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_real_redis_answers_within_bounds() {
    let mut server = RedisServer::start_with(&["--requirepass", "hunter2"])
        .await
        .unwrap();
    let environment = Environment::create();
    let password = environment.node().join("redis-password");
    std::fs::write(&password, "hunter2\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&password, mode).unwrap();
    environment.configure(&format!(
        "[bus]\nurl = \"{}\"\npassword_file = \"redis-password\"",
        server.url()
    ));
    environment.must(&["start"], &[]);
    for (command, expected) in [
        ("PING", "PONG"),
        ("SET \"my key\" 'a value'", "OK"),
        ("get \"my key\"", "a value"),
        ("GET nobody", "(None)"),
        ("MGET nobody \"my key\"", "[None, 'a value']"),
        ("HSETNX h field 7", "1"),
        ("HGETALL h", "['field', '7']"),
        ("EXISTS nobody", "0"),
        ("DEL \"my key\"", "1"),
    ] {
        assert_eq!(
            run(&environment, command).await.unwrap(),
            expected,
            "{command}"
        );
    }
    let wrong = run(&environment, "LPUSH h x").await.unwrap_err();
    assert_eq!(wrong.status, 400, "{wrong:?}");
    assert!(
        wrong.problem["detail"].to_string().contains("WRONGTYPE"),
        "{wrong:?}"
    );
    let unsure = run(&environment, "FLUSHDB").await.unwrap_err();
    assert_eq!(unsure.status, 400, "{unsure:?}");
    let config = json!({"command": "CONFIG GET requirepass", "confirm": true});
    let config = environment.ok("busker.redis.execute", config).await;
    assert_eq!(config["result"], "['requirepass', '***']");
    // 6 MB in a list: its length is an answer, the whole of it is not.
    let item = "x".repeat(60_000);
    for _ in 0..100 {
        run(&environment, &format!("LPUSH long {item}"))
            .await
            .unwrap();
    }
    assert_eq!(run(&environment, "LLEN long").await.unwrap(), "100");
    let long = run(&environment, "LRANGE long 0 -1").await.unwrap_err();
    assert_eq!(long.status, 413, "{long:?}");
    let part = run(&environment, "LRANGE long 0 9").await.unwrap();
    assert!(part.len() > 600_000);
    let keys = json!({"command": "KEYS long*", "confirm": true});
    let keys = environment.ok("busker.redis.execute", keys).await;
    assert_eq!(keys["result"], "['long']");
    server.kill().unwrap();
    let away = run(&environment, "PING").await.unwrap_err();
    assert_eq!(away.status, 502, "{away:?}");
    assert!(!environment.log().contains("hunter2"));
}

#[tokio::test]
async fn a_node_without_redis_says_which_setting_is_missing() {
    let environment = Environment::start().await;
    let refusal = run(&environment, "PING").await.unwrap_err();
    assert_eq!(refusal.status, 503, "{refusal:?}");
    let detail = refusal.problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("bus.url:") && detail.contains("busker.toml"),
        "{detail}"
    );
}
