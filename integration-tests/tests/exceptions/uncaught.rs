//! What nobody caught: one entry in the log with the whole traceback, a message and the cid for the caller.

use busker_integration_tests::{Answer, Environment};
use serde_json::json;

use crate::log::{entries, first_trouble, only_trouble};
use crate::{line_of, post, with_channels};

const SOAP_11: &str = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><a/></s:Body></s:Envelope>"#;
const SOAP_12: &str = r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><a/></s:Body></s:Envelope>"#;

/// A channel of another format, which may show tracebacks.
async fn channel(
    environment: &Environment,
    path: &str,
    transport: &str,
    format: &str,
    expose: bool,
) {
    let settings = json!({
        "url_path": path, "service": "errors.divides", "transport": transport, "data_format": format,
        "expose_tracebacks": expose
    });
    let name = path.trim_start_matches('/');
    environment.add_channel(name, settings).await;
}

/// Frames that the whole traceback has.
fn frames() -> [String; 2] {
    let frame =
        |text, function| format!("File \"errors.py\", line {}, in {function}", line_of(text));
    [
        frame("divide(7, zero)", "Divides.handle"),
        frame("return share[\"of\"] / b", "divide"),
    ]
}

async fn logged_once(environment: &Environment, cid: &str) {
    tells_all(&only_trouble(environment, cid).await, cid);
}

fn tells_all(trouble: &str, cid: &str) {
    for part in [
        "Traceback (most recent call last):",
        &frames()[0],
        &frames()[1],
        "return share[\"of\"] / b",
        "ZeroDivisionError: division by zero",
        "service=errors.divides",
    ] {
        assert!(trouble.contains(part), "{part} in {trouble}");
    }
    // The cid is searched for with grep: it stands on the first line.
    assert!(trouble.lines().next().unwrap().contains(cid), "{trouble}");
}

fn hides_the_traceback(answer: &Answer) {
    for part in ["Traceback", "errors.py", "share["] {
        assert!(!answer.body.contains(part), "{part}: {answer:?}");
    }
    assert!(
        answer.body.contains(answer.header("x-zato-cid")),
        "{answer:?}"
    );
    assert!(answer.body.contains("ZeroDivisionError"), "{answer:?}");
}

#[tokio::test]
async fn the_caller_gets_a_message_and_the_cid_and_the_log_the_rest_in_every_format() {
    let environment = with_channels(&[]).await;
    for (path, transport, format, body, content_type) in [
        (
            "/json",
            "plain_http",
            "json",
            "{}",
            "application/problem+json",
        ),
        (
            "/xml",
            "plain_http",
            "xml",
            "<a/>",
            "application/problem+xml",
        ),
        (
            "/form",
            "plain_http",
            "form",
            "a=1",
            "application/problem+json",
        ),
        ("/raw", "plain_http", "raw", "a", "application/problem+json"),
        ("/soap11", "soap", "xml", SOAP_11, "text/xml; charset=utf-8"),
        (
            "/soap12",
            "soap",
            "xml",
            SOAP_12,
            "application/soap+xml; charset=utf-8",
        ),
    ] {
        channel(&environment, path, transport, format, false).await;
        let answer = environment.post(path, body).await;
        assert_eq!(answer.status, 500, "{answer:?}");
        assert_eq!(answer.header("content-type"), content_type, "{answer:?}");
        hides_the_traceback(&answer);
        match path {
            "/soap11" => assert!(
                answer.body.contains("<faultcode>soap:Server</faultcode>"),
                "{answer:?}"
            ),
            "/soap12" => assert!(
                answer
                    .body
                    .contains("<soap:Value>soap:Receiver</soap:Value>"),
                "{answer:?}"
            ),
            _ => assert!(answer.body.contains("internal"), "{answer:?}"),
        }
        logged_once(&environment, answer.header("x-zato-cid")).await;
    }
}

#[tokio::test]
async fn a_channel_for_developers_shows_the_traceback() {
    let environment = with_channels(&[]).await;
    for (path, transport, format, body) in [
        ("/json", "plain_http", "json", "{}"),
        ("/xml", "plain_http", "xml", "<a/>"),
        ("/soap11", "soap", "xml", SOAP_11),
        ("/soap12", "soap", "xml", SOAP_12),
    ] {
        channel(&environment, path, transport, format, true).await;
        let answer = environment.post(path, body).await;
        assert_eq!(answer.status, 500, "{answer:?}");
        let text = answer.body.replace("&quot;", "\"").replace("\\\"", "\"");
        for part in [
            &frames()[0],
            &frames()[1],
            "ZeroDivisionError: division by zero",
        ] {
            assert!(text.contains(part), "{part}: {answer:?}");
        }
        logged_once(&environment, answer.header("x-zato-cid")).await;
    }
}

#[tokio::test]
async fn one_that_went_through_other_services_is_logged_once_too() {
    let environment = with_channels(&["errors.passes"]).await;
    // In this process, and through the node in another one.
    let near = json!({"service": "errors.divides"});
    let far = json!({"service": "errors.far-raises", "payload": {"what": "ValueError"}});
    for (body, text, function) in [
        (near, "return share[\"of\"] / b", "divide"),
        (
            far,
            "raise RAISED[self.request.payload.what]()",
            "Raises.handle",
        ),
    ] {
        let answer = post(&environment, "errors.passes", body).await;
        assert_eq!(answer.status, 500, "{answer:?}");
        assert!(!answer.body.contains("Traceback"), "{answer:?}");
        let trouble = only_trouble(&environment, answer.header("x-zato-cid")).await;
        let frame = format!("File \"errors.py\", line {}, in {function}", line_of(text));
        assert!(trouble.contains(&frame), "{frame} in {trouble}");
        let caller = format!(
            "line {}, in Passes.handle",
            line_of("class Passes(Service)") + 2
        );
        assert!(trouble.contains(&caller), "{caller} in {trouble}");
    }
}

#[tokio::test]
async fn over_the_api_the_command_line_and_asynchronously_it_is_the_same() {
    let environment = with_channels(&["errors.later"]).await;
    let refusal = environment
        .call("errors.divides", json!({}))
        .await
        .unwrap_err();
    assert_eq!(refusal.status, 500, "{refusal:?}");
    assert!(
        !refusal.problem.to_string().contains("errors.py"),
        "{refusal:?}"
    );
    logged_once(&environment, refusal.problem["cid"].as_str().unwrap()).await;

    let ran = environment.run(
        &["service", "invoke"],
        &["errors.divides", "--payload", "{}"],
    );
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.is_empty() && !ran.stderr.contains("errors.py"),
        "{ran:?}"
    );
    let cid = ran
        .stderr
        .split_whitespace()
        .find(|word| word.len() == 40 && word.starts_with('K'));
    logged_once(&environment, cid.unwrap()).await;

    let answer = post(&environment, "errors.later", json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let cid = answer.json()["cid"].as_str().unwrap().to_owned();
    assert_ne!(cid, answer.header("x-zato-cid"));
    // It is tried again, so there is more to come.
    tells_all(&first_trouble(&environment, &cid).await, &cid);
}

#[tokio::test]
async fn a_callers_own_mistake_is_no_error_of_the_log() {
    let environment = with_channels(&["errors.raises"]).await;
    for what in ["BadRequest", "NotFound", "Conflict", "Forbidden"] {
        let answer = post(&environment, "errors.raises", json!({"what": what})).await;
        crate::log::no_trouble(&environment, answer.header("x-zato-cid")).await;
    }
    let input = json!({"name": "errors.raises", "payload": {"what": "BadRequest"}});
    let answer = environment.ok("busker.service.invoke", input).await;
    crate::log::no_trouble(&environment, answer["cid"].as_str().unwrap()).await;
    assert!(!entries(&environment.log()).is_empty());
}
