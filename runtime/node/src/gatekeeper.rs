//! Who is asking the public API: a bearer token, or a user with Basic Auth.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::event::Severity;
use busker_model::{Cid, ErrorClass, Fault, Principal, Secret};
use busker_odb::audit::AuditWrite;
use busker_odb::{Odb, Passwords};
use busker_telemetry::Events;
use serde_json::{Map, json};

use crate::lockout::{Lockout, Visitor};

/// What a lock-out is called in the audit log.
const LOGIN: &str = "busker.login";

/// Checks credentials against the ODB. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Gatekeeper {
    pub(crate) odb: Odb,
    pub(crate) passwords: Passwords,
    pub(crate) lockout: Lockout,
    pub(crate) events: Events,
}

impl Gatekeeper {
    /// Who is asking.
    ///
    /// # Errors
    /// `Unauthenticated` with the realm to challenge with; nothing tells which part was wrong. `Busy` with the code
    /// `locked-out` for whoever was wrong too often, even if right now.
    pub(crate) async fn principal(
        &self,
        request: &HttpRequest,
        cid: Cid,
    ) -> Result<Principal, Fault> {
        let mut sent = request.headers().get_all(AUTHORIZATION);
        let (Some(sent), None) = (sent.next(), sent.next()) else {
            return Err(wrong());
        };
        let sent = sent.to_str().map_err(|_| wrong())?;
        let (scheme, rest) = sent.split_once(' ').ok_or_else(wrong)?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.token(rest.trim()).await;
        }
        let pair = STANDARD
            .decode(rest.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = pair
            .filter(|_| scheme.eq_ignore_ascii_case("basic"))
            .ok_or_else(wrong)?;
        let (name, password) = pair.split_once(':').ok_or_else(wrong)?;
        let login = Login {
            name,
            visitor: Visitor::new(name, request.peer_addr().map(|peer| peer.ip())),
            peer: request.peer_addr().map(|peer| peer.ip().to_string()),
            cid,
        };
        self.user(login, &Secret::new(password)).await
    }

    async fn token(&self, text: &str) -> Result<Principal, Fault> {
        let token = self
            .odb
            .tokens()
            .verify(&Secret::new(text))
            .await?
            .ok_or_else(wrong)?;
        Ok(Principal::new(token.principal, Some(token.role)))
    }

    async fn user(&self, login: Login<'_>, password: &Secret) -> Result<Principal, Fault> {
        self.may_try(&login)?;
        let users = self.odb.users();
        let stored = users.password_hash(login.name).await?;
        // Hashed for a user that is not there as well: the time must not tell.
        let right = self
            .passwords
            .verify(login.name, password, stored.as_deref())
            .await?;
        // Many may have been tried at once: what they were told must not depend on which of them was right.
        self.may_try(&login)?;
        if !right {
            self.failed(&login, stored.is_some()).await;
            return Err(wrong());
        }
        self.lockout.succeeded(login.visitor);
        let user = users.get(login.name).await?;
        Ok(Principal::new(user.name, Some(user.role)))
    }

    fn may_try(&self, login: &Login<'_>) -> Result<(), Fault> {
        self.lockout
            .wait(login.visitor)
            .map_or(Ok(()), |wait| Err(locked_out(wait)))
    }

    /// A name that no user has may be anything, a password in the wrong field among them: it is not repeated.
    async fn failed(&self, login: &Login<'_>, is_known: bool) {
        let locked = self.lockout.failed(login.visitor);
        let name = if is_known { login.name } else { "" };
        for (what, wait) in [("user", locked.name), ("address", locked.peer)] {
            let Some(wait) = wait else { continue };
            let seconds = wait.as_secs();
            let message = format!(
                "Logins of one {what} are refused for {seconds} s: too many wrong passwords"
            );
            let mut fields = Map::new();
            fields.insert("what".to_owned(), json!(what));
            fields.insert("user".to_owned(), json!(name));
            fields.insert("address".to_owned(), json!(login.peer));
            fields.insert("seconds".to_owned(), json!(seconds));
            self.events
                .tell(Severity::Warning, "login-locked-out", message, fields);
            let row = AuditWrite {
                who: name.to_owned(),
                service: LOGIN.to_owned(),
                object: login.peer.clone().unwrap_or_default(),
                result: "locked-out".to_owned(),
                cid: login.cid.to_string(),
            };
            if let Err(error) = self.odb.audit().append(row).await {
                tracing::error!("a lock-out was not written to the audit log: {error:?}");
            }
        }
    }
}

/// One attempt.
struct Login<'a> {
    name: &'a str,
    visitor: Visitor,
    peer: Option<String>,
    cid: Cid,
}

fn wrong() -> Fault {
    let mut fault = Fault::new(
        ErrorClass::Unauthenticated,
        "a bearer token, or a user with Basic Auth, is needed",
    );
    fault.detail_mut().realm = Some("Busker API".to_owned());
    fault
}

fn locked_out(wait: Duration) -> Fault {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    let message = format!("too many wrong passwords: try again in {seconds} s");
    Fault::busy(message, seconds).code("locked-out")
}
