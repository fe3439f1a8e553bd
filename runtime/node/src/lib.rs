//! A node: boot steps in order, the HTTP fronts, and the way down again.
//!
//! It joins the crates below it and decides nothing of theirs. The command line starts one with [`run`]; a Rust program
//! with services of its own does the same with its own [`busker_service::Registry`]. Start with `boot`, then
//! `serving` for the routes and `front` for the way of a request.

mod address;
mod answer;
mod api;
mod body;
mod boot;
mod bus;
mod cluster;
mod config;
mod credentials;
mod feed;
mod front;
mod gatekeeper;
mod ground;
mod interpreter;
mod listener;
mod lockout;
mod meter;
mod node;
mod patience;
mod ports;
mod pulse;
mod rates;
mod readiness;
mod recorder;
mod refusal;
mod serving;
mod soap_api;
mod socket;
mod tls;
mod zato;

pub use boot::{EXIT_GAVE_UP, run};
pub use bus::redis_facts;
pub use busker_bus::RedisFacts;
pub use config::{
    BUS_PASSWORD_VARIABLE, BusSection, CONFIG_FILE, ClusterSection, ClusterTransport, ConfigError,
    ConfigFault, LimitsSection, Listener, NodeConfig, NodeSection, ODB_PASSWORD_VARIABLE,
    OdbSection, PYTHON_VARIABLE, PythonSection, REDIS_PASSWORD_VARIABLE, SEALED_FILE_PLACE,
    ServicesSection, TelemetrySection, TlsFiles, ZatoFace, environment, redis_url, variable,
    wrong_name,
};
pub use interpreter::interpreter;
pub use tls::check_pair;
