//! A node with Rust services of its own beside the samples, as the author of such services builds one. Those here fail.
//! Argument: folder of a node.

use std::process::ExitCode;

use busker_integration_tests::run_node;
use busker_service::Registry;
use busker_service::prelude::*;

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
    let mut services = Registry::default();
    busker_samples::register(&mut services)?;
    services.add(Panics)?;
    services.add(Hangs)?;
    run_node("faulty-node", services).await
}
