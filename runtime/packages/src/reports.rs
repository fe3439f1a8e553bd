//! What hot deploy tells operators: events, and the log lines that go with them.

use busker_model::Fault;
use busker_model::event::Severity;
use busker_odb::packages::Package;
use busker_telemetry::Events;
use serde_json::{Map, Value, json};

/// The facts of an event about a package.
fn facts(package: &Package, who: &str) -> Map<String, Value> {
    object(json!({
        "package": package.id,
        "name": package.name,
        "generation": package.generation,
        "services": package.services,
        "who": who,
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// A change of a package that this node serves now: `name` is that of the event, `done` what was done.
pub(crate) fn changed(
    events: &Events,
    name: &'static str,
    done: &str,
    (package, who): (&Package, &str),
) {
    let message = format!("Package {} was {done} by {who}", package.name);
    events.tell(Severity::Info, name, message, facts(package, who));
}

/// A file was refused and nothing has changed.
pub(crate) fn rejected(
    events: &Events,
    (name, who): (&str, &str),
    fault: &Fault,
    severity: Severity,
) {
    tracing::error!(
        "{name} from {who} was not deployed: {}",
        with_traceback(fault)
    );
    let fields = object(json!({"name": name, "who": who, "reason": &*fault.message}));
    let message = format!("{name} was not deployed: {fault}");
    events.tell(severity, "package-rejected", message, fields);
}

/// A stored package cannot be loaded by this node.
pub(crate) fn failed(
    events: &Events,
    (id, name): (i64, &str),
    instead: Option<i64>,
    fault: &Fault,
) {
    let then = instead.map_or_else(
        || "its services are not served".to_owned(),
        |id| format!("package id:[{id}] goes on in its place"),
    );
    let traceback = with_traceback(fault);
    tracing::error!(
        "Package id:[{id}], payload_name:[{name}] cannot be loaded, {then}: {traceback}"
    );
    let fields =
        object(json!({"package": id, "name": name, "instead": instead, "reason": &*fault.message}));
    let message = format!("Package {name} cannot be loaded, {then}: {fault}");
    events.tell(Severity::Error, "package-failed", message, fields);
}

/// A static source cannot be loaded by this node.
pub(crate) fn static_failed(events: &Events, path: &str, fault: &Fault) {
    tracing::error!(
        "Static source {path} cannot be loaded: {}",
        with_traceback(fault)
    );
    let fields = object(json!({"package": 0, "name": path, "reason": &*fault.message}));
    let message = format!("Static source {path} cannot be loaded: {fault}");
    events.tell(Severity::Error, "package-failed", message, fields);
}

/// Services of a generation that could not be started.
pub(crate) fn not_started(events: &Events, failed: &[(String, String)]) {
    if failed.is_empty() {
        return;
    }
    let list: Vec<String> = failed
        .iter()
        .map(|(service, why)| format!("{service} ({why})"))
        .collect();
    let message = format!("Services could not be started: {}", list.join(", "));
    tracing::error!("{message}");
    let services: Vec<&str> = failed.iter().map(|(service, _)| service.as_str()).collect();
    let fields = object(json!({"services": services}));
    events.tell(Severity::Error, "package-failed", message, fields);
}

/// A package stays, but services it had are gone.
pub(crate) fn missing_services(events: &Events, package: &str, services: &[String]) {
    let list = services.join(", ");
    let message =
        format!("Package {package} no longer defines {list}: whatever names them gets an error");
    tracing::warn!("{message}");
    let fields = object(json!({"name": package, "services": services}));
    events.tell(Severity::Warning, "missing-service", message, fields);
}

/// The message of a fault, and where in the service's code it came from.
pub(crate) fn with_traceback(fault: &Fault) -> String {
    let operator = fault
        .detail
        .as_deref()
        .and_then(|detail| detail.operator.as_deref());
    let mut text = format!("{}{}", fault.message, fault.traceback());
    if let Some(operator) = operator.filter(|operator| !operator.is_empty()) {
        text.push_str(&format!("\n{operator}"));
    }
    text
}
