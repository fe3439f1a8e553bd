//! Who may come by the face, where it is, and what it keeps others from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_integration_tests::{Answer, Environment};
use serde_json::{Value, json};

use crate::{ask, passwords};

/// Namespace of WS-Security, and its type of passwords that are sent as they are.
const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const TEXT: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";

/// A package that brings one service.
const BROUGHT: &str = "from zato.server.service import Service\n\nclass Brought(Service):\n    def handle(self):\n        pass\n";

/// Starts the node again, with something else about the face in its `busker.toml`.
fn restart_with(environment: &mut Environment, lines: &str) {
    environment.must(&["stop"], &[]);
    let file = environment.node().join("busker.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let face = "zato_face = \"channels\"";
    assert!(text.contains(face), "{text}");
    std::fs::write(&file, text.replace(face, lines)).unwrap();
    environment.must(&["start"], &[]);
    // The connections of the old one went with the node.
    environment.http = reqwest::Client::builder().no_proxy().build().unwrap();
}

async fn invoke(environment: &Environment, name: &str, payload: &Value) -> Answer {
    let payload = STANDARD.encode(payload.to_string());
    let body = json!({"name": name, "payload": payload, "data_format": "json"});
    ask(environment, "admin.invoke", "/zato/admin/invoke", body).await
}

#[tokio::test]
async fn an_endpoint_opens_for_its_own_definition_only() {
    let environment = Environment::start().await;
    let passwords = passwords(&environment);
    let get = |path: &str, user: &str, password: Option<String>| {
        let request = environment.http.post(environment.channel(path)).body("{}");
        environment.send(request.basic_auth(user, password))
    };
    let plain = environment.post("/zato/ping", "{}").await;
    assert_eq!(plain.json()["zato_ping_response"]["pong"], "zato");
    let guarded = [
        ("/zato/json/zato.ping", "pubapi"),
        ("/zato/ping.plain_http.basic_auth", "pubapi"),
        ("/zato/admin/invoke", "admin.invoke"),
    ];
    for (path, user) in guarded {
        let none = environment.post(path, "{}").await;
        assert_eq!(none.status, 401, "{path}: {none:?}");
        assert!(
            none.header("www-authenticate")
                .starts_with("Basic realm=\"Zato"),
            "{none:?}"
        );
        assert_eq!(none.json()["zato_env"]["result"], "ZATO_ERROR", "{path}");
        let wrong = get(path, user, Some("wrong".to_owned())).await;
        assert_eq!(wrong.status, 401, "{path}: {wrong:?}");
        let other = if user == "pubapi" {
            "admin.invoke"
        } else {
            "pubapi"
        };
        let others = get(path, other, passwords.get(other).cloned()).await;
        assert_eq!(others.status, 401, "{path}: {others:?}");
        let right = get(path, user, passwords.get(user).cloned()).await;
        assert_ne!(right.status, 401, "{path}: {right:?}");
    }
    let off = json!({"name": "pubapi", "active": false});
    environment.ok("busker.security.basic-auth.edit", off).await;
    let closed = ask(&environment, "pubapi", "/zato/json/zato.ping", "{}").await;
    assert_eq!(closed.status, 401, "{closed:?}");
}

#[tokio::test]
async fn who_comes_by_it_does_what_an_admin_may_but_brings_no_code_in() {
    let mut environment = Environment::start().await;
    let source = STANDARD.encode(BROUGHT);
    let upload = json!({"cluster_id": 1, "payload": source, "payload_name": "brought.py"});
    let path = "/zato/json/zato.service.upload-package";
    let refused = ask(&environment, "pubapi", path, &upload).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let details = refused.json()["zato_env"]["details"].clone();
    assert!(
        details.as_str().unwrap().contains("zato_face_deploys"),
        "{details}"
    );
    let ways = [
        (
            "busker.service.deploy",
            json!({"name": "brought.py", "payload_base64": source}),
        ),
        ("busker.service.rollback", json!({"name": "brought.py"})),
        (
            "busker.redis.execute",
            json!({"command": "FLUSHDB", "confirm": true}),
        ),
        (
            "busker.user.create",
            json!({"name": "eve", "password": "a long one", "role": "admin"}),
        ),
        (
            "busker.token.create",
            json!({"name": "eve", "role": "admin"}),
        ),
        ("zato.service.upload-package", upload.clone()),
    ];
    for (name, payload) in &ways {
        let refused = invoke(&environment, name, payload).await;
        assert_eq!(refused.status, 403, "{name}: {refused:?}");
    }
    let users = environment.ok("busker.user.list", json!({})).await;
    assert!(!users.to_string().contains("eve"), "{users}");
    let rows = environment
        .ok("busker.audit.list", json!({}))
        .await
        .to_string();
    for who in ["pubapi", "admin.invoke"] {
        assert!(rows.contains(&format!("\"who\":\"{who}\"")), "{rows}");
    }

    restart_with(
        &mut environment,
        "zato_face = \"channels\"\nzato_face_deploys = true",
    );
    let taken = ask(&environment, "pubapi", path, &upload).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    environment.service("brought.brought").await;
}

#[tokio::test]
async fn the_face_is_where_the_file_says_and_paths_below_it_are_its_own() {
    let mut environment = Environment::start().await;
    let settings = json!({"url_path": "/zato/mine", "service": "echo"});
    let mine = json!({"name": "mine", "settings": settings});
    let refused = environment
        .call("busker.channel.http.create", mine.clone())
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(
        refused.problem["violations"][0]["field"],
        "settings.url_path"
    );

    restart_with(&mut environment, "zato_face = \"admin\"");
    environment.ok("busker.channel.http.create", mine).await;
    assert_eq!(environment.post("/zato/mine", "{}").await.status, 200);
    assert_eq!(environment.post("/zato/ping", "{}").await.status, 404);
    let ping = environment
        .http
        .post(environment.api("/zato/ping"))
        .body("{}");
    let ping = environment.send(ping).await;
    assert_eq!(ping.json()["zato_ping_response"]["pong"], "zato");
}

#[tokio::test]
async fn a_channel_in_front_of_a_service_of_zatos_gives_nobody_a_right() {
    let environment = Environment::start().await;
    for (name, service) in [
        ("pinged", "zato.ping"),
        ("listed", "zato.security.basic-auth.get-list"),
    ] {
        let settings = json!({"url_path": format!("/{name}"), "service": service});
        environment.add_channel(name, settings).await;
    }
    let pinged = environment.post("/pinged", "{}").await;
    assert_eq!(pinged.json()["zato_env"]["result"], "ZATO_OK", "{pinged:?}");
    let listed = environment.post("/listed", r#"{"cluster_id": 1}"#).await;
    assert_eq!(listed.status, 403, "{listed:?}");
}

#[tokio::test]
async fn a_wsdl_is_a_file_that_anyone_may_have() {
    let environment = Environment::start().await;
    let get = |query: &str| {
        let url = environment.channel(&format!("/zato/wsdl{query}"));
        environment.send(environment.http.get(url))
    };
    let none = get("?service=zato.ping&cluster_id=1").await;
    assert_eq!((none.status, none.body.as_str()), (404, "No WSDL found"));
    let wsdl = "<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\"/>";
    let set =
        json!({"name": "zato.ping", "file": "ping.wsdl", "payload_base64": STANDARD.encode(wsdl)});
    environment.ok("busker.service.set-wsdl", set).await;
    let file = get("?service=zato.ping&cluster_id=1").await;
    assert_eq!((file.status, file.body.as_str()), (200, wsdl));
    assert_eq!(file.header("content-type"), "application/xml");
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"ping.wsdl\""
    );
    for (query, status, words) in [
        (
            "?service=zato.no&cluster_id=1",
            404,
            "Service [zato.no] not found",
        ),
        (
            "?service=zato.ping",
            400,
            "Required parameter [cluster_id] missing - value is [None]",
        ),
        (
            "",
            400,
            "Required parameter [service] missing - value is [None]",
        ),
    ] {
        let refused = get(query).await;
        assert_eq!(
            (refused.status, refused.body.as_str()),
            (status, words),
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_ping_behind_ws_security_opens_for_a_token_of_its_definition() {
    let environment = Environment::start().await;
    let ask = |password: &str| {
        let body = format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><w:Security xmlns:w=\"{WSSE}\" \
             s:mustUnderstand=\"1\"><w:UsernameToken><w:Username>p</w:Username><w:Password Type=\"{TEXT}\">{password}\
             </w:Password></w:UsernameToken></w:Security></s:Header><s:Body><ping/></s:Body></s:Envelope>"
        );
        let url = environment.channel("/zato/ping.soap.wss.clear_text");
        environment.send(environment.http.post(url).body(body))
    };
    assert_eq!(ask("s3cret").await.status, 401);
    let settings =
        json!({"username": "p", "password": "s3cret", "reject_empty_nonce_creat": false});
    let definition = json!({"name": "zato.ping.soap.wss.clear_text", "settings": settings});
    environment
        .ok("busker.security.wss.create", definition)
        .await;
    let wrong = ask("wrong").await;
    assert_eq!(wrong.status, 401, "{wrong:?}");
    let right = ask("s3cret").await;
    assert_eq!(right.status, 200, "{right:?}");
    assert!(right.body.contains("<pong>zato</pong>"), "{right:?}");
}
