//! Technical accounts and API keys, as curl sends them; and that nothing inactive lets anybody in.

use std::process::Command;

use busker_integration_tests::Environment;
use serde_json::json;

use crate::{define, secured_echo};

const QUERY: &str = "
from zato.server.service import Service

class Query(Service):
    name = 'query'
    def handle(self):
        self.response.payload = {'query': self.wsgi_environ['QUERY_STRING']}
";

/// Status and heads that curl got.
fn curl(url: &str, headers: &[&str]) -> (u16, String) {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--noproxy",
        "*",
        "--include",
        "--data",
        "{\"a\":1}",
    ]);
    for header in headers {
        command.args(["--header", header]);
    }
    let output = command.arg(url).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.to_lowercase())
}

#[tokio::test]
async fn a_technical_account_is_let_in_by_its_name_and_password() {
    let environment = Environment::start().await;
    define(
        &environment,
        "tech-account",
        "CRM",
        json!({"password": "s3cret"}),
    )
    .await;
    secured_echo(&environment, "CRM").await;
    let url = environment.channel("/CRM");
    let user = "X-Zato-User: CRM";
    assert_eq!(curl(&url, &[user, "X-Zato-Password: s3cret"]).0, 200);
    for headers in [
        &[][..],
        &[user],
        &[user, "X-Zato-Password: wrong"],
        &["X-Zato-User: crm", "X-Zato-Password: s3cret"],
        &[user, "X-Zato-Password: s3cret", "X-Zato-Password: s3cret"],
    ] {
        let (status, text) = curl(&url, headers);
        assert_eq!(status, 401, "{headers:?}: {text}");
        assert!(text.contains("www-authenticate: zato-tech-acc"), "{text}");
    }
    let change = json!({"name": "CRM", "password1": "0ther", "password2": "0ther"});
    environment
        .ok("busker.security.tech-account.change-password", change)
        .await;
    assert_eq!(curl(&url, &[user, "X-Zato-Password: s3cret"]).0, 401);
    assert_eq!(curl(&url, &[user, "X-Zato-Password: 0ther"]).0, 200);
}

#[tokio::test]
async fn an_api_key_is_let_in_from_its_header_and_from_the_query_where_that_is_allowed() {
    let environment = Environment::start().await;
    define(&environment, "api-key", "partner", json!({"key": "k3y"})).await;
    let open = json!({"header": "X-Partner", "query": "key", "key": "k3y"});
    define(&environment, "api-key", "lenient", open).await;
    for name in ["partner", "lenient"] {
        secured_echo(&environment, name).await;
    }
    let url = environment.channel("/partner");
    assert_eq!(curl(&url, &["X-API-Key: k3y"]).0, 200);
    assert_eq!(curl(&format!("{url}?key=k3y"), &[]).0, 401);
    let (status, text) = curl(&url, &["X-API-Key: k3y2"]);
    assert_eq!(status, 401);
    assert!(
        text.contains("www-authenticate: apikey header=\"x-api-key\""),
        "{text}"
    );
    let url = environment.channel("/lenient");
    assert_eq!(curl(&url, &["X-Partner: k3y"]).0, 200);
    assert_eq!(curl(&format!("{url}?key=k3y"), &[]).0, 200);
    assert_eq!(curl(&format!("{url}?key=k3y&key=k3y"), &[]).0, 401);
    environment.deploy("query.py", QUERY).await;
    let settings = json!({"url_path": "/query", "service": "query", "security": "lenient"});
    environment.add_channel("query", settings).await;
    let url = environment.channel("/query?key=k3y&b=2");
    let (_, text) = curl(&url, &[]);
    assert!(
        text.contains("\"b=2\"") && !text.contains("k3y"),
        "a key is not for the service: {text}"
    );
}

#[tokio::test]
async fn what_is_inactive_lets_nobody_in() {
    let environment = Environment::start().await;
    define(&environment, "api-key", "partner", json!({"key": "k3y"})).await;
    secured_echo(&environment, "partner").await;
    let url = environment.channel("/partner");
    let right = ["X-API-Key: k3y"];
    let switch = async |kind: &str, name: &str, active: bool| {
        let edit = json!({"name": name, "active": active});
        environment.ok(&format!("busker.{kind}.edit"), edit).await;
        curl(&url, &right).0
    };
    assert_eq!(curl(&url, &right).0, 200);
    assert_eq!(switch("security.api-key", "partner", false).await, 503);
    assert_eq!(switch("security.api-key", "partner", true).await, 200);
    assert_eq!(switch("channel.http", "partner", false).await, 503);
    assert_eq!(switch("channel.http", "partner", true).await, 200);
    let settings = json!({"name": "echo", "active": false, "settings": {}});
    environment
        .ok("busker.service.settings.create", settings)
        .await;
    // From a channel, and from everywhere else.
    assert!(curl(&url, &right).0 >= 500);
    let invoked = json!({"name": "echo", "payload": "{}"});
    let refused = environment.ok("busker.service.invoke", invoked).await;
    assert_eq!(refused["status"], 503, "{refused}");
    assert!(
        refused.to_string().contains("service-inactive"),
        "{refused}"
    );
    assert_eq!(switch("service.settings", "echo", true).await, 200);
}

#[tokio::test]
async fn a_name_stands_for_one_definition_and_one_list_has_them_all() {
    let environment = Environment::start().await;
    define(&environment, "api-key", "partner", json!({"key": "k3y"})).await;
    let same = json!({"name": "partner", "settings": {"password": "s3cret"}});
    let refused = environment
        .call("busker.security.tech-account.create", same)
        .await;
    assert_eq!(refused.unwrap_err().status, 409);
    define(
        &environment,
        "tech-account",
        "CRM",
        json!({"password": "s3cret"}),
    )
    .await;
    let listed = environment
        .ok(
            "busker.security.list",
            json!({"filter": "r", "sort": "-name"}),
        )
        .await;
    let objects = listed["objects"].as_array().unwrap();
    let kinds: Vec<_> = objects
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"api-key") && kinds.contains(&"tech-account"),
        "{listed}"
    );
    assert_eq!(listed["total"], objects.len());
}
