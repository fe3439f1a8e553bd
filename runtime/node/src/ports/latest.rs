//! The configuration as it is now, for work that came to this node faster than what it needs.

use std::time::Duration;

use busker_odb::{Odb, OdbError};
use busker_outgoing::Latest;
use busker_service::BoxFuture;
use tokio::sync::watch;

/// Longest wait for this node to run what is configured.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(2);

/// Holds the revision of the cluster against that of this node.
#[derive(Debug)]
pub(crate) struct LatestRevision {
    pub(crate) odb: Odb,
    /// Revision this node runs.
    pub(crate) runs: watch::Receiver<i64>,
}

impl Latest for LatestRevision {
    fn catch_up(&self) -> BoxFuture<'static, ()> {
        let (odb, mut runs) = (self.odb.clone(), self.runs.clone());
        Box::pin(async move {
            let caught_up = tokio::time::timeout(CATCH_UP_WITHIN, async {
                let newest = odb.cluster().revision().await?;
                drop(runs.wait_for(|&now| now >= newest).await);
                Ok::<_, OdbError>(())
            });
            // Without an answer the node is as it is, and what is missing stays missing.
            if let Ok(Err(error)) = caught_up.await {
                tracing::debug!("the revision of the cluster is not known: {error}");
            }
        })
    }
}
