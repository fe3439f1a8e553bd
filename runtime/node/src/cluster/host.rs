//! What other nodes may ask of this one.

use busker_admin::ports::NodeControl;
use busker_membership::gateway::{Answer, Host, Question};
use busker_model::Fault;
use busker_service::BoxFuture;

use crate::ground::Ground;
use crate::ports::{Control, restart_here, stop_here};

/// Answers them.
#[derive(Debug)]
pub(super) struct NodeHost(pub(super) Ground);

impl Host for NodeHost {
    fn answer(&self, question: Question) -> BoxFuture<'static, Result<Answer, Fault>> {
        Box::pin(answer(self.0.clone(), question))
    }
}

async fn answer(ground: Ground, question: Question) -> Result<Answer, Fault> {
    match question {
        // A hint says only that there is something to read, which reconcile does by itself as well.
        Question::Ping | Question::Hint(_) => {}
        Question::Tree { prefix, limit } => {
            return Ok(Answer::Tree(ground.tree.snapshot(prefix.as_deref(), limit)));
        }
        Question::Drain => Control(ground).drain().await?,
        Question::Resume => Control(ground).resume().await?,
        Question::Restart(path) => restart_here(ground.root, path).await?,
        Question::Stop(path) => stop_here(ground.root, path).await?,
    }
    Ok(Answer::Done)
}
