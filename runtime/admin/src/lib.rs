//! The admin services: every operation on a cluster, invoked like any other service.
//!
//! Create, edit, delete, get, list, ping and change-password of each kind come from the catalog ([`crud`]); the rest is
//! one hand-written file per noun. The node is reached through [`ports`], which it implements. This crate listens on
//! nothing and authenticates nobody: a request brings its principal along, and [`operation`] holds its role against what
//! the service asks for. Start with [`services`], which makes the runners, and [`operations`], which describes them.

pub mod crud;
pub mod input;
pub mod openapi;
pub mod operation;
pub mod page;
pub mod ports;
mod runner;
pub mod soap;

mod answers;
mod audit;
mod changes;
mod clusters;
mod crypto;
mod describe;
mod dictionaries;
mod enmasse;
mod guard;
mod jobs;
mod messages;
mod nodes;
mod objects;
mod packages;
mod redis;
mod revisions;
mod samples;
mod security;
mod services_deployed;
mod services_invoke;
mod services_run;
mod services_wsdl;
mod tokens;
mod trees;
mod users;

use std::sync::Arc;

use busker_catalog::Catalog;
use busker_model::NameError;
use busker_service::Runner;

pub use operation::{AdminService, Call};
pub use ports::AdminDeps;

/// All admin services, sorted by name; they need no node to be described.
#[must_use]
pub fn operations(catalog: &Catalog) -> Vec<AdminService> {
    let mut all: Vec<AdminService> = catalog.iter().flat_map(crud::operations).collect();
    all.extend(audit::operations());
    all.extend(clusters::operations());
    all.extend(crypto::operations());
    all.extend(dictionaries::operations());
    all.extend(enmasse::operations());
    all.extend(jobs::operations());
    all.extend(messages::operations());
    all.extend(nodes::operations());
    all.extend(objects::operations());
    all.extend(packages::operations());
    all.extend(redis::operations());
    all.extend(revisions::operations());
    all.extend(samples::operations());
    all.push(security::list());
    all.extend(services_deployed::operations());
    all.extend(services_invoke::operations());
    all.extend(services_run::operations());
    all.extend(services_wsdl::operations());
    all.extend(tokens::operations());
    all.extend(trees::operations());
    all.extend(users::operations());
    all.push(describe::operation(&all));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The runners of all admin services, to be published beside every other service.
///
/// # Errors
/// When a kind of the catalog has a name that cannot be part of a service's.
pub fn services(deps: AdminDeps) -> Result<Vec<Arc<dyn Runner>>, NameError> {
    let all = operations(&deps.catalog);
    let deps = Arc::new(deps);
    all.into_iter()
        .map(|operation| runner::expose(operation, &deps))
        .collect()
}
