//! Invitations of new nodes: what such a node needs, sealed, until it comes for it. Each is used once.

use busker_kit::clock::unix_ms;
use futures::FutureExt;

use crate::error::{OdbError, Result};
use crate::odb::{Odb, one};
use crate::random;
use crate::value::values;

/// Invitations that may be open at once.
pub const INVITATIONS: i64 = 64;

/// What an invitation held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Name of the node.
    pub node: String,
    /// What it needs, sealed for [`Joins::place`] by the vault of the inviter's token.
    pub sealed: String,
}

const FORGET: &str = "DELETE FROM join_invitation WHERE expires_ms <= $1";
const COUNT: &str = "SELECT COUNT(*) FROM join_invitation";
const INVITE: &str =
    "INSERT INTO join_invitation (id, node, sealed, expires_ms) VALUES ($1, $2, $3, $4)";
const TAKE: &str =
    "DELETE FROM join_invitation WHERE id = $1 AND expires_ms > $2 RETURNING node, sealed";

/// Operations on invitations.
#[derive(Debug, Clone, Copy)]
pub struct Joins<'a>(&'a Odb);

impl<'a> Joins<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// The place that an invitation's contents are sealed for.
    #[must_use]
    pub fn place(node: &str) -> String {
        format!("join/{node}")
    }

    /// Keeps an invitation until `expires_ms`; answers its id.
    ///
    /// # Errors
    /// `Conflict` when [`INVITATIONS`] are open already.
    pub async fn invite(&self, invitation: Invitation, expires_ms: i64) -> Result<String> {
        let id = random::hex::<16>()?;
        let kept = id.clone();
        self.0
            .write(move |tx| {
                async move {
                    tx.query(FORGET, values![unix_ms()]).await?;
                    if one(tx.query(COUNT, Vec::new()).await?, "count")?.int()? >= INVITATIONS {
                        return Err(OdbError::Conflict(format!(
                            "{INVITATIONS} invitations of nodes are open already: wait until some have expired"
                        )));
                    }
                    let row = values![kept, invitation.node, invitation.sealed, expires_ms];
                    tx.query(INVITE, row).await.map(drop)
                }
                .boxed()
            })
            .await?;
        Ok(id)
    }

    /// Takes an invitation; nobody can take it again.
    ///
    /// # Errors
    /// `NotFound` when it was taken, has expired, or never was.
    pub async fn take(&self, id: &str) -> Result<Invitation> {
        let rows = self.0.query(TAKE, values![id, unix_ms()]).await?;
        let mut row = one(rows, "an invitation that is open")?;
        Ok(Invitation {
            node: row.text()?,
            sealed: row.text()?,
        })
    }
}
