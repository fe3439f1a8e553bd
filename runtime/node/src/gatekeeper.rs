//! Who is asking the public API: a bearer token, or a user with Basic Auth.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::{ErrorClass, Fault, Principal, Secret};
use busker_odb::{Odb, Passwords};

/// Checks credentials against the ODB. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Gatekeeper {
    pub(crate) odb: Odb,
    pub(crate) passwords: Passwords,
}

impl Gatekeeper {
    /// Who is asking.
    ///
    /// # Errors
    /// `Unauthenticated` with the realm to challenge with; nothing tells which part was wrong.
    pub(crate) async fn principal(&self, request: &HttpRequest) -> Result<Principal, Fault> {
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
        self.user(name, &Secret::new(password)).await
    }

    async fn token(&self, text: &str) -> Result<Principal, Fault> {
        let token = self
            .odb
            .tokens()
            .verify(&Secret::new(text))
            .await?
            .ok_or_else(wrong)?;
        Ok(Principal {
            name: token.principal,
            role: Some(token.role),
        })
    }

    async fn user(&self, name: &str, password: &Secret) -> Result<Principal, Fault> {
        let users = self.odb.users();
        let stored = users.password_hash(name).await?;
        // Hashed for a user that is not there as well: the time must not tell.
        if !self
            .passwords
            .verify(name, password, stored.as_deref())
            .await?
        {
            return Err(wrong());
        }
        let user = users.get(name).await?;
        Ok(Principal {
            name: user.name,
            role: Some(user.role),
        })
    }
}

fn wrong() -> Fault {
    let mut fault = Fault::new(
        ErrorClass::Unauthenticated,
        "a bearer token, or a user with Basic Auth, is needed",
    );
    fault.detail_mut().realm = Some("Busker API".to_owned());
    fault
}
