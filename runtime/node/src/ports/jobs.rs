//! Runs jobs, for those who ask over the API and for the scheduler itself.

use busker_admin::ports::JobControl;
use busker_model::{Fault, Reply, Request};
use busker_scheduler::{Executed, Scheduler};
use busker_service::BoxFuture;
use busker_services::Directory;

/// Asks the scheduler of this node.
#[derive(Debug)]
pub(crate) struct Jobs(pub(crate) Scheduler);

impl JobControl for Jobs {
    fn execute(&self, number: i64) -> BoxFuture<'static, Result<Executed, Fault>> {
        let scheduler = self.0.clone();
        Box::pin(async move { scheduler.execute(number).await })
    }
}

/// Runs a service where its end is waited for; when that is dropped, so is the work.
#[derive(Debug)]
pub(crate) struct Attached(pub(crate) Directory);

impl busker_scheduler::Attached for Attached {
    fn run(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        let directory = self.0.clone();
        Box::pin(async move { directory.call_attached(request).await })
    }
}
