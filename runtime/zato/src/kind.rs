//! Objects of a kind that Zato has as well: create, edit, delete, list, get and change-password, the same for each.

use busker_model::{Family, Fault};
use serde_json::{Map, Value, json};

use crate::call::{Call, identity};
use crate::row::Answer;

/// Random bytes of the password a definition is made with; the real one comes by change-password.
const PASSWORD_BYTES: usize = 16;

/// A kind of ours, and what Zato knows of it.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Family and kind as in the names of our services.
    pub(crate) title: &'static str,
    pub(crate) family: Family,
    pub(crate) kind: &'static str,
    /// Settings that have the same name and meaning in both.
    pub(crate) settings: &'static [&'static str],
}

/// What is done to objects of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    Create,
    Edit,
    Delete,
    List,
    Get,
    ChangePassword,
}

pub(crate) async fn run(verb: Verb, kind: &Kind, call: Call) -> Answer {
    match verb {
        Verb::Create => create(kind, call).await,
        Verb::Edit => edit(kind, call).await,
        Verb::Delete => delete(kind, call).await,
        Verb::List => list(kind, call).await,
        Verb::Get => get(kind, call).await,
        Verb::ChangePassword => change_password(kind, call).await,
    }
}

impl Kind {
    fn service(&self, verb: &str) -> String {
        format!("busker.{}.{verb}", self.title)
    }

    /// Settings out of a call.
    fn settings_of(&self, call: &Call) -> Map<String, Value> {
        let given = self.settings.iter().filter_map(|name| {
            let value = call.get(name)?;
            Some(((*name).to_owned(), value.clone()))
        });
        given.collect()
    }

    /// An object of ours as Zato shows it.
    fn shown(&self, object: &Value) -> Value {
        let mut shown = identity(object);
        shown["is_active"] = object["active"].clone();
        for name in self.settings {
            shown[*name] = object["settings"][*name].clone();
        }
        shown
    }

    async fn name_of(&self, call: &Call) -> Result<String, Fault> {
        Ok(call.object(self.family, &[self.kind]).await?.key.name)
    }
}

async fn create(kind: &Kind, call: Call) -> Answer {
    let mut settings = kind.settings_of(&call);
    settings.insert("password".to_owned(), json!(random_password()?));
    let input = json!({
        "name": call.text("name"),
        "active": call.flag("is_active"),
        "settings": settings,
    });
    Ok(identity(&call.ours(&kind.service("create"), input).await?))
}

async fn edit(kind: &Kind, call: Call) -> Answer {
    let input = json!({
        "name": kind.name_of(&call).await?,
        "new_name": call.text("name"),
        "active": call.flag("is_active"),
        "settings": kind.settings_of(&call),
    });
    Ok(identity(&call.ours(&kind.service("edit"), input).await?))
}

async fn delete(kind: &Kind, call: Call) -> Answer {
    let input = json!({"name": kind.name_of(&call).await?});
    call.ours(&kind.service("delete"), input).await
}

async fn list(kind: &Kind, call: Call) -> Answer {
    let objects = call.every(&kind.service("list")).await?;
    Ok(objects.iter().map(|object| kind.shown(object)).collect())
}

async fn get(kind: &Kind, call: Call) -> Answer {
    let input = json!({"name": kind.name_of(&call).await?});
    Ok(kind.shown(&call.ours(&kind.service("get"), input).await?))
}

async fn change_password(kind: &Kind, call: Call) -> Answer {
    let wrong = match (call.given("password1"), call.given("password2")) {
        (None, _) => Some("Password must not be empty"),
        (_, None) => Some("Password must be repeated"),
        (first, second) => (first != second).then_some("Passwords need to be the same"),
    };
    if let Some(message) = wrong {
        return Err(Fault::invalid(message));
    }
    let input = json!({
        "name": kind.name_of(&call).await?,
        "password1": call.text("password1"),
        "password2": call.text("password2"),
    });
    call.ours(&kind.service("change-password"), input).await
}

fn random_password() -> Result<String, Fault> {
    let mut bytes = [0_u8; PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Fault::internal("no password could be made").operator(format!("no random bytes: {error}"))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
