//! Roles, metrics, the API's own description, and event streams that are taken up again.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_integration_tests::{Answer, Environment, until};
use serde_json::{Value, json};

const SOURCE: &str = "
from zato.server.service import Service

class Greeter(Service):
    name = 'greeter'
    def handle(self):
        self.response.payload = 'hello'
";
/// Weakest first.
const ROLES: [&str; 4] = ["viewer", "operator", "developer", "admin"];
/// The committed description of the API.
const OPENAPI: &str = include_str!("../../../ops/docs/openapi.json");

async fn get(environment: &Environment, path: &str) -> Answer {
    let request = environment.http.get(environment.api(path));
    environment
        .send(request.bearer_auth(environment.token()))
        .await
}

#[tokio::test]
async fn a_role_may_do_what_it_may_and_no_more() {
    let environment = Environment::start().await;
    let package = json!({"name": "greeter.py", "payload_base64": STANDARD.encode(SOURCE)});
    let settings = json!({"url_path": "/a", "service": "echo"});
    let calls = [
        ("busker.service.list", json!({}), "viewer"),
        ("echo", json!({}), "operator"),
        ("busker.node.drain", json!({"node": "node1"}), "operator"),
        ("busker.node.resume", json!({"node": "node1"}), "operator"),
        ("busker.service.deploy", package, "developer"),
        (
            "busker.channel.http.create",
            json!({"name": "a", "settings": settings}),
            "developer",
        ),
        (
            "busker.user.create",
            json!({"name": "ann", "password": "a long password"}),
            "admin",
        ),
        ("busker.audit.list", json!({}), "admin"),
    ];
    let rank = |role: &str| ROLES.iter().position(|known| *known == role).unwrap();
    for role in ROLES {
        let wanted = json!({"name": role, "role": role});
        let minted = environment.ok("busker.token.create", wanted).await;
        let token = minted["token"].as_str().unwrap();
        for (service, input, needed) in &calls {
            let url = environment.api(&format!("/api/v1/services/{service}"));
            let request = environment.http.post(url).bearer_auth(token);
            let answer = environment.send(request.body(input.to_string())).await;
            if rank(role) < rank(needed) {
                assert_eq!(answer.status, 403, "{role} {service}: {answer:?}");
                let problem = answer.json();
                assert_eq!(problem["class"], "forbidden", "{answer:?}");
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains(service), "{answer:?}");
            } else {
                // The second one who may create the same is told that it is there.
                assert!(
                    matches!(answer.status, 200 | 409),
                    "{role} {service}: {answer:?}"
                );
            }
        }
    }
    let deployed = environment
        .ok("busker.service.get", json!({"name": "greeter"}))
        .await;
    assert_eq!(deployed["name"], "greeter", "{deployed}");
}

#[tokio::test]
async fn nothing_but_health_is_told_without_credentials() {
    let environment = Environment::start().await;
    let open = |request: reqwest::RequestBuilder| environment.send(request);
    for path in ["/healthz", "/readyz"] {
        let answer = open(environment.http.get(environment.api(path))).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    for path in ["/metrics", "/api/v1/openapi.json", "/api/v1/events"] {
        for token in [None, Some("wrong")] {
            let mut request = environment.http.get(environment.api(path));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = open(request).await;
            assert_eq!(answer.status, 401, "{path}: {answer:?}");
            assert_eq!(
                answer.header("www-authenticate"),
                "Basic realm=\"Busker API\""
            );
            assert_eq!(
                answer.json()["cid"],
                answer.header("x-busker-cid"),
                "{answer:?}"
            );
        }
        let put = open(environment.http.put(environment.api(path))).await;
        assert_eq!(
            (put.status, put.header("allow")),
            (405, "GET"),
            "{path}: {put:?}"
        );
    }
    let service = environment.api("/api/v1/services/busker.service.list");
    let answer = open(environment.http.get(service)).await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, "POST"),
        "{answer:?}"
    );
    assert_eq!(
        answer.json()["cid"],
        answer.header("x-busker-cid"),
        "{answer:?}"
    );
    let lost = get(&environment, "/api/v1/nothing").await;
    assert_eq!(
        (lost.status, lost.json()["class"].clone()),
        (404, json!("not-found"))
    );
}

#[tokio::test]
async fn what_the_api_says_of_itself_is_what_is_committed() {
    let environment = Environment::start().await;
    let told = get(&environment, "/api/v1/openapi.json").await;
    let committed: Value = serde_json::from_str(OPENAPI).unwrap();
    assert!(
        told.json() == committed,
        "run: cargo run -p busker-admin --example openapi"
    );
    let listed = environment.ok("busker.service.list", json!({})).await;
    let internal: Vec<&str> = listed["services"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|service| service["name"].as_str())
        .filter(|name| name.starts_with("busker."))
        // What the scheduler hands to itself is no operation on a cluster.
        .filter(|name| *name != "busker.scheduler.run")
        .collect();
    assert!(internal.len() > 40, "{internal:?}");
    for name in internal {
        let path = format!("/api/v1/services/{name}");
        assert!(
            !committed["paths"][&path].is_null(),
            "{path} is not described"
        );
    }
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let environment = Environment::start().await;
    environment
        .add_channel(
            "echo",
            json!({"url_path": "/echo", "service": "samples.echo"}),
        )
        .await;
    for body in [r#"{"text":"a"}"#, r#"{"text":"b"}"#, "{}"] {
        environment.post("/echo", body).await;
    }
    let text = get(&environment, "/metrics").await.body;
    let value = |start: &str| {
        let line = text.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("{start} in {text}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    for (start, expected) in [
        ("busker_http_requests_total{class=\"2xx\"}", 2.0),
        ("busker_http_requests_total{class=\"4xx\"}", 1.0),
        (
            "busker_service_invocations_total{service=\"samples.echo\"}",
            3.0,
        ),
        ("busker_service_errors_total{service=\"samples.echo\"}", 1.0),
        ("busker_service_in_flight{service=\"samples.echo\"}", 0.0),
        ("busker_http_request_duration_seconds_count", 3.0),
    ] {
        assert_eq!(
            value(start).to_bits(),
            f64::to_bits(expected),
            "{start} in {text}"
        );
    }
    assert!(value("busker_actors{state=\"running\"}") > 10.0, "{text}");
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        assert!(
            line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(),
            "{line}"
        );
    }
}

/// Ids and data of the frames that come within a moment.
async fn frames(environment: &Environment, last: Option<&str>) -> (Vec<(String, String)>, String) {
    frames_of(environment, "/api/v1/events", last).await
}

async fn frames_of(
    environment: &Environment,
    path: &str,
    last: Option<&str>,
) -> (Vec<(String, String)>, String) {
    let mut request = environment.http.get(environment.api(path));
    request = request.bearer_auth(environment.token());
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let mut response = request.send().await.unwrap();
    let mut text = String::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    // The stream has no end of its own.
    drop(tokio::time::timeout(Duration::from_secs(2), read).await);
    let field = |frame: &str, name: &str| {
        let found = frame.lines().find_map(|line| line.strip_prefix(name));
        found.map(str::to_owned)
    };
    let frames = text
        .split("\n\n")
        .filter_map(|frame| Some((field(frame, "id: ")?, field(frame, "data: ")?)))
        .collect();
    (frames, text)
}

#[tokio::test]
async fn a_stream_of_events_is_taken_up_where_it_was_left() {
    let environment = Environment::start().await;
    let add = |name: &'static str| {
        let settings = json!({"url_path": format!("/{name}"), "service": "echo"});
        environment.add_channel(name, settings)
    };
    let (first, ()) = tokio::join!(frames(&environment, None), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        add("one").await;
    });
    let (first, text) = first;
    let one = first
        .iter()
        .find(|(_, data)| data.contains("plain_http:one"));
    let (id, _) = one.unwrap_or_else(|| panic!("{text}"));
    let last = first.last().unwrap().0.clone();
    add("two").await;
    until("what was missed", Duration::from_secs(20), || async {
        let (missed, _) = frames(&environment, Some(&last)).await;
        missed
            .iter()
            .any(|(_, data)| data.contains("plain_http:two"))
            .then_some(())
    })
    .await;
    let (again, text) = frames(&environment, Some(id)).await;
    let mut ids: Vec<&String> = again.iter().map(|(id, _)| id).collect();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "a frame came twice: {text}");
    assert!(
        !ids.contains(&id),
        "the last one that was seen is not sent again: {text}"
    );
    assert!(!text.contains("event: resync"), "{text}");
    for unknown in ["another-7", "nonsense"] {
        let (_, text) = frames(&environment, Some(unknown)).await;
        assert!(text.contains("event: resync"), "{unknown}: {text}");
    }
}

#[tokio::test]
async fn a_picture_of_the_tree_says_where_the_stream_goes_on() {
    let environment = Environment::start().await;
    let picture = environment.ok("busker.tree.get", json!({})).await;
    let settings = json!({"url_path": "/later", "service": "echo"});
    environment.add_channel("later", settings).await;
    let position = picture["position"].as_str().unwrap();
    let (since, text) = frames(&environment, Some(position)).await;
    let told = since
        .iter()
        .any(|(_, data)| data.contains("plain_http:later"));
    assert!(
        told && !text.contains("event: resync"),
        "{position}: {text}"
    );
}

#[tokio::test]
async fn a_reader_gets_the_topics_it_asks_for_and_rates_are_one() {
    let environment = Environment::start().await;
    let settings = json!({"url_path": "/echo", "service": "echo"});
    let path = "/api/v1/events?topics=rates";
    let ((_, text), ()) = tokio::join!(frames_of(&environment, path, None), async {
        environment.add_channel("echo", settings).await;
        for _ in 0..10 {
            environment.post("/echo", "{}").await;
        }
    });
    let rates: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let requests = |rows: &Value| {
        let rows = rows["services"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == "echo");
        row.map_or(0, |row| row["requests"].as_u64().unwrap())
    };
    assert_eq!(rates.iter().map(requests).sum::<u64>(), 10, "{text}");
    let answered = rates
        .iter()
        .map(|row| row["http"]["requests"].as_u64().unwrap());
    assert_eq!(answered.sum::<u64>(), 10, "{text}");
    assert!(!text.contains("event: tree"), "{text}");

    let unknown = get(&environment, "/api/v1/events?topics=tree,weather").await;
    assert_eq!(unknown.status, 400, "{unknown:?}");
    assert!(unknown.body.contains("weather"), "{unknown:?}");
}
