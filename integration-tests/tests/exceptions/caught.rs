//! A service catches what another one fails with.

use serde_json::json;

use crate::log::no_trouble;
use crate::{line_of, post, with_channels};

#[tokio::test]
async fn in_one_process_the_exception_arrives_with_its_live_traceback_and_local_frames() {
    let environment = with_channels(&["errors.catches-live"]).await;
    let answer = post(&environment, "errors.catches-live", json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = answer.json();
    let functions = seen["functions"].as_array().unwrap();
    assert_eq!(functions.first().unwrap(), "handle", "{seen}");
    assert_eq!(
        &functions[functions.len() - 2..],
        [json!("handle"), json!("divide")],
        "{seen}"
    );
    let locals = json!({"a": 7, "b": 0, "share": {"of": 7}});
    assert_eq!(seen["last_locals"], locals, "{seen}");
    assert_eq!(
        (&seen["zero"], &seen["service"]),
        (&json!(0), &json!("errors.divides"))
    );
    assert_eq!(
        (&seen["same_request"], &seen["cid"]),
        (&json!(true), &json!(true)),
        "{seen}"
    );
    let text = seen["text"].as_str().unwrap();
    for (line, function) in [
        (line_of("self.invoke(\"errors.divides\")"), "handle"),
        (line_of("divide(7, zero)"), "handle"),
        (line_of("return share[\"of\"] / b"), "divide"),
    ] {
        let frame = format!("File \"errors.py\", line {line}, in {function}");
        assert!(text.contains(&frame), "{frame} in {text}");
    }
    // What was caught is nobody's trouble.
    no_trouble(&environment, answer.header("x-zato-cid")).await;
}

#[tokio::test]
async fn from_another_process_it_arrives_with_a_rebuilt_traceback_and_its_cause() {
    let environment = with_channels(&["errors.catches-far"]).await;
    let body = json!({"service": "errors.chained"});
    let answer = post(&environment, "errors.catches-far", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = answer.json();
    assert_eq!(seen["type"], "busker.errors.ServiceError", "{seen}");
    assert_eq!(
        (&seen["remote_type"], &seen["message"]),
        (&json!("LookupError"), &json!("no share for you"))
    );
    let raised = line_of("raise LookupError(\"no share for you\")");
    assert_eq!(
        (&seen["file"], &seen["line"]),
        (&json!("errors.py"), &json!(raised)),
        "{seen}"
    );
    let text = seen["text"].as_str().unwrap();
    for part in [
        "ZeroDivisionError: division by zero",
        "return share[\"of\"] / b",
        "The above exception was the direct cause of the following exception:",
        "raise LookupError(\"no share for you\") from error",
        "LookupError: no share for you",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let cause = line_of("return share[\"of\"] / b");
    assert!(
        text.contains(&format!("File \"errors.py\", line {cause}, in divide")),
        "{text}"
    );
    no_trouble(&environment, answer.header("x-zato-cid")).await;
}

#[tokio::test]
async fn from_a_rust_service_it_arrives_with_a_rebuilt_traceback_and_its_violations() {
    let environment = with_channels(&["errors.catches-far"]).await;
    let line = json!({"article": "a", "quantity": 1, "price": "cheap"});
    let body = json!({"service": "samples.order-total", "payload": {"lines": [line]}});
    let answer = post(&environment, "errors.catches-far", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = answer.json();
    assert_eq!(seen["type"], "busker.errors.Invalid", "{seen}");
    let violation = json!([{"field": "lines.0.price", "message": "is no price, such as 19.99"}]);
    assert_eq!(seen["violations"], violation, "{seen}");
    let file = seen["file"].as_str().unwrap();
    assert!(file.ends_with("samples/src/order.rs"), "{seen}");
    let source = include_str!("../../../runtime/samples/src/order.rs");
    let lines: Vec<&str> = source.lines().collect();
    let line = usize::try_from(seen["line"].as_u64().unwrap()).unwrap();
    assert!(
        lines[line - 1].contains("Fault::violations(violations)"),
        "{line}: {seen}"
    );
    let text = seen["text"].as_str().unwrap();
    let frame = format!("File \"{file}\", line {line}, in busker_samples::order::OrderTotal");
    assert!(text.contains(&frame), "{frame} in {text}");
    // The frames on this side come first, as in any traceback.
    let here = text.find("in handle").unwrap();
    assert!(here < text.find(&frame).unwrap(), "{text}");
}

#[tokio::test]
async fn an_error_from_elsewhere_is_caught_by_the_class_it_was_raised_as() {
    let environment = with_channels(&["errors.which"]).await;
    for what in [
        "BadRequest",
        "Forbidden",
        "NotFound",
        "TooManyRequests",
        "ValidationException",
        "Inactive",
        "Invalid",
        "busker.Forbidden",
        "busker.NotFound",
        "Conflict",
        "Busy",
        "Timeout",
        "Unavailable",
    ] {
        let answer = post(&environment, "errors.which", json!({"what": what})).await;
        assert_eq!(answer.json()["caught"], true, "{what}: {answer:?}");
    }
}
