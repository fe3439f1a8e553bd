//! The explicit list of services built into a node.

use std::sync::Arc;

use busker_model::NameError;

use crate::runner::Runner;
use crate::service::{RustRunner, Service};

/// Services built into a node, in the order they were registered. A list you can read beats one found by the linker.
#[derive(Debug, Default)]
pub struct Registry {
    runners: Vec<Arc<dyn Runner>>,
}

impl Registry {
    /// Adds a service.
    ///
    /// # Errors
    /// When its name is not a service name, or is registered already.
    pub fn add<S: Service>(&mut self, service: S) -> Result<(), NameError> {
        self.push(Arc::new(RustRunner::new(service)?))
    }

    /// Adds a runner.
    ///
    /// # Errors
    /// When its name is registered already.
    pub fn push(&mut self, runner: Arc<dyn Runner>) -> Result<(), NameError> {
        let name = &runner.definition().name;
        if self
            .runners
            .iter()
            .any(|other| other.definition().name == *name)
        {
            return Err(NameError {
                name: name.to_string(),
                reason: "is registered twice",
            });
        }
        self.runners.push(runner);
        Ok(())
    }

    /// The list.
    #[must_use]
    pub fn into_runners(self) -> Vec<Arc<dyn Runner>> {
        self.runners
    }
}
