//! A node: boot steps in order, the HTTP fronts, and the way down again.
//!
//! It joins the crates below it and decides nothing of theirs. The command line starts one with [`run`]; a Rust program
//! with services of its own does the same with its own [`busker_service::Registry`]. Start with `boot`.

mod api;
mod boot;
mod config;
mod front;

pub use boot::{EXIT_GAVE_UP, run};
pub use config::{
    CONFIG_FILE, ConfigError, ConfigFault, LimitsSection, Listener, NodeConfig, NodeSection,
    ODB_PASSWORD_VARIABLE, OdbSection, PYTHON_VARIABLE, PythonSection, ServicesSection,
    TelemetrySection, TlsFiles, environment, variable,
};
