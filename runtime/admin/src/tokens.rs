//! Bearer tokens.

use busker_kit::clock;
use busker_model::invocation::Role;
use busker_model::{ErrorClass, Fault};
use busker_odb::tokens::{Token, TokenKind, TokenWrite};
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::input::Type;
use crate::operation::{AdminService, Call, ROLES, answer, role_of};

/// Longest life of a token that ends, in seconds: ten years.
const LIFE_MAX_S: i64 = 10 * 366 * 24 * 3_600;
const TOKEN: &[(&str, &str)] = &[
    ("id", "string"),
    ("kind", "string"),
    ("principal", "string"),
    ("role", "string"),
    ("name", "string"),
    ("created_ms", "integer"),
    ("expires_ms", "integer?"),
    ("revoked_ms", "integer?"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.token.create",
            Role::Admin,
            "Mints a bearer token; its text is in this answer and nowhere else.",
            create,
        )
        .required("name", Type::Name, "What people call it.")
        .optional(
            "principal",
            Type::Name,
            "Who it speaks for; the caller unless given.",
        )
        .optional(
            "role",
            Type::Choice(ROLES),
            "What its bearer may do; viewer unless given.",
        )
        .optional(
            "expires_in_s",
            Type::Integer(1, LIFE_MAX_S),
            "Seconds it holds; for ever unless given.",
        )
        .example(json!({"name": "build server", "role": "developer", "expires_in_s": 86_400}))
        .answers(&[TOKEN, &[("token", "string")]].concat())
        .bringing_code()
        .writing(),
        AdminService::new(
            "busker.token.list",
            Role::Admin,
            "Lists bearer tokens.",
            list,
        )
        .optional(
            "principal",
            Type::Name,
            "Only those that speak for this one.",
        )
        .example(json!({"principal": "cli"}))
        .answers(&[])
        .and("tokens", list_of(object(TOKEN))),
        AdminService::new(
            "busker.token.revoke",
            Role::Admin,
            "Ends a bearer token.",
            revoke,
        )
        .required(
            "name",
            Type::Name,
            "Its id, or its name when only one holds by that name.",
        )
        .example(json!({"name": "build server"}))
        .answers(&[("id", "string"), ("revoked", "boolean")])
        .destroying(),
    ]
}

async fn create(call: Call) -> Result<Value, Fault> {
    let principal = call
        .input
        .opt_text("principal")
        .unwrap_or_else(|| call.who());
    let life_ms = call
        .input
        .integer("expires_in_s")
        .map(|seconds| seconds * 1_000);
    let write = TokenWrite {
        kind: TokenKind::Bearer,
        principal: principal.to_owned(),
        role: call.input.opt_text("role").map_or(Role::Viewer, role_of),
        name: call.input.text("name").to_owned(),
        expires_ms: life_ms.map(|life| clock::unix_ms() + life),
    };
    let (token, text) = call.deps.odb.tokens().mint(write).await?;
    let mut shown = answer(&token)?;
    shown["token"] = json!(text.expose());
    Ok(shown)
}

async fn list(call: Call) -> Result<Value, Fault> {
    let principal = call.input.opt_text("principal");
    let tokens = call.deps.odb.tokens();
    Ok(json!({"tokens": tokens.list(TokenKind::Bearer, principal).await?}))
}

async fn revoke(call: Call) -> Result<Value, Fault> {
    let name = call.input.text("name");
    let tokens = call.deps.odb.tokens();
    let held = tokens.list(TokenKind::Bearer, None).await?;
    let id = pick(&held, name)?;
    tokens.revoke(id).await?;
    Ok(json!({"id": id, "revoked": true}))
}

/// The id of the token of that id or name.
fn pick<'t>(held: &'t [Token], name: &str) -> Result<&'t str, Fault> {
    let holds = || held.iter().filter(|token| token.revoked_ms.is_none());
    if let Some(token) = holds().find(|token| token.id == name) {
        return Ok(&token.id);
    }
    let named: Vec<&str> = holds()
        .filter(|token| token.name == name)
        .map(|token| token.id.as_str())
        .collect();
    match named.as_slice() {
        [id] => Ok(id),
        [] => Err(Fault::not_found(format!("name: no token {name:?} holds"))),
        several => Err(Fault::new(
            ErrorClass::Conflict,
            format!(
                "name: {} tokens are called {name:?}; give one id of {}",
                several.len(),
                several.join(", ")
            ),
        )),
    }
}
