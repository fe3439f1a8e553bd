//! A node with Rust services of its own beside the samples, as the author of such services builds one. Those here invoke
//! others, and fail in ways of their own. Argument: folder of a node.

use std::process::ExitCode;

use busker_integration_tests::run_node;
use busker_service::Registry;
use busker_service::prelude::*;
use serde_json::{Value, json};

/// The service that a payload names.
fn target(input: &Value) -> &str {
    input["service"].as_str().unwrap_or_default()
}

/// Invokes a service, and answers with all it learns of its failure.
struct Catches;

impl Service for Catches {
    const NAME: &'static str = "crossing.catches";
    type Input = Value;
    type Output = Value;

    async fn handle(&self, ctx: &Context, input: Value) -> Result<Value, Fault> {
        let Err(fault) = ctx.invoke(target(&input), &input["payload"]).await else {
            return Ok(json!({"failed": false}));
        };
        let detail = fault.detail.as_ref();
        let exception = detail.and_then(|detail| detail.exception.as_ref());
        Ok(json!({
            "failed": true, "class": fault.class, "message": fault.message, "retry": fault.retry,
            "exception": exception, "violations": detail.map(|detail| &detail.violations)
        }))
    }
}

/// Invokes a service, and fails with what it fails with.
struct Passes;

impl Service for Passes {
    const NAME: &'static str = "crossing.passes";
    type Input = Value;
    type Output = Value;

    async fn handle(&self, ctx: &Context, input: Value) -> Result<Value, Fault> {
        ctx.invoke(target(&input), &input["payload"]).await?;
        Ok(json!({}))
    }
}

/// Fails by itself.
struct Fails;

impl Service for Fails {
    const NAME: &'static str = "crossing.fails";
    type Input = Value;
    type Output = Value;

    async fn handle(&self, _ctx: &Context, _input: Value) -> Result<Value, Fault> {
        Err(Fault::internal("the books do not balance").operator("account 7 is off by 3"))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut services = Registry::default();
    busker_samples::register(&mut services)?;
    services.add(Catches)?;
    services.add(Passes)?;
    services.add(Fails)?;
    run_node("crossing-node", services).await
}
