//! What can be configured: objects, their families and kinds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The family an object belongs to. Each family with actors has its supervisor in the tree of every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// A way in: an HTTP path, a queue that is consumed.
    Channel,
    /// A way out: a connection services call.
    Outgoing,
    /// Connection data shared by channels and outgoing connections.
    Definition,
    /// Credentials: how a caller proves who it is, or how we do.
    Security,
    /// A scheduled job.
    Job,
    /// Settings of a service (active, limits); the code is a package or built in.
    Service,
}

impl Family {
    /// All families, in the order the tree starts those that have actors.
    pub const ALL: [Self; 6] = [
        Self::Security,
        Self::Definition,
        Self::Outgoing,
        Self::Service,
        Self::Channel,
        Self::Job,
    ];

    /// The word used in service names, paths and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Outgoing => "outgoing",
            Self::Definition => "definition",
            Self::Security => "security",
            Self::Job => "job",
            Self::Service => "service",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Family {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|family| family.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a family of objects"))
    }
}

/// What names an object: unique per cluster.
///
/// `group` is the kind for most kinds; for HTTP it is the transport (`plain_http` or `soap`), so that a plain `crm`
/// and a SOAP `crm` can live side by side, as in Zato.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectKey {
    /// Family.
    pub family: Family,
    /// Kind group: see above.
    pub group: String,
    /// Name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} {:?}", self.family, self.group, self.name)
    }
}

/// One configured thing as the ODB keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// What names it.
    pub key: ObjectKey,
    /// Kind within the family: `http`, `basic-auth`, `interval`, ...
    pub kind: String,
    /// Number minted when it was created, never reused, kept on rename; what Zato's clients call `id`.
    pub number: i64,
    /// Whether it takes part; an inactive object keeps its settings and refuses work.
    pub active: bool,
    /// Settings: a JSON object whose shape its kind checks. Secrets in it are sealed (see `busker-odb`).
    pub settings: serde_json::Value,
    /// Cluster revision of its last write.
    pub revision: i64,
}

/// A reference from one object to another by name, kept so that something in use is not deleted unseen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// Settings field that holds the name.
    pub field: String,
    /// Family of the target.
    pub family: Family,
    /// Kind group of the target; empty means any.
    pub group: String,
    /// Name of the target.
    pub name: String,
    /// Whether the target must exist when the object is written (a service may come later).
    pub required: bool,
}

/// State of an object that lacks a secret, and code of the faults of what uses it.
pub const NEEDS_SECRET: &str = "needs-secret";

/// One fault found in settings: which field, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Path of the field, such as `settings.timeout_ms`.
    pub field: String,
    /// What is wrong and what is accepted.
    pub message: String,
}

impl Violation {
    /// A fault of one field.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
