//! Zato's face: the public services of Zato 1.1 under their names, with their fields, envelopes and URLs, over ours.
//!
//! Each is an adapter: it calls `busker.*` services by name, on behalf of whoever called it, so that permissions, checks and
//! the audit log are those of our API. Nothing is decided here that is not about shape. What a service takes and answers with is
//! data (`row.rs`); most of what it does is too. There is no socket here: the node asks [`door::find`] which of Zato's
//! endpoints a path is, and writes answers with `busker_pipeline`. Start with [`services`].

mod call;
mod dictionary;
pub mod door;
mod http_soap;
mod ids;
mod jobs;
mod kind;
mod ping;
mod row;
mod runner;
mod samples;
mod security;
mod servers;
mod service_invoke;
mod services;
#[cfg(test)]
mod tests;
mod wording;
mod wsdl;

use std::sync::Arc;

use busker_model::NameError;
use busker_odb::Odb;
use busker_service::Runner;

use row::Row;

pub use wording::in_zatos_words;
pub use wsdl::as_file;

/// Namespace of Zato's own elements.
pub const NAMESPACE: &str = "https://zato.io/ns/20130518";
/// What the names of its services start with.
const PREFIX: &str = "zato.";
/// Id of the one cluster there is.
const CLUSTER_ID: i64 = 1;

/// Every service of the face.
fn rows() -> Vec<Row> {
    let mut all = ping::rows();
    all.extend(dictionary::rows());
    all.extend(http_soap::rows());
    all.extend(jobs::rows());
    all.extend(samples::rows());
    all.extend(security::rows());
    all.extend(servers::rows());
    all.extend(services::rows());
    all.extend(service_invoke::rows());
    all.extend(wsdl::rows());
    all
}

/// The services as runners, to be published beside every other service.
///
/// # Errors
/// When a name could not be a service's, which is a mistake in the tables.
pub fn services(odb: &Odb) -> Result<Vec<Arc<dyn Runner>>, NameError> {
    rows()
        .into_iter()
        .map(|row| runner::expose(row, odb))
        .collect()
}

/// Whether a service is one of the face, and so answers with `zato_env` wherever it is called.
#[must_use]
pub fn is_zatos(service: &str) -> bool {
    service.starts_with(PREFIX)
}
