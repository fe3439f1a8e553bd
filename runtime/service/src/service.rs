//! The trait a Rust service implements.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use busker_model::invocation::Role;
use busker_model::sio::SimpleIo as Schema;
use busker_model::{
    Delivery, Exception, Fault, NameError, Origin, Reply, ServiceDefinition, ServiceLimits,
    ServiceName, SourceFrame,
};

use crate::context::Context;
use crate::io::{Input, Output};
use crate::ports::BoxFuture;
use crate::runner::Runner;

/// What a service declares about itself beside its types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Limits.
    pub limits: ServiceLimits,
    /// Delivery class of asynchronous invocations.
    pub delivery: Delivery,
    /// Whether an invocation that may have run can be run again.
    pub idempotent: bool,
    /// Whether it blocks or burns CPU: it then runs on threads of its own.
    pub blocking: bool,
}

/// A service: one handler, typed input and output, and hooks around it.
///
/// Hooks run in this order: `accept`, `before_handle`, `handle`, `after_handle` (only when `handle` succeeded),
/// `finalize_handle` (always). A hook that fails is logged and the invocation goes on, as in Zato; only `accept` can
/// refuse it.
pub trait Service: Send + Sync + 'static {
    /// Name, such as `stockmarket.get-market-cap`.
    const NAME: &'static str;
    /// One paragraph of documentation.
    const DOC: &'static str = "";
    /// What it takes.
    type Input: Input;
    /// What it answers with.
    type Output: Output;

    /// Limits and delivery.
    #[must_use]
    fn options() -> Options {
        Options::default()
    }

    /// Whether to take the request at all; `false` is answered with 400.
    fn accept(&self, _ctx: &Context) -> bool {
        true
    }

    /// Runs before the handler.
    fn before_handle(&self, _ctx: &Context) -> impl Future<Output = Result<(), Fault>> + Send {
        std::future::ready(Ok(()))
    }

    /// Does the work.
    fn handle(
        &self,
        ctx: &Context,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;

    /// Runs after a handler that succeeded.
    fn after_handle(&self, _ctx: &Context) -> impl Future<Output = Result<(), Fault>> + Send {
        std::future::ready(Ok(()))
    }

    /// Runs last, whatever happened.
    fn finalize_handle(&self, _ctx: &Context) -> impl Future<Output = Result<(), Fault>> + Send {
        std::future::ready(Ok(()))
    }
}

/// A Rust service made into a [`Runner`].
pub struct RustRunner<S> {
    service: Arc<S>,
    definition: Arc<ServiceDefinition>,
}

impl<S> fmt::Debug for RustRunner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RustRunner")
            .field("name", &self.definition.name)
            .finish()
    }
}

impl<S: Service> RustRunner<S> {
    /// Wraps a service.
    ///
    /// # Errors
    /// When `S::NAME` is not a service name.
    pub fn new(service: S) -> Result<Self, NameError> {
        Self::with_origin(service, Origin::Rust, Role::Operator)
    }

    /// The same for an admin service of Busker itself, with the role its callers need.
    ///
    /// # Errors
    /// When `S::NAME` is not a service name.
    pub fn with_origin(service: S, origin: Origin, permission: Role) -> Result<Self, NameError> {
        let options = S::options();
        let mut definition = ServiceDefinition::new(
            ServiceName::new(S::NAME)?,
            std::any::type_name::<S>(),
            origin,
        );
        S::DOC.clone_into(&mut definition.doc);
        definition.sio = schema::<S>();
        definition.limits = options.limits;
        definition.delivery = options.delivery;
        definition.idempotent = options.idempotent;
        definition.blocking = options.blocking;
        definition.typed = true;
        definition.permission = permission;
        Ok(Self {
            service: Arc::new(service),
            definition: Arc::new(definition),
        })
    }
}

/// The declaration a service's types amount to; `None` when it takes and answers with anything.
fn schema<S: Service>() -> Option<Schema> {
    let input = S::Input::fields();
    let output = S::Output::fields();
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(Schema {
        input: input.unwrap_or_default(),
        output: output.unwrap_or_default(),
        output_repeated: S::Output::REPEATED,
        bare: true,
        ..Schema::default()
    })
}

impl<S: Service> Runner for RustRunner<S> {
    fn definition(&self) -> &Arc<ServiceDefinition> {
        &self.definition
    }

    fn run(&self, context: Context) -> BoxFuture<'static, Result<Reply, Fault>> {
        let service = Arc::clone(&self.service);
        Box::pin(async move { run(service, context).await.map_err(traced::<S>) })
    }
}

/// Gives a fault of this service the traceback that Rust errors do not have by themselves: the line that made it. One
/// that came from a service it invoked keeps its own.
fn traced<S: Service>(mut fault: Fault) -> Fault {
    let place = fault.place.0;
    let message = fault.message.to_string();
    fault
        .detail_mut()
        .exception
        .get_or_insert_with(|| Exception {
            kind: "Fault".to_owned(),
            message,
            frames: vec![SourceFrame {
                file: place.file().to_owned(),
                line: place.line(),
                function: std::any::type_name::<S>().to_owned(),
                source: String::new(),
            }],
            cause: None,
            service: Some(S::NAME.to_owned()),
        });
    fault
}

async fn run<S: Service>(service: Arc<S>, ctx: Context) -> Result<Reply, Fault> {
    if !service.accept(&ctx) {
        return Err(Fault::invalid("the service does not accept this request").code("not-accepted"));
    }
    let input = S::Input::decode(ctx.request())?;
    log_hook("before_handle", &ctx, service.before_handle(&ctx).await);
    let outcome = service.handle(&ctx, input).await;
    if outcome.is_ok() {
        log_hook("after_handle", &ctx, service.after_handle(&ctx).await);
    }
    log_hook("finalize_handle", &ctx, service.finalize_handle(&ctx).await);
    outcome?.encode()
}

fn log_hook(hook: &'static str, ctx: &Context, outcome: Result<(), Fault>) {
    if let Err(fault) = outcome {
        tracing::error!(cid = %ctx.cid(), service = %ctx.request().service, hook, "hook failed: {fault:?}");
    }
}
