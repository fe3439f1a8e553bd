//! Who a node is: its configured name, and which of its boots this is.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One boot of one node. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberId {
    /// Name, unique in the cluster.
    pub name: Arc<str>,
    /// Made anew at each boot.
    pub incarnation: Arc<str>,
}

impl MemberId {
    /// An id.
    #[must_use]
    pub fn new(name: &str, incarnation: &str) -> Self {
        Self {
            name: name.into(),
            incarnation: incarnation.into(),
        }
    }

    /// Reads `name@incarnation`, as [`fmt::Display`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, incarnation) = text.rsplit_once('@')?;
        Some(Self::new(name, incarnation))
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.incarnation)
    }
}

impl From<MemberId> for String {
    fn from(id: MemberId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for MemberId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("is no name@incarnation")
    }
}
