//! Events an operator reads beside the supervision reports: deploys, configuration, warnings.

use serde::{Deserialize, Serialize};

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth a line.
    Info,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Error,
}

/// One event, past tense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Node it happened on.
    pub node: String,
    /// Stable name, such as `package-deployed`, `object-changed`, `missing-service`.
    pub name: String,
    /// How much it matters.
    pub severity: Severity,
    /// A sentence that stands alone.
    pub message: String,
    /// Facts by name.
    #[serde(default)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}
