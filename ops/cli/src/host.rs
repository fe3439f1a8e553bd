//! The one file that starts a node, in this process.
//!
//! Everything before the node itself belongs to the process: its pid file, its log, its services written in Rust.

use busker_node::NodeConfig;
use busker_service::Registry;
use busker_telemetry::TelemetryConfig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::exit::{Exit, Failure};
use crate::pid::PidLock;

/// Runs a node until it is told to stop; answers the exit code.
pub(crate) async fn run(config: NodeConfig, foreground: bool) -> Result<u8, Failure> {
    let _pid = PidLock::take(&config).await?;
    let _telemetry = busker_telemetry::init(TelemetryConfig {
        log_file: Some(config.log_path()),
        stderr: foreground,
        log_level: config.telemetry.log_level.clone(),
        otlp_endpoint: config.telemetry.otlp_endpoint.clone(),
        service_name: "busker".to_owned(),
        node: config.node.name.clone(),
    })
    .map_err(|error| Failure::new(Exit::Invalid, error.to_string()))?;
    busker_kit::install_panic_hook();
    raise_open_files();
    let mut services = Registry::default();
    busker_samples::register(&mut services)
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let name = config.node.name.clone();
    let ended = busker_node::run(config, services).await;
    if let Err(fault) = &ended {
        tracing::error!("Node {name} does not run: {fault:?}");
    }
    Ok(ended?)
}

/// Each connection is an open file, and many systems allow 1,024 unless a process asks for all it may have.
fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!("the limit of open files could not be raised: {error}");
    }
}
