//! Takes the node off traffic and puts it back.

use std::time::Duration;

use busker_admin::ports::NodeControl;
use busker_membership::gateway::Question;
use busker_model::event::Severity;
use busker_model::{ErrorClass, Fault};
use busker_service::BoxFuture;
use serde_json::Map;

use crate::ground::Ground;
use crate::node::Node;
use crate::readiness::Readiness;

/// Turns the readiness of the node.
#[derive(Debug)]
pub(crate) struct Control(pub(crate) Ground);

impl Control {
    fn turn(&self, from: Readiness, to: Readiness, words: &str) -> Result<(), Fault> {
        let name = &self.0.config.node.name;
        if !self.0.board.change(&[from, to], to) {
            let now = self.0.board.get().as_str();
            return Err(Fault::new(
                ErrorClass::Conflict,
                format!("node: {name} is {now}"),
            ));
        }
        tracing::info!("Node {name} {words}");
        self.0.events.tell(
            Severity::Info,
            "node-traffic",
            format!("node {name} {words}"),
            Map::new(),
        );
        Ok(())
    }
}

impl NodeControl for Control {
    fn drain(&self) -> BoxFuture<'static, Result<(), Fault>> {
        let turned = self.turn(
            Readiness::Ready,
            Readiness::Standby,
            "was taken off traffic",
        );
        Box::pin(std::future::ready(turned))
    }

    fn resume(&self) -> BoxFuture<'static, Result<(), Fault>> {
        let turned = self.turn(Readiness::Standby, Readiness::Ready, "takes traffic again");
        Box::pin(std::future::ready(turned))
    }
}

/// The same for this node and, by their names, for others.
#[derive(Debug)]
pub(crate) struct Controls(pub(crate) Node);

impl NodeControl for Controls {
    fn drain(&self) -> BoxFuture<'static, Result<(), Fault>> {
        Control(self.0.ground.clone()).drain()
    }

    fn resume(&self) -> BoxFuture<'static, Result<(), Fault>> {
        Control(self.0.ground.clone()).resume()
    }

    fn ask_other(
        &self,
        node: String,
        drains: bool,
    ) -> Option<BoxFuture<'static, Result<(), Fault>>> {
        let peers = self.0.peers.clone()?;
        Some(Box::pin(async move {
            let question = if drains {
                Question::Drain
            } else {
                Question::Resume
            };
            peers.ask(&node, &question).await.map(drop)
        }))
    }

    fn ping_other(&self, node: String) -> Option<BoxFuture<'static, Result<Duration, Fault>>> {
        let peers = self.0.peers.clone()?;
        Some(Box::pin(async move { peers.ping(&node).await }))
    }
}
