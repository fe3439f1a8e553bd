//! People of the console and the public API.

use busker_kit::clock::unix_ms;
use busker_model::invocation::Role;
use futures::FutureExt;
use serde::Serialize;

use crate::error::{OdbError, Result};
use crate::objects::NAME_BYTES;
use crate::odb::{Odb, one, take_ticket};
use crate::value::{Row, values};

/// A user without the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Name to log in with.
    pub name: String,
    /// Never reused.
    pub number: i64,
    /// What the user may do.
    pub role: Role,
    /// An inactive user cannot log in, and its tokens are refused.
    pub active: bool,
    /// Epoch milliseconds.
    pub created_ms: i64,
}

/// What is created or edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserWrite {
    /// Name to log in with.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Whether the user may log in.
    pub active: bool,
}

const CREATE: &str = "INSERT INTO app_user \
    (name, number, password_hash, role, active, created_ms) VALUES ($1, $6, $2, $3, $4, $5) \
    ON CONFLICT (name) DO NOTHING RETURNING name, number, role, active, created_ms";
const EDIT: &str = "UPDATE app_user SET role = $2, active = $3 WHERE name = $1 \
    RETURNING name, number, role, active, created_ms";
const SET_PASSWORD: &str =
    "UPDATE app_user SET password_hash = $2 WHERE name = $1 RETURNING number";
const GET: &str = "SELECT name, number, role, active, created_ms FROM app_user WHERE name = $1";
const HASH: &str = "SELECT password_hash FROM app_user WHERE active = TRUE AND name = $1";
const LIST: &str = "SELECT name, number, role, active, created_ms FROM app_user ORDER BY name";
const DELETE: &str = "DELETE FROM app_user WHERE name = $1 RETURNING number";
const DELETE_TOKENS: &str = "DELETE FROM api_token WHERE principal = $1";

/// Operations on users.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a>(&'a Odb);

impl<'a> Users<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Creates a user; `password_hash` comes from [`crate::Passwords::hash`].
    ///
    /// # Errors
    /// `Conflict` when the name is taken, `Invalid` when it cannot be one.
    pub async fn create(&self, write: UserWrite, password_hash: String) -> Result<User> {
        let name = write.name;
        // Basic authentication ends the user name at the first colon.
        let bad = |letter: char| letter.is_control() || letter == ':';
        if name.is_empty() || name.len() > NAME_BYTES || name.contains(bad) {
            return Err(OdbError::Invalid(format!(
                "name: 1 to {NAME_BYTES} bytes without colons and control characters"
            )));
        }
        self.0
            .write(move |tx| {
                async move {
                    let number = take_ticket(tx, 1).await?.first_number;
                    let row = values![
                        name.as_str(),
                        password_hash,
                        role_word(write.role),
                        write.active,
                        unix_ms(),
                        number
                    ];
                    let created = tx.query(CREATE, row).await?.pop();
                    let taken = || OdbError::Conflict(format!("user {name:?} exists already"));
                    user_of(created.ok_or_else(taken)?)
                }
                .boxed()
            })
            .await
    }

    /// Changes role and state.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn edit(&self, write: UserWrite) -> Result<User> {
        let edit = values![write.name.as_str(), role_word(write.role), write.active];
        user_of(one(
            self.0.query(EDIT, edit).await?,
            &format!("user {:?}", write.name),
        )?)
    }

    /// Stores another password hash.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_password(&self, name: &str, password_hash: String) -> Result<()> {
        let rows = self
            .0
            .query(SET_PASSWORD, values![name, password_hash])
            .await?;
        one(rows, &format!("user {name:?}")).map(drop)
    }

    /// The user of that name.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, name: &str) -> Result<User> {
        user_of(one(
            self.0.query(GET, values![name]).await?,
            &format!("user {name:?}"),
        )?)
    }

    /// The hash an active user's password is checked against by [`crate::Passwords::verify`]; `None` for others.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn password_hash(&self, name: &str) -> Result<Option<String>> {
        let found = self.0.query(HASH, values![name]).await?.pop();
        found.map(|mut row| row.text()).transpose()
    }

    /// All users, by name.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn list(&self) -> Result<Vec<User>> {
        self.0
            .query(LIST, Vec::new())
            .await?
            .into_iter()
            .map(user_of)
            .collect()
    }

    /// Deletes a user with all its tokens and sessions.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.0
            .write(move |tx| {
                async move {
                    let deleted = tx.query(DELETE, values![name.as_str()]).await?;
                    one(deleted, &format!("user {name:?}"))?;
                    tx.query(DELETE_TOKENS, values![name]).await.map(drop)
                }
                .boxed()
            })
            .await
    }
}

fn user_of(mut row: Row) -> Result<User> {
    Ok(User {
        name: row.text()?,
        number: row.int()?,
        role: role_of(&row.text()?)?,
        active: row.bool()?,
        created_ms: row.int()?,
    })
}

/// The word a role is stored as.
pub(crate) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Developer => "developer",
        Role::Admin => "admin",
    }
}

/// The role of a stored word.
pub(crate) fn role_of(word: &str) -> Result<Role> {
    [Role::Viewer, Role::Operator, Role::Developer, Role::Admin]
        .into_iter()
        .find(|role| role_word(*role) == word)
        .ok_or_else(|| OdbError::corrupt(format!("role {word:?}")))
}
