//! Takes the node off traffic and puts it back.

use busker_admin::ports::NodeControl;
use busker_model::event::Severity;
use busker_model::{ErrorClass, Fault};
use busker_service::BoxFuture;
use serde_json::Map;

use crate::ground::Ground;
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
