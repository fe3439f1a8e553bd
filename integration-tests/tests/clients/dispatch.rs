//! Several SOAP channels on one path: told apart by SOAPAction, else by the element in the body.

use busker_integration_tests::soap::{ENVELOPES, envelope};
use busker_integration_tests::{Answer, Environment};
use serde_json::json;

const WHO: &str = "
from zato.server.service import Service

class Who(Service):
    name = 'who'
    def handle(self):
        self.response.payload = '<who>%s</who>' % self.name

class Action(Who):
    name = 'who.action'

class Element(Who):
    name = 'who.element'

class Named(Who):
    name = 'who.named'
";

async fn ask(environment: &Environment, version: usize, action: &str, inner: &str) -> Answer {
    let (namespace, content_type) = ENVELOPES[version];
    send(
        environment,
        version,
        action,
        &envelope(namespace, inner),
        content_type,
    )
    .await
}

async fn send(
    environment: &Environment,
    version: usize,
    action: &str,
    body: &str,
    content_type: &str,
) -> Answer {
    let request = environment.http.post(environment.channel("/one"));
    let request = match (version, action) {
        (_, "") => request.header("content-type", content_type),
        (0, action) => request
            .header("content-type", content_type)
            .header("SOAPAction", format!("\"{action}\"")),
        (_, action) => request.header(
            "content-type",
            format!("{content_type}; action=\"{action}\""),
        ),
    };
    environment.send(request.body(body.to_owned())).await
}

async fn add(environment: &Environment, name: &str, service: &str, more: serde_json::Value) {
    let mut settings = json!({"url_path": "/one", "service": service, "transport": "soap"});
    settings
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    environment.add_channel(name, settings).await;
}

#[tokio::test]
async fn the_action_goes_before_the_element_and_the_element_before_any() {
    let environment = Environment::start().await;
    environment.deploy("who.py", WHO).await;
    add(
        &environment,
        "by action",
        "who.action",
        json!({"soap_action": "urn:action"}),
    )
    .await;
    add(
        &environment,
        "by element",
        "who.element",
        json!({"soap_element": "ask"}),
    )
    .await;
    add(
        &environment,
        "by name",
        "who.named",
        json!({"soap_element": "{urn:n}ask-too"}),
    )
    .await;
    for version in [0, 1] {
        who_is_asked(&environment, version).await;
        nobody_is_asked(&environment, version).await;
    }
    // One without either takes what is left.
    add(&environment, "the rest", "who", json!({})).await;
    for (action, inner, expected) in [
        ("", "<ask/>", "who.element"),
        ("", "<other/>", "who"),
        ("urn:unknown", "", "who"),
    ] {
        let got = ask(&environment, 0, action, inner).await;
        assert!(
            got.body.contains(&format!("<who>{expected}</who>")),
            "{inner}: {got:?}"
        );
    }
    let document = async |query: &str| {
        let address = environment.channel(&format!("/one?{query}"));
        environment.send(environment.http.get(address)).await
    };
    let several = document("wsdl").await;
    assert_eq!(several.status, 400, "{several:?}");
    let names = "by action, by element, by name, the rest";
    assert!(several.body.contains(names), "{several:?}");
    let one = document("wsdl=by%20name").await;
    assert_eq!(one.status, 200, "{one:?}");
    assert!(one.body.contains("targetNamespace=\"urn:n\""), "{one:?}");
}

async fn who_is_asked(environment: &Environment, version: usize) {
    for (action, inner, expected) in [
        ("urn:action", "<ask/>", "who.action"),
        ("", "<ask/>", "who.element"),
        ("", "<x:ask xmlns:x='urn:any'>1</x:ask>", "who.element"),
        ("urn:unknown", "<ask/>", "who.element"),
        ("", "<ask-too xmlns='urn:n'/>", "who.named"),
    ] {
        let got = ask(environment, version, action, inner).await;
        assert_eq!(got.status, 200, "{action} {inner}: {got:?}");
        assert!(
            got.body.contains(&format!("<who>{expected}</who>")),
            "{action} {inner}: {got:?}"
        );
    }
}

async fn nobody_is_asked(environment: &Environment, version: usize) {
    for (inner, says) in [
        ("<ask-too/>", "takes <ask-too>"),
        ("", "takes an empty body"),
    ] {
        let got = ask(environment, version, "", inner).await;
        assert_eq!(got.status, 404, "{inner}: {got:?}");
        assert!(
            got.body.contains("soap:Fault")
                && got
                    .body
                    .contains(&says.replace('<', "&lt;").replace('>', "&gt;")),
            "{got:?}"
        );
        assert!(got.body.contains(ENVELOPES[version].0), "{got:?}");
    }
    let broken = send(
        environment,
        version,
        "",
        "<no envelope",
        ENVELOPES[version].1,
    )
    .await;
    assert!(broken.body.contains("not well-formed XML"), "{broken:?}");
}

#[tokio::test]
async fn a_channel_by_element_asks_for_its_own_credentials_and_holds_its_own_bounds() {
    let environment = Environment::start().await;
    environment.deploy("who.py", WHO).await;
    environment.add_basic_auth("crm", "crm", "s3cret").await;
    let secured = json!({"soap_element": "ask", "security": "crm", "max_body_bytes": 1000});
    add(&environment, "secured", "who.element", secured).await;
    add(
        &environment,
        "open",
        "who.named",
        json!({"soap_element": "other"}),
    )
    .await;
    let stranger = ask(&environment, 0, "", "<ask/>").await;
    assert_eq!(stranger.status, 401, "{stranger:?}");
    assert_eq!(ask(&environment, 0, "", "<other/>").await.status, 200);
    let long = |name: &str| format!("<{name}>{}</{name}>", "a".repeat(1000));
    let request = environment
        .http
        .post(environment.channel("/one"))
        .basic_auth("crm", Some("s3cret"));
    let body = envelope(ENVELOPES[0].0, &long("ask"));
    let too_long = environment.send(request.body(body)).await;
    assert_eq!(too_long.status, 413, "{too_long:?}");
    assert_eq!(ask(&environment, 0, "", &long("other")).await.status, 200);
}

#[tokio::test]
async fn header_blocks_that_must_be_understood_and_unknown_versions_are_refused_in_the_right_words()
{
    let environment = Environment::start().await;
    environment.deploy("who.py", WHO).await;
    add(
        &environment,
        "by element",
        "who.element",
        json!({"soap_element": "ask"}),
    )
    .await;
    add(
        &environment,
        "by action",
        "who.action",
        json!({"soap_action": "urn:action"}),
    )
    .await;
    for (version, yes) in [(0, "1"), (1, "true")] {
        let (namespace, content_type) = ENVELOPES[version];
        let with = |attributes: &str| {
            format!(
                "<e:Envelope xmlns:e=\"{namespace}\"><e:Header><t:tx xmlns:t=\"urn:t\" {attributes}>5</t:tx></e:Header>\
                 <e:Body><ask/></e:Body></e:Envelope>"
            )
        };
        for action in ["", "urn:action"] {
            let must = with(&format!("e:mustUnderstand=\"{yes}\""));
            let refused = send(&environment, version, action, &must, content_type).await;
            assert_eq!(refused.status, 500, "{refused:?}");
            assert!(refused.body.contains("soap:MustUnderstand<"), "{refused:?}");
            assert!(refused.body.contains(namespace), "{refused:?}");
            for fine in [String::new(), "e:mustUnderstand=\"0\"".to_owned()] {
                let taken = send(&environment, version, action, &with(&fine), content_type).await;
                assert_eq!(taken.status, 200, "{fine}: {taken:?}");
            }
        }
        let role = if version == 0 { "actor" } else { "role" };
        let others = format!("e:mustUnderstand=\"{yes}\" e:{role}=\"urn:somebody-else\"");
        let taken = send(&environment, version, "", &with(&others), content_type).await;
        assert_eq!(taken.status, 200, "{taken:?}");
    }
    let body = envelope("urn:soap:2", "<ask/>");
    let refused = send(&environment, 0, "", &body, ENVELOPES[0].1).await;
    assert_eq!(refused.status, 500, "{refused:?}");
    assert!(
        refused.body.contains("soap:VersionMismatch<"),
        "{refused:?}"
    );
    assert!(refused.body.contains(ENVELOPES[0].0), "{refused:?}");
}
