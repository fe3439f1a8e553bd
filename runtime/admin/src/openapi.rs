//! One OpenAPI 3.1 document of the public API, generated from the admin services.

use serde_json::{Map, Value, json};

use crate::operation::{AdminService, role_word};

/// Errors any admin service can answer with.
const ERRORS: [(&str, &str); 12] = [
    ("400", "Bad input; every wrong field is named."),
    ("401", "No or wrong credentials."),
    ("403", "A stronger role is needed."),
    ("404", "Nothing by that name."),
    ("408", "The request took too long to arrive."),
    ("409", "Name taken, in use, or changed meanwhile."),
    ("413", "The body is too large."),
    ("429", "Too many requests; try again later."),
    ("500", "A fault of ours."),
    ("502", "A peer gave no answer."),
    ("503", "Full, or something needed is away; try again."),
    ("504", "It took too long."),
];

/// The document, as JSON.
#[must_use]
pub fn document(operations: &[AdminService]) -> Value {
    let mut paths: Map<String, Value> = operations
        .iter()
        .map(|operation| {
            (
                format!("/api/v1/services/{}", operation.name),
                path(operation),
            )
        })
        .collect();
    paths.extend(fixed());
    paths.insert("/api/v1/soap".to_owned(), soap());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Busker",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every operation on a cluster is a service, invoked by POST with JSON in and out.",
        },
        "security": [{"basic": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": {"Problem": problem()},
            "responses": {"Problem": {
                "description": "What went wrong (RFC 9457).",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }},
        },
    })
}

fn path(operation: &AdminService) -> Value {
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "Done.",
            "content": {"application/json": {"schema": operation.output}},
        }),
    );
    responses.extend(ERRORS.map(|(status, text)| {
        let content = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        (status.to_owned(), json!({"description": text, "content": content}))
    }));
    let needs_body = operation.fields.iter().any(|field| field.required);
    json!({"post": {
        "operationId": operation.name,
        "summary": operation.summary,
        "x-busker-permission": role_word(operation.permission),
        "x-busker-destructive": operation.destructive,
        "requestBody": {
            "required": needs_body,
            "content": {"application/json": {
                "schema": operation.input_schema(),
                "example": operation.example,
            }},
        },
        "responses": responses,
    }})
}

/// Paths that are no services.
fn fixed() -> [(String, Value); 5] {
    [
        (
            "/api/v1/events",
            "Live events of this node: tree, event and rates, or those that ?topics= names; resumable by Last-Event-ID.",
            "text/event-stream",
            true,
        ),
        (
            "/api/v1/openapi.json",
            "This document.",
            "application/json",
            true,
        ),
        (
            "/healthz",
            "Whether the process is alive.",
            "application/json",
            false,
        ),
        (
            "/readyz",
            "Whether the node takes traffic.",
            "application/json",
            false,
        ),
        (
            "/metrics",
            "Metrics in the text format of Prometheus.",
            "text/plain",
            true,
        ),
    ]
    .map(|(path, summary, media, secured)| {
        let mut get = json!({
            "summary": summary,
            "responses": {
                "200": {"description": "Fine.", "content": {media: {"schema": {}}}},
                "503": {"description": "Not now."},
            },
        });
        if secured {
            get["x-busker-permission"] = json!("viewer");
            get["responses"]["401"] = json!({"$ref": "#/components/responses/Problem"});
        } else {
            get["security"] = json!([]);
        }
        (path.to_owned(), json!({"get": get}))
    })
}

/// The same services over SOAP.
fn soap() -> Value {
    let envelope = |text: &str| {
        let schema = json!({"schema": {"type": "string"}});
        let content = json!({"text/xml": schema, "application/soap+xml": schema});
        json!({"description": text, "content": content})
    };
    json!({
        "get": {
            "summary": "One WSDL of all services, for ?wsdl.",
            "x-busker-permission": "viewer",
            "parameters": [{
                "name": "wsdl", "in": "query", "required": true, "allowEmptyValue": true, "schema": {"type": "string"},
            }],
            "responses": {
                "200": {"description": "Fine.", "content": {"text/xml": {"schema": {}}}},
                "401": {"$ref": "#/components/responses/Problem"},
            },
        },
        "post": {
            "operationId": "soap",
            "summary": "Any of the services over SOAP 1.1 or 1.2, named by the element in the body.",
            "requestBody": envelope("An envelope; the WSDL says what is in it."),
            "responses": {
                "200": envelope("Done."),
                "default": envelope("A fault of the version that was asked, with the status SOAP and HTTP ask for."),
            },
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "cid": {"type": "string", "pattern": "^K[0-9]{39}$"},
            "class": {"type": "string"},
            "code": {"type": "string"},
            "violations": {"type": "array", "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            }},
        },
    })
}
