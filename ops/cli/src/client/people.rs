//! Who may use the API: `busker user DIR ...` and `busker token DIR ...`.

use busker_model::Secret;
use serde_json::{Value, json};

use super::Client;
use crate::args::{TokenVerb, UserVerb};
use crate::exit::Failure;
use crate::quickstart::write_private;
use crate::{output, prompt};

const DAY_S: u32 = 86_400;

/// Runs one verb about users.
pub(crate) async fn user(client: &Client, verb: UserVerb) -> Result<(), Failure> {
    let (word, input, print) = match verb {
        UserVerb::List(print) => {
            let answer = client.call("busker.user.list", &json!({})).await?;
            return output::print(print.format, &answer, users);
        }
        UserVerb::Create {
            name,
            role,
            password,
            print,
        } => {
            let password = ask(&name, password.password_file.as_deref())?;
            let input = json!({"name": name, "role": role.as_str(), "password": password.expose()});
            ("create", input, print)
        }
        UserVerb::Delete { name, print } => ("delete", json!({ "name": name }), print),
        UserVerb::ChangePassword {
            name,
            password,
            print,
        } => {
            let password = ask(&name, password.password_file.as_deref())?;
            let password = password.expose();
            let input = json!({"name": name, "password1": password, "password2": password});
            ("change-password", input, print)
        }
        UserVerb::SetRole {
            name,
            role,
            active,
            print,
        } => {
            let input = json!({"name": name, "role": role.as_str(), "active": active});
            ("set-role", input, print)
        }
    };
    let answer = client.call(&format!("busker.user.{word}"), &input).await?;
    output::print(print.format, &answer, output::fields)
}

fn ask(name: &str, file: Option<&std::path::Path>) -> Result<Secret, Failure> {
    prompt::password(&format!("Password of {name}"), file)
}

fn users(answer: &Value) -> String {
    let shown = [("NAME", "name"), ("ROLE", "role"), ("ACTIVE", "active")];
    output::rows(&answer["users"], &shown)
}

/// Runs one verb about tokens.
pub(crate) async fn token(client: &Client, verb: TokenVerb) -> Result<(), Failure> {
    match verb {
        TokenVerb::List(print) => {
            let answer = client.call("busker.token.list", &json!({})).await?;
            output::print(print.format, &answer, tokens)
        }
        TokenVerb::Revoke { name, print } => {
            let input = json!({ "name": name });
            let answer = client.call("busker.token.revoke", &input).await?;
            output::print(print.format, &answer, output::fields)
        }
        TokenVerb::Create {
            name,
            role,
            valid_days,
            token_file,
            print,
        } => {
            let life = valid_days.map(|days| u64::from(days) * u64::from(DAY_S));
            let input = json!({"name": name, "role": role.as_str(), "expires_in_s": life});
            // Before it is minted: a token that cannot be kept would hold all the same.
            if let Some(file) = token_file.as_ref().filter(|file| file.exists()) {
                let there = std::io::ErrorKind::AlreadyExists;
                return Err(Failure::file(file, &there.into()));
            }
            let mut answer = client.call("busker.token.create", &input).await?;
            if let (Some(file), Some(fields)) = (&token_file, answer.as_object_mut()) {
                let token = fields.shift_remove("token").unwrap_or_default();
                let token = Secret::new(token.as_str().unwrap_or_default());
                write_private(file, &format!("{}\n", token.expose()))?;
            }
            output::print(print.format, &answer, output::fields)
        }
    }
}

fn tokens(answer: &Value) -> String {
    let held = answer["tokens"].as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<Vec<String>> = held
        .iter()
        .map(|token| {
            let expires = token["expires_ms"].as_i64().map(crate::info::utc);
            let state = if token["revoked_ms"].is_null() {
                "holds"
            } else {
                "revoked"
            };
            vec![
                output::cell(&token["id"]),
                output::cell(&token["name"]),
                output::cell(&token["principal"]),
                output::cell(&token["role"]),
                state.to_owned(),
                expires.unwrap_or_default(),
            ]
        })
        .collect();
    let head = ["ID", "NAME", "PRINCIPAL", "ROLE", "STATE", "EXPIRES"];
    output::columns(&head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_listed_with_its_state_and_its_end() {
        let answer = json!({"tokens": [
            {"id": "1", "name": "ci", "principal": "cli", "role": "viewer", "expires_ms": 0, "revoked_ms": null},
            {"id": "2", "name": "old", "principal": "cli", "role": "admin", "expires_ms": null, "revoked_ms": 7},
        ]});
        let expected = "\
ID  NAME  PRINCIPAL  ROLE    STATE    EXPIRES
1   ci    cli        viewer  holds    1970-01-01T00:00:00.000000
2   old   cli        admin   revoked";
        assert_eq!(tokens(&answer), expected);
    }
}
