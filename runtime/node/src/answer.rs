//! Answers as actix sends them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use busker_model::{Cid, ErrorClass, Fault};
use busker_pipeline::{Encoded, ErrorStyle, respond};

/// Writes an answer with its cid, under our name and Zato's.
pub(crate) fn answer(cid: Cid, encoded: Encoded) -> HttpResponse {
    let status = StatusCode::from_u16(encoded.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    let cid = cid.text();
    response.insert_header(("X-Busker-CID", cid.as_str()));
    response.insert_header(("X-Zato-CID", cid.as_str()));
    response.content_type(encoded.content_type);
    for (name, value) in &encoded.headers {
        response.append_header((name.as_str(), value.as_str()));
    }
    response.body(encoded.body)
}

/// The shape of errors where no channel says otherwise.
pub(crate) fn problem(cid: Cid, fault: &Fault) -> HttpResponse {
    answer(cid, respond(fault, cid, ErrorStyle::Problem, false))
}

/// Codes of states that an operator chose: requests that meet them are no news, however many come.
const CHOSEN: [&str; 6] = [
    "standby",
    "inactive",
    "missing-security",
    "needs-secret",
    "service-inactive",
    "served-elsewhere",
];

/// Once per request: what is ours is a line at error, with all an operator needs; a caller's mistake, or a state an
/// operator chose, is one at debug. `channel` is `None` for the API.
pub(crate) fn log(cid: Cid, channel: Option<&str>, service: &str, fault: &Fault) {
    if is_ours(fault.class) && !fault.code_str().is_some_and(|code| CHOSEN.contains(&code)) {
        tracing::error!(%cid, channel, service, "{fault:?}{}", fault.traceback());
    } else {
        tracing::debug!(%cid, channel, service, "{fault:?}");
    }
}

const fn is_ours(class: ErrorClass) -> bool {
    match class {
        ErrorClass::Internal | ErrorClass::Unavailable | ErrorClass::Timeout => true,
        ErrorClass::Invalid
        | ErrorClass::Unauthenticated
        | ErrorClass::Forbidden
        | ErrorClass::NotFound
        | ErrorClass::Conflict
        | ErrorClass::TooLarge
        | ErrorClass::Busy => false,
    }
}
