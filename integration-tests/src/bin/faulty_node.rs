//! A node with Rust services of its own beside the samples, as the author of such services builds one. Those here fail.
//! Argument: folder of a node.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use busker_node::NodeConfig;
use busker_service::Registry;
use busker_service::prelude::*;
use busker_telemetry::TelemetryConfig;

/// Payload with which they work.
const CALM: &[u8] = b"calm";

/// Panics.
struct Panics;

impl Service for Panics {
    const NAME: &'static str = "faulty.panics";
    type Input = Raw;
    type Output = Raw;

    #[expect(clippy::panic, reason = "this is what it is for")]
    async fn handle(&self, _ctx: &Context, input: Raw) -> Result<Raw, Fault> {
        if input.0 == CALM {
            return Ok(input);
        }
        panic!("a panic on purpose");
    }
}

/// Never answers, but yields.
struct Hangs;

impl Service for Hangs {
    const NAME: &'static str = "faulty.hangs";
    type Input = Raw;
    type Output = Raw;

    async fn handle(&self, _ctx: &Context, input: Raw) -> Result<Raw, Fault> {
        if input.0 != CALM {
            std::future::pending::<()>().await;
        }
        Ok(input)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
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
        service_name: "faulty-node".to_owned(),
        node: config.node.name.clone(),
    })?;
    busker_kit::install_panic_hook();
    let mut services = Registry::default();
    busker_samples::register(&mut services)?;
    services.add(Panics)?;
    services.add(Hangs)?;
    let ended = busker_node::run(config, services).await;
    Ok(ExitCode::from(ended.map_err(|fault| anyhow!("{fault}"))?))
}
