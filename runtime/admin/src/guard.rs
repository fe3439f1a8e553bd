//! The guard of a cluster: its name has to be typed before something is taken away.
//!
//! It keeps people from taking one cluster for another; it keeps nobody out.

use busker_model::{ErrorClass, Fault};
use busker_odb::OdbError;

use crate::operation::Call;

/// Lets a call through unless the cluster is guarded and its name was not given.
///
/// # Errors
/// `Conflict` with code `guarded`.
pub(crate) async fn confirmed(call: &Call) -> Result<(), Fault> {
    let cluster = match call.deps.odb.cluster().get().await {
        Ok(cluster) => cluster,
        // A node must be drained, and an actor stopped, without the database too; what it keeps is safe meanwhile.
        Err(OdbError::Unavailable { .. } | OdbError::Busy) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let given = call.input.opt_text("confirm");
    if !cluster.guarded || given == Some(cluster.name.as_str()) {
        return Ok(());
    }
    let message = format!(
        "confirm: the cluster {:?} is guarded; give its name to confirm",
        cluster.name
    );
    Err(Fault::new(ErrorClass::Conflict, message).code("guarded"))
}
