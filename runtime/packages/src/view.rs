//! What a node shows of its packages.

use std::sync::Arc;

use busker_service::Engine;
use serde::Serialize;
use serde_json::{Value, json};

/// A package as it fares on this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PackageView {
    pub(crate) package: i64,
    pub(crate) name: String,
    pub(crate) generation: i64,
    /// `live`, `failed` or `waiting`.
    pub(crate) state: &'static str,
    /// Why, when it is not live.
    pub(crate) message: Option<String>,
    /// Older package that serves in its place.
    pub(crate) instead: Option<i64>,
}

/// A static source that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StaticView {
    pub(crate) path: String,
    pub(crate) message: String,
}

/// Everything, as of the last pass.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct View {
    /// Generation that serves, by engine.
    pub(crate) generations: Vec<(&'static str, Option<u64>)>,
    pub(crate) packages: Vec<PackageView>,
    pub(crate) static_faults: Vec<StaticView>,
    /// Why the last pass did not come to its end.
    pub(crate) trouble: Option<String>,
}

impl View {
    pub(crate) fn json(&self, engines: &[Arc<dyn Engine>]) -> Value {
        let engines: Vec<Value> = engines.iter().map(|engine| engine.status()).collect();
        let generations: serde_json::Map<String, Value> = self
            .generations
            .iter()
            .map(|(engine, number)| ((*engine).to_owned(), json!(number)))
            .collect();
        json!({
            "generations": generations,
            "packages": self.packages,
            "static_faults": self.static_faults,
            "trouble": self.trouble,
            "engines": engines,
        })
    }
}
