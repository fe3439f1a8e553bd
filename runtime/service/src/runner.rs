//! A service as the node runs it, with its language erased.

use std::fmt;
use std::sync::Arc;

use busker_model::{Fault, Reply, ServiceDefinition};

use crate::context::Context;
use crate::ports::BoxFuture;

/// One (service, generation): knows what it is and how to run one invocation.
///
/// Permits, deadlines, SimpleIO and statistics are the gate's affair; a runner only runs.
pub trait Runner: Send + Sync + fmt::Debug + 'static {
    /// What it is.
    fn definition(&self) -> &Arc<ServiceDefinition>;

    /// Runs one invocation. The request, with its checked SimpleIO input, is in the context.
    fn run(&self, context: Context) -> BoxFuture<'static, Result<Reply, Fault>>;
}
