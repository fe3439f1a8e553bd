//! Users of the console and the public API.

use busker_model::invocation::Role;
use busker_model::{ErrorClass, Fault};
use busker_odb::tokens::TokenKind;
use busker_odb::users::UserWrite;
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::crud::write::same_twice;
use crate::input::Type;
use crate::operation::{AdminService, Call, ROLES, answer, role_of};

const USER: &[(&str, &str)] = &[
    ("name", "string"),
    ("number", "integer"),
    ("role", "string"),
    ("active", "boolean"),
    ("created_ms", "integer"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new("busker.user.create", Role::Admin, "Creates a user.", create)
            .required("name", Type::Name, "Name to log in with; without a colon.")
            .required("password", Type::Secret, "Password.")
            .optional(
                "role",
                Type::Choice(ROLES),
                "What the user may do; viewer unless given.",
            )
            .optional(
                "active",
                Type::Boolean,
                "Whether the user may log in; true unless given.",
            )
            .example(json!({"name": "ann", "password": "a long password", "role": "operator"}))
            .answers(USER)
            .bringing_code()
            .writing(),
        AdminService::new("busker.user.list", Role::Admin, "Lists users.", list)
            .answers(&[])
            .and("users", list_of(object(USER))),
        AdminService::new(
            "busker.user.delete",
            Role::Admin,
            "Deletes a user with all tokens and sessions.",
            delete,
        )
        .required("name", Type::Name, "User.")
        .example(json!({"name": "ann"}))
        .answers(&[("name", "string"), ("deleted", "boolean")])
        .destroying(),
        AdminService::new(
            "busker.user.change-password",
            Role::Admin,
            "Changes the password of a user, and ends the user's sessions.",
            change_password,
        )
        .required("name", Type::Name, "User.")
        .required("password1", Type::Secret, "New password.")
        .required("password2", Type::Secret, "The same again.")
        .example(
            json!({"name": "ann", "password1": "a new password", "password2": "a new password"}),
        )
        .answers(&[("name", "string"), ("changed", "boolean")])
        .bringing_code()
        .writing(),
        AdminService::new(
            "busker.user.set-role",
            Role::Admin,
            "Changes what a user may do.",
            set_role,
        )
        .required("name", Type::Name, "User.")
        .required("role", Type::Choice(ROLES), "What the user may do.")
        .optional("active", Type::Boolean, "Whether the user may log in.")
        .example(json!({"name": "ann", "role": "developer"}))
        .answers(USER)
        .bringing_code()
        .writing(),
    ]
}

async fn create(call: Call) -> Result<Value, Fault> {
    let hash = call
        .deps
        .passwords
        .hash(&call.input.secret("password"))
        .await?;
    let write = UserWrite {
        name: call.input.text("name").to_owned(),
        role: call.input.opt_text("role").map_or(Role::Viewer, role_of),
        active: call.input.flag("active", true),
    };
    answer(&call.deps.odb.users().create(write, hash).await?)
}

async fn list(call: Call) -> Result<Value, Fault> {
    Ok(json!({"users": call.deps.odb.users().list().await?}))
}

async fn delete(call: Call) -> Result<Value, Fault> {
    let name = call.input.text("name");
    spare_last_admin(&call, name).await?;
    call.deps.odb.users().delete(name).await?;
    Ok(json!({"name": name, "deleted": true}))
}

async fn change_password(call: Call) -> Result<Value, Fault> {
    let password = same_twice(&call)?;
    let name = call.input.text("name");
    let odb = &call.deps.odb;
    let hash = call.deps.passwords.hash(&password).await?;
    odb.users().set_password(name, hash).await?;
    odb.tokens().revoke_all(TokenKind::Session, name).await?;
    Ok(json!({"name": name, "changed": true}))
}

async fn set_role(call: Call) -> Result<Value, Fault> {
    let name = call.input.text("name");
    let users = call.deps.odb.users();
    let write = UserWrite {
        name: name.to_owned(),
        role: role_of(call.input.text("role")),
        active: call.input.flag("active", users.get(name).await?.active),
    };
    if write.role < Role::Admin || !write.active {
        spare_last_admin(&call, name).await?;
    }
    answer(&users.edit(write).await?)
}

/// A cluster without an admin could not be given one over the API.
async fn spare_last_admin(call: &Call, name: &str) -> Result<(), Fault> {
    let users = call.deps.odb.users().list().await?;
    let mut admins = users
        .iter()
        .filter(|user| user.active && user.role == Role::Admin);
    if let (Some(only), None) = (admins.next(), admins.next())
        && only.name == name
    {
        return Err(Fault::new(
            ErrorClass::Conflict,
            format!("name: {name:?} is the last active admin; make another one first"),
        ));
    }
    Ok(())
}
