//! Runs invocations of the bus on the services of this node.

use std::time::Duration;

use busker_bus::Worker;
use busker_bus::intake::Room;
use busker_model::bus::Envelope;
use busker_model::{Fault, Origin, Reply, ServiceDefinition, ServiceName};
use busker_service::{BoxFuture, Invoker};
use busker_services::{Directory, request_of};
use tokio::sync::watch;

/// Longest run of an invocation without a deadline; services have shorter timeouts of their own.
const RUN_MAX: Duration = Duration::from_secs(3_600);

/// Code and generation of a service, for people.
pub(crate) fn version_of(definition: &ServiceDefinition) -> String {
    let code = match &definition.origin {
        Origin::Internal | Origin::Rust => definition.impl_name.clone(),
        Origin::Python { package, file, .. } => {
            format!("{} of {file}, package {package}", definition.impl_name)
        }
    };
    format!("{code}, generation {}", definition.generation)
}

/// The directory, as the intake sees it.
#[derive(Debug)]
pub(crate) struct BusWorker(pub(crate) Directory);

impl Worker for BusWorker {
    fn rooms(&self) -> Vec<Room> {
        let open = |entry: &std::sync::Arc<busker_services::Entry>| entry.closed.is_none();
        let all = self.0.all();
        let rooms = all.iter().filter(|entry| open(entry)).map(|entry| Room {
            service: entry.runner.definition().name.clone(),
            free: entry.gate.free(),
            limit: entry.gate.limit(),
        });
        rooms.filter(|room| room.free > 0).collect()
    }

    fn run(&self, envelope: Envelope) -> BoxFuture<'static, Result<Reply, Fault>> {
        self.0.invoke(request_of(envelope, RUN_MAX))
    }

    fn version(&self, service: &ServiceName) -> Option<String> {
        let definition = self.0.definition(service.as_str())?;
        Some(version_of(&definition))
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
