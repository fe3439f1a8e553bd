//! Secrets that an object needs and the command line did not bring: which, as the API itself says, and where from.

use std::io::IsTerminal;

use busker_model::Secret;
use serde_json::{Value, json};

use super::Client;
use crate::args::PasswordArgs;
use crate::exit::Failure;
use crate::prompt::{self, PASSWORD_VARIABLE};

/// A setting that is written and never read back.
#[derive(Debug, PartialEq, Eq)]
struct Lacking {
    field: String,
    required: bool,
}

/// Puts the secrets into `input.settings` that service `create` takes and that are not there.
pub(super) async fn complete(
    client: &Client,
    create: &str,
    input: &mut Value,
    from: &PasswordArgs,
) -> Result<(), Failure> {
    let described = client.call("busker.admin.describe", &json!({})).await?;
    let lacking = lacking(&described, create, &input["settings"]);
    let file = from.password_file.as_deref();
    let given = match file {
        Some(file) => Some(prompt::password_file(file)?),
        None => busker_node::variable(PASSWORD_VARIABLE).map(Secret::new),
    };
    let found = match given {
        // The variable may be there for another command; the option is meant for this one.
        Some(given) if !lacking.is_empty() || file.is_some() => {
            vec![(only(&lacking)?.to_owned(), given)]
        }
        Some(_) | None => ask(&lacking)?,
    };
    for (field, secret) in found {
        input["settings"][field] = json!(secret.expose());
    }
    Ok(())
}

fn lacking(described: &Value, service: &str, settings: &Value) -> Vec<Lacking> {
    let services = described["services"].as_array().into_iter().flatten();
    let service = services.into_iter().find(|one| one["name"] == service);
    let schema = service.map(|service| &service["input"]["properties"]["settings"]);
    let fields = schema.and_then(|schema| schema["properties"].as_object());
    let required = schema.and_then(|schema| schema["required"].as_array());
    let is_required = |field: &str| {
        let mut names = required.into_iter().flatten();
        names.any(|name| name == field)
    };
    fields
        .into_iter()
        .flatten()
        .filter(|(field, schema)| schema["writeOnly"] == true && settings[field].is_null())
        .map(|(field, _)| Lacking {
            field: field.clone(),
            required: is_required(field),
        })
        .collect()
}

/// The secret that one password is for: the only one that is required, else the only one.
fn only(lacking: &[Lacking]) -> Result<&str, Failure> {
    let required: Vec<&Lacking> = lacking.iter().filter(|one| one.required).collect();
    match (required.as_slice(), lacking) {
        ([one], _) => Ok(&one.field),
        ([], [one]) => Ok(&one.field),
        (_, []) => Err(Failure::usage("--password-file: it takes no secret")),
        (_, several) => Err(Failure::usage(format!(
            "--password-file: it takes several secrets; write --set FIELD=@FILE for each of {}",
            names(several.iter())
        ))),
    }
}

/// Asks a person; without a terminal, what is required is named.
fn ask(lacking: &[Lacking]) -> Result<Vec<(String, Secret)>, Failure> {
    if !std::io::stdin().is_terminal() {
        let required: Vec<&Lacking> = lacking.iter().filter(|one| one.required).collect();
        if required.is_empty() {
            return Ok(Vec::new());
        }
        return Err(Failure::usage(format!(
            "{}: there is no terminal to ask on; use --password-file FILE, the variable BUSKER_PASSWORD, \
             or --set FIELD=@FILE",
            names(required.into_iter())
        )));
    }
    let mut found = Vec::new();
    for one in lacking {
        let secret = if one.required {
            Some(prompt::twice(&one.field, "--password-file")?)
        } else {
            prompt::optional(&one.field)?
        };
        found.extend(secret.map(|secret| (one.field.clone(), secret)));
    }
    Ok(found)
}

fn names<'l>(lacking: impl Iterator<Item = &'l Lacking>) -> String {
    let names: Vec<&str> = lacking.map(|one| one.field.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described() -> Value {
        let secret = json!({"type": "string", "writeOnly": true});
        json!({"services": [{"name": "busker.security.x.create", "input": {"properties": {"settings": {
            "required": ["username", "password"],
            "properties": {"username": {"type": "string"}, "password": secret, "salt": secret},
        }}}}]})
    }

    fn of(settings: &Value) -> Vec<Lacking> {
        lacking(&described(), "busker.security.x.create", settings)
    }

    #[test]
    fn what_is_write_only_and_not_given_is_asked_for() {
        let both = of(&json!({"username": "ada"}));
        let expected = [("password", true), ("salt", false)].map(|(field, required)| Lacking {
            field: field.to_owned(),
            required,
        });
        assert_eq!(both, expected);
        assert!(of(&json!({"password": "x", "salt": "y"})).is_empty());
        assert!(lacking(&described(), "busker.security.y.create", &json!({})).is_empty());
    }

    #[test]
    fn one_password_goes_where_it_can_be_meant_for() {
        assert_eq!(only(&of(&json!({}))).unwrap(), "password");
        assert_eq!(only(&of(&json!({"password": "x"}))).unwrap(), "salt");
        let none = only(&[]).unwrap_err();
        assert!(none.message.contains("no secret"), "{none}");
        let optional = ["a", "b"].map(|field| Lacking {
            field: field.to_owned(),
            required: false,
        });
        let several = only(&optional).unwrap_err();
        assert!(several.message.contains("a, b"), "{several}");
    }
}
