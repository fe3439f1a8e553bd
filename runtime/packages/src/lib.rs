//! Hot deploy of service code: a file is verified, stored in the operational database and live on every node.
//!
//! Two actors do it. The *deployer* takes deploys, deletes and rollbacks one at a time and keeps what this node serves
//! equal to the active packages of the database: it loads a new generation beside the old one, switches, and lets the
//! old one drain. The *pickup* watches a folder and hands its files over. This crate runs no service code itself: that
//! is the affair of an [`Engine`](busker_service::Engine), whose gates are filled through
//! [`ServiceFamily`](busker_services::ServiceFamily).
//!
//! Start with [`Packages`], then `work.rs` (one pass) and `stage.rs` (from a set of packages to a generation that serves).

mod archive;
mod candidate;
mod deployer;
mod generations;
mod jobs;
mod packages;
mod pickup;
mod refusals;
mod reports;
mod shelf;
mod stage;
mod statics;
mod view;
mod work;

pub use archive::{PACKAGE_FILES, UNPACKED_BYTES};
pub use deployer::{DEPLOYS_WAITING, PASS_EVERY};
pub use generations::RETIRE_GRACE;
pub use packages::{Deployed, Packages, Parts};
pub use pickup::{PICKUP_USER, RESCAN_EVERY, STABLE_FOR};
