//! The book of nonces that all nodes share: the ODB.

use std::future::Future;
use std::pin::Pin;

use busker_model::Fault;
use busker_odb::Odb;
use busker_security::{NonceBook, Once};

/// It.
#[derive(Debug)]
pub(crate) struct Nonces(pub(crate) Odb);

impl NonceBook for Nonces {
    fn claim(&self, once: Once) -> Pin<Box<dyn Future<Output = Result<bool, Fault>> + Send + '_>> {
        let odb = self.0.clone();
        Box::pin(async move { Ok(odb.nonces().claim(&once.id, once.until_ms).await?) })
    }
}
