//! What a request on the wire shows of itself, as security definitions read it.

use std::rc::Rc;

use actix_web::HttpRequest;
use busker_kit::clock;
use busker_model::{ErrorClass, Fault};
use busker_security::{ClientCertificate, Shown, UsernameToken, WRONG};

/// A request, and the token of its envelope where that was read.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) token: Option<&'a UsernameToken>,
}

impl Shown for Credentials<'_> {
    fn header(&self, name: &str) -> Option<&[u8]> {
        let mut sent = self.request.headers().get_all(name);
        match (sent.next(), sent.next()) {
            (Some(one), None) => Some(one.as_bytes()),
            _ => None,
        }
    }

    fn query(&self) -> &str {
        self.request.query_string()
    }

    fn token(&self) -> Option<&UsernameToken> {
        self.token
    }

    fn certificate(&self) -> Option<&ClientCertificate> {
        self.request
            .conn_data::<Rc<ClientCertificate>>()
            .map(Rc::as_ref)
    }

    fn now_ms(&self) -> i64 {
        clock::unix_ms()
    }
}

/// A nonce that came before: on this node or on another one.
pub(crate) fn replayed() -> Fault {
    let message = "The security token was used before: its nonce is not new";
    let mut fault = Fault::new(ErrorClass::Unauthenticated, message).code(WRONG);
    fault.detail_mut().challenge = Some("zato-wss".to_owned());
    fault
}
