//! A node with a Rust service of typed input and output beside the samples, as the author of such a service builds one.
//! Argument: folder of a node.

use std::process::ExitCode;

use busker_integration_tests::run_node;
use busker_service::Registry;
use busker_service::prelude::*;

/// What [`Reckons`] takes.
#[derive(Deserialize, SimpleIo)]
struct Asked {
    /// A number that no float holds.
    count: i64,
    /// A fraction.
    ratio: f64,
    /// Whether to turn the sign.
    negate: bool,
    /// A word for the answer.
    note: Option<String>,
    /// Names to count.
    names: Vec<String>,
}

/// What [`Reckons`] answers.
#[derive(Serialize, SimpleIo)]
struct Reckoned {
    /// The number and the count of the names.
    count: i64,
    /// Half of the fraction.
    ratio: f64,
    /// What was asked for.
    negated: bool,
    /// The word, if there was one.
    note: Option<String>,
    /// The names, in capitals.
    names: Vec<String>,
}

/// Reckons.
struct Reckons;

impl Service for Reckons {
    const NAME: &'static str = "typed.reckon-it";
    const DOC: &'static str = "Reckons with numbers & names.";
    type Input = Asked;
    type Output = Reckoned;

    async fn handle(&self, _ctx: &Context, asked: Asked) -> Result<Reckoned, Fault> {
        let names = i64::try_from(asked.names.len()).unwrap_or(i64::MAX);
        let count = asked.count.checked_add(names);
        let count = count.ok_or_else(|| Fault::invalid("count: is too large"))?;
        Ok(Reckoned {
            count: if asked.negate { -count } else { count },
            ratio: asked.ratio / 2.0,
            negated: asked.negate,
            note: asked.note,
            names: asked.names.iter().map(|name| name.to_uppercase()).collect(),
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut services = Registry::default();
    busker_samples::register(&mut services)?;
    services.add(Reckons)?;
    run_node("typed-node", services).await
}
