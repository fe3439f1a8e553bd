//! Bearer tokens and console sessions. The text is shown once; only its SHA-256 is kept.

use busker_kit::clock::unix_ms;
use busker_model::Secret;
use busker_model::invocation::Role;
use futures::FutureExt;
use serde::Serialize;

use crate::error::{OdbError, Result};
use crate::odb::{Odb, one};
use crate::random;
use crate::users::{role_of, role_word};
use crate::value::{Row, values};

/// Tokens and sessions one principal may hold at once.
pub const TOKENS_PER_PRINCIPAL: i64 = 256;
/// What every token starts with, so that a leaked one is recognised.
pub const TOKEN_PREFIX: &str = "bsk_";
/// How long a revoked or expired token stays in lists: 7 days, in milliseconds.
pub const ENDED_TOKEN_KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// A client's bearer token.
    Bearer,
    /// A browser's session.
    Session,
}

/// A token without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Names it for `revoke`.
    pub id: String,
    /// What it is for.
    pub kind: TokenKind,
    /// Who it speaks for: a user, or a name of its own such as `cli`.
    pub principal: String,
    /// What its bearer may do; never more than its user may.
    pub role: Role,
    /// What people call it.
    pub name: String,
    /// Epoch milliseconds.
    pub created_ms: i64,
    /// Epoch milliseconds; `None` means never.
    pub expires_ms: Option<i64>,
    /// Epoch milliseconds; `None` means it holds.
    pub revoked_ms: Option<i64>,
}

/// What to mint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenWrite {
    /// What it is for.
    pub kind: TokenKind,
    /// Who it speaks for.
    pub principal: String,
    /// What its bearer may do.
    pub role: Role,
    /// What people call it.
    pub name: String,
    /// Epoch milliseconds; `None` means never.
    pub expires_ms: Option<i64>,
}

const FORGET: &str = "DELETE FROM api_token WHERE expires_ms < $1 OR revoked_ms < $1";
const COUNT: &str = "SELECT COUNT(*) FROM api_token WHERE principal = $1 \
    AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $2)";
const MINT: &str = "INSERT INTO api_token \
    (hash, id, kind, principal, role, name, created_ms, expires_ms) \
    VALUES ($8, $1, $2, $3, $4, $5, $6, $7) \
    RETURNING id, kind, principal, role, name, created_ms, expires_ms, revoked_ms";
const VERIFY: &str = "SELECT t.id, t.kind, t.principal, t.role, t.name, t.created_ms, \
    t.expires_ms, t.revoked_ms, u.role FROM api_token t \
    LEFT JOIN app_user u ON u.name = t.principal \
    WHERE t.revoked_ms IS NULL AND (t.expires_ms IS NULL OR t.expires_ms > $2) AND t.hash = $1 \
    AND (u.active IS NULL OR u.active = TRUE)";
const LIST: &str = "SELECT id, kind, principal, role, name, created_ms, expires_ms, revoked_ms \
    FROM api_token WHERE kind = $2 AND ($1 = '' OR principal = $1) ORDER BY created_ms, id";
const REVOKE: &str =
    "UPDATE api_token SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL RETURNING id";
const REVOKE_ALL: &str = "UPDATE api_token SET revoked_ms = $3 \
    WHERE principal = $1 AND kind = $2 AND revoked_ms IS NULL RETURNING id";

/// Operations on tokens.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a>(&'a Odb);

impl<'a> Tokens<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Mints a token; its text cannot be had again.
    ///
    /// # Errors
    /// `Conflict` when the principal holds [`TOKENS_PER_PRINCIPAL`] already.
    pub async fn mint(&self, write: TokenWrite) -> Result<(Token, Secret)> {
        let text = Secret::new(format!("{TOKEN_PREFIX}{}", random::base64::<32>()?));
        let hash = random::sha256(text.expose().as_bytes());
        let id = random::hex::<8>()?;
        let now = unix_ms();
        let token = self
            .0
            .write(move |tx| {
                async move {
                    tx.query(FORGET, values![now - ENDED_TOKEN_KEPT_MS]).await?;
                    let held = tx
                        .query(COUNT, values![write.principal.as_str(), now])
                        .await?;
                    if one(held, "count")?.int()? >= TOKENS_PER_PRINCIPAL {
                        return Err(OdbError::Conflict(format!(
                            "{:?} holds {TOKENS_PER_PRINCIPAL} tokens already: revoke one",
                            write.principal
                        )));
                    }
                    let row = values![
                        id,
                        kind_word(write.kind),
                        write.principal,
                        role_word(write.role),
                        write.name,
                        now,
                        write.expires_ms,
                        hash
                    ];
                    token_of(&mut one(tx.query(MINT, row).await?, "token")?)
                }
                .boxed()
            })
            .await?;
        Ok((token, text))
    }

    /// The token with that text, with the role that holds now; `None` when there is none, it has ended, or its user is
    /// inactive.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn verify(&self, text: &Secret) -> Result<Option<Token>> {
        if !text.expose().starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        let hash = random::sha256(text.expose().as_bytes());
        let Some(mut row) = self.0.query(VERIFY, values![hash, unix_ms()]).await?.pop() else {
            return Ok(None);
        };
        let mut token = token_of(&mut row)?;
        if let Some(word) = row.opt_text()? {
            token.role = token.role.min(role_of(&word)?);
        }
        Ok(Some(token))
    }

    /// Tokens of a kind, of one principal or all, ended ones too for [`ENDED_TOKEN_KEPT_MS`].
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn list(&self, kind: TokenKind, principal: Option<&str>) -> Result<Vec<Token>> {
        let query = values![principal.unwrap_or_default(), kind_word(kind)];
        let rows = self.0.query(LIST, query).await?;
        rows.into_iter().map(|mut row| token_of(&mut row)).collect()
    }

    /// Ends a token.
    ///
    /// # Errors
    /// `NotFound` when there is none that holds.
    pub async fn revoke(&self, id: &str) -> Result<()> {
        let rows = self.0.query(REVOKE, values![id, unix_ms()]).await?;
        one(rows, &format!("token {id:?}")).map(drop)
    }

    /// Ends all tokens of a kind of a principal, as after a change of password; answers how many.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn revoke_all(&self, kind: TokenKind, principal: &str) -> Result<usize> {
        let query = values![principal, kind_word(kind), unix_ms()];
        Ok(self.0.query(REVOKE_ALL, query).await?.len())
    }
}

fn token_of(row: &mut Row) -> Result<Token> {
    Ok(Token {
        id: row.text()?,
        kind: kind_of(&row.text()?)?,
        principal: row.text()?,
        role: role_of(&row.text()?)?,
        name: row.text()?,
        created_ms: row.int()?,
        expires_ms: row.opt_int()?,
        revoked_ms: row.opt_int()?,
    })
}

const fn kind_word(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Bearer => "bearer",
        TokenKind::Session => "session",
    }
}

fn kind_of(word: &str) -> Result<TokenKind> {
    match word {
        "bearer" => Ok(TokenKind::Bearer),
        "session" => Ok(TokenKind::Session),
        other => Err(OdbError::corrupt(format!("token kind {other:?}"))),
    }
}
