//! What a service raises decides class and status of the answer.

use serde_json::json;

use crate::{post, with_channels};

/// What is raised, the status, and the class.
const TABLE: [(&str, u16, &str); 28] = [
    ("BadRequest", 400, "invalid"),
    ("Unauthorized", 401, "unauthenticated"),
    ("Forbidden", 403, "forbidden"),
    ("NotFound", 404, "not-found"),
    ("MethodNotAllowed", 405, "invalid"),
    ("TooManyRequests", 429, "busy"),
    ("ParsingException", 400, "invalid"),
    ("ValidationException", 400, "invalid"),
    ("Inactive", 503, "unavailable"),
    ("ZatoException", 500, "internal"),
    ("HTTP 402", 402, "invalid"),
    ("HTTP 409", 409, "conflict"),
    ("HTTP 413", 413, "too-large"),
    ("HTTP 500", 500, "internal"),
    ("HTTP 502", 502, "unavailable"),
    ("HTTP 503", 503, "unavailable"),
    ("HTTP 504", 504, "timeout"),
    ("Invalid", 400, "invalid"),
    ("Unauthenticated", 401, "unauthenticated"),
    ("busker.Forbidden", 403, "forbidden"),
    ("busker.NotFound", 404, "not-found"),
    ("Conflict", 409, "conflict"),
    ("TooLarge", 413, "too-large"),
    ("Busy", 503, "busy"),
    ("Timeout", 504, "timeout"),
    ("Unavailable", 503, "unavailable"),
    ("ValueError", 500, "internal"),
    ("KeyError", 500, "internal"),
];

#[tokio::test]
async fn every_exception_has_its_status_and_class() {
    // Through a service in the same process, through one in another process, and by itself.
    let environment = with_channels(&["errors.raises", "errors.passes"]).await;
    for (what, status, class) in TABLE {
        let payload = json!({"what": what});
        let nested = |service: &str| json!({"service": service, "payload": payload});
        for (way, channel, body) in [
            ("direct", "errors.raises", payload.clone()),
            ("nested", "errors.passes", nested("errors.raises")),
            ("far", "errors.passes", nested("errors.far-raises")),
        ] {
            let answer = post(&environment, channel, body).await;
            assert_eq!(answer.status, status, "{what}, {way}: {answer:?}");
            let problem = answer.json();
            assert_eq!(problem["class"], class, "{what}, {way}: {answer:?}");
            assert_eq!(problem["cid"], answer.header("x-zato-cid"), "{what}, {way}");
            // The text of an error that nobody foresaw is for the log.
            if class != "internal" {
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains("odd"), "{what}, {way}: {answer:?}");
            }
            if matches!(status, 429 | 503) {
                assert!(
                    !answer.header("retry-after").is_empty(),
                    "{what}, {way}: {answer:?}"
                );
            }
            if status == 401 {
                let challenge = answer.header("www-authenticate");
                assert!(
                    challenge.starts_with("Basic realm="),
                    "{what}, {way}: {answer:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_service_that_calls_sys_exit_fails_alone() {
    let environment = with_channels(&["errors.raises"]).await;
    let workers = environment.workers(None).await;
    let answer = post(&environment, "errors.raises", json!({"what": "SystemExit"})).await;
    assert_eq!(
        (answer.status, &answer.json()["class"]),
        (500, &json!("internal")),
        "{answer:?}"
    );
    assert_eq!(environment.workers(None).await, workers);
}
