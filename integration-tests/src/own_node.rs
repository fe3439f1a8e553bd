//! A node with Rust services of its own beside the samples, as the author of such services builds one.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use busker_node::NodeConfig;
use busker_service::Registry;
use busker_telemetry::TelemetryConfig;

/// Runs the node whose folder is this program's argument, until it is told to stop.
///
/// # Errors
/// What keeps it from running.
pub async fn run_node(name: &str, services: Registry) -> anyhow::Result<ExitCode> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("TLS was set up twice"))?;
    let dir = std::env::args_os()
        .nth(1)
        .context("the folder of a node is missing")?;
    let config = NodeConfig::load(&PathBuf::from(dir))?;
    let _telemetry = busker_telemetry::init(TelemetryConfig {
        log_file: Some(config.log_path()),
        stderr: false,
        log_level: config.telemetry.log_level.clone(),
        otlp_endpoint: None,
        service_name: name.to_owned(),
        node: config.node.name.clone(),
    })?;
    busker_kit::install_panic_hook();
    let ended = busker_node::run(config, services).await;
    Ok(ExitCode::from(ended.map_err(|fault| anyhow!("{fault}"))?))
}
