//! One service of one generation, as the gate runs it.

use std::sync::{Arc, Weak};

use busker_kit::clock;
use busker_model::{ErrorClass, Fault, Reply, ServiceDefinition, ServiceName};
use busker_service::{BoxFuture, Context, Runner};

use crate::connection::{Connection, Loss, Outcome, Scope};
use crate::crew::Crew;
use crate::frame::{Frame, FrameError, FromWorker};
use crate::meta::{self, ErrorObject};
use crate::quarantine::Quarantine;
use crate::segments;

/// Workers that may end before they get a request until it is given up.
const MAX_REROUTES: u32 = 8;

/// Runs invocations of one service on the workers of its generation.
#[derive(Debug)]
pub(crate) struct PythonRunner {
    definition: Arc<ServiceDefinition>,
    route: Arc<Route>,
}

/// Where a service's requests go. It lives as long as its runner or any invocation does.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) crew: Arc<Crew>,
    pub(crate) quarantine: Arc<Quarantine>,
    /// Its number in DEPLOYED.
    pub(crate) index: u32,
    pub(crate) name: ServiceName,
    pub(crate) idempotent: bool,
}

impl PythonRunner {
    pub(crate) fn new(
        definition: ServiceDefinition,
        crew: Arc<Crew>,
        quarantine: Arc<Quarantine>,
        index: u32,
    ) -> Self {
        let route = Route {
            crew,
            quarantine,
            index,
            name: definition.name.clone(),
            idempotent: definition.idempotent,
        };
        Self {
            definition: Arc::new(definition),
            route: Arc::new(route),
        }
    }

    /// Tells whether anybody can still send, or is sending, a request by this runner.
    pub(crate) fn route(&self) -> Weak<Route> {
        Arc::downgrade(&self.route)
    }
}

impl Runner for PythonRunner {
    fn definition(&self) -> &Arc<ServiceDefinition> {
        &self.definition
    }

    fn run(&self, context: Context) -> BoxFuture<'static, Result<Reply, Fault>> {
        let route = Arc::clone(&self.route);
        Box::pin(async move { route.run(context).await })
    }
}

impl Route {
    async fn run(&self, context: Context) -> Result<Reply, Fault> {
        self.quarantine.check(&self.name, clock::now)?;
        let scope = Arc::new(Scope {
            context,
            service: self.name.clone(),
        });
        let mut reroutes = 0;
        let mut retried = false;
        loop {
            match self.send(&scope).await? {
                Outcome::Answer(frame) => return self.answer(frame),
                Outcome::Expired => return Err(self.timed_out()),
                Outcome::NotWritten if reroutes < MAX_REROUTES => reroutes += 1,
                // At-most-once, unless the service says that running it twice does no harm.
                Outcome::Lost(_) if self.idempotent && !retried => retried = true,
                Outcome::Lost(loss) => return Err(self.lost(&loss)),
                Outcome::NotWritten => return Err(self.lost(&Loss::default())),
            }
        }
    }

    async fn send(&self, scope: &Arc<Scope>) -> Result<Outcome, Fault> {
        let slot = self.crew.slot(scope.context.deadline()).await?;
        let id = slot.connection().mint_id();
        let frame = segments::encode(id, self.index, scope.context.request(), clock::now())
            .map_err(unsendable)?;
        Ok(Connection::exchange(slot, id, frame, Arc::clone(scope)).await)
    }

    fn answer(&self, frame: Frame) -> Result<Reply, Fault> {
        if frame.kind == FromWorker::Error {
            let object: ErrorObject = frame.meta().map_err(|error| self.nonsense(&error))?;
            return Err(object.fault(self.name.as_str()));
        }
        meta::reply(frame).map_err(|error| self.nonsense(&error))
    }

    fn nonsense(&self, error: &FrameError) -> Fault {
        Fault::internal(format!(
            "service {} gave an answer that cannot be read",
            self.name
        ))
        .operator(error.to_string())
    }

    fn timed_out(&self) -> Fault {
        Fault::timeout(format!("service {} did not answer in time", self.name))
            .code("service-timeout")
    }

    fn lost(&self, loss: &Loss) -> Fault {
        let reason = if loss.reason.is_empty() {
            "ended"
        } else {
            &loss.reason
        };
        let message = format!(
            "the worker that ran service {} was lost: {reason}",
            self.name
        );
        let operator = format!("{}: {reason}\n{}", loss.worker, loss.stderr);
        Fault::new(ErrorClass::Unavailable, message)
            .code("worker-lost")
            .retry(self.idempotent)
            .operator(operator)
    }
}

fn unsendable(error: FrameError) -> Fault {
    Fault::new(ErrorClass::TooLarge, error.to_string())
}
