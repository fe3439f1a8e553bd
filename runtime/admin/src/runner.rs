//! An admin service as a runner: permission, input, run, audit, in this order.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use busker_model::invocation::Role;
use busker_model::{
    ErrorClass, Fault, NameError, Origin, Principal, Reply, ServiceDefinition, ServiceName,
};
use busker_odb::audit::AuditWrite;
use busker_service::{BoxFuture, Context, Runner};
use serde_json::Value;

use crate::guard;
use crate::input::Input;
use crate::operation::{AdminService, Call, role_word, validates_only};
use crate::ports::AdminDeps;

/// Fields that say what an operation is about, in the order they are looked for.
const SUBJECTS: [&str; 8] = [
    "name", "node", "path", "package", "file", "number", "system", "system1",
];

/// Most characters of a command's first word that are kept.
const VERB_SHOWN: usize = 20;
/// Longest wait of a write for this node to run it. A node that is slower shows it a little later: the write is kept.
const RUNS_WITHIN: Duration = Duration::from_secs(2);

struct Exposed {
    operation: AdminService,
    definition: Arc<ServiceDefinition>,
    deps: Arc<AdminDeps>,
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operation.fmt(f)
    }
}

pub(crate) fn expose(
    operation: AdminService,
    deps: &Arc<AdminDeps>,
) -> Result<Arc<dyn Runner>, NameError> {
    let name = ServiceName::new(&operation.name)?;
    let mut definition =
        ServiceDefinition::new(name, format!("admin:{}", operation.name), Origin::Internal);
    definition.doc.clone_from(&operation.summary);
    definition.permission = operation.permission;
    definition.idempotent = !operation.writes;
    definition.typed = true;
    Ok(Arc::new(Exposed {
        operation,
        definition: Arc::new(definition),
        deps: Arc::clone(deps),
    }))
}

impl Runner for Exposed {
    fn definition(&self) -> &Arc<ServiceDefinition> {
        &self.definition
    }

    fn run(&self, context: Context) -> BoxFuture<'static, Result<Reply, Fault>> {
        let operation = self.operation.clone();
        let deps = Arc::clone(&self.deps);
        Box::pin(run(operation, deps, context))
    }
}

async fn run(
    operation: AdminService,
    deps: Arc<AdminDeps>,
    context: Context,
) -> Result<Reply, Fault> {
    let input = Input::read(&context.request().payload, &operation.fields);
    let writes = operation.writes && !input.as_ref().is_ok_and(validates_only);
    let row = writes.then(|| row(&operation, &context, &input));
    let outcome = attempt(&operation, Arc::clone(&deps), context, input).await;
    if let Some(mut row) = row {
        let result = outcome
            .as_ref()
            .err()
            .map_or("ok", |fault| fault.class.as_str());
        result.clone_into(&mut row.result);
        // The work is done or refused by now: a log that cannot be written must not turn it into a failure.
        if let Err(error) = deps.odb.audit().append(row).await {
            tracing::error!(
                service = operation.name,
                "not written to the audit log: {error:?}"
            );
        }
        if outcome.is_ok() {
            running(&deps).await;
        }
    }
    let text = serde_json::to_vec(&outcome?).map_err(|error| {
        Fault::internal("the answer could not be written").operator(error.to_string())
    })?;
    Ok(Reply::json(text))
}

/// Whoever is told that a channel exists calls it with the next line of a script.
async fn running(deps: &AdminDeps) {
    let newest = *deps.odb.subscribe().borrow();
    if tokio::time::timeout(RUNS_WITHIN, deps.node.runs(newest))
        .await
        .is_err()
    {
        tracing::warn!("this node does not run revision {newest} of the configuration yet");
    }
}

/// Permission goes before input: who may not call a service is not told what it takes.
async fn attempt(
    operation: &AdminService,
    deps: Arc<AdminDeps>,
    context: Context,
    input: Result<Input, Fault>,
) -> Result<Value, Fault> {
    let principal = permitted(
        context.request().principal.as_ref(),
        operation.permission,
        &operation.name,
    )?;
    if operation.brings_code {
        trusted(&principal, &operation.name)?;
    }
    let call = Call {
        input: input?,
        principal,
        context,
        deps,
    };
    if operation.destructive && !call.validates_only() {
        guard::confirmed(&call).await?;
    }
    (operation.run)(call).await
}

/// The principal, if it has the role that is needed.
pub(crate) fn permitted(
    principal: Option<&Arc<Principal>>,
    needed: Role,
    service: &str,
) -> Result<Arc<Principal>, Fault> {
    principal
        .filter(|principal| principal.role.is_some_and(|role| role >= needed))
        .cloned()
        .ok_or_else(|| {
            let word = role_word(needed);
            Fault::new(
                ErrorClass::Forbidden,
                format!("{service} needs the role {word}; ask an admin for it"),
            )
            .code("role-needed")
        })
}

/// Refuses a principal that may do all its role allows but bring code in.
pub(crate) fn trusted(principal: &Principal, what: &str) -> Result<(), Fault> {
    if !principal.barred_from_code {
        return Ok(());
    }
    let who = &principal.name;
    let message = format!(
        "{what} brings code in, or gives somebody the means to, which {who} may not: set zato_face_deploys = true in [node] \
         of busker.toml, or come as a user"
    );
    Err(Fault::new(ErrorClass::Forbidden, message).code("barred-from-code"))
}

fn row(operation: &AdminService, context: &Context, input: &Result<Input, Fault>) -> AuditWrite {
    let who = context.request().principal.as_ref();
    AuditWrite {
        who: who
            .map(|principal| principal.name.clone())
            .unwrap_or_default(),
        service: operation.name.clone(),
        // Only from input that is fine: what is not may hold anything, in any field.
        object: input.as_ref().map(subject).unwrap_or_default(),
        result: String::new(),
        cid: context.cid().to_string(),
    }
}

/// What an operation is about.
fn subject(input: &Input) -> String {
    match SUBJECTS.into_iter().find_map(|field| input.get(field)) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => String::new(),
        // Of a command its first word: the others may hold anything.
        None => {
            let command = input.opt_text("command").unwrap_or_default();
            let verb = command.split_whitespace().next().unwrap_or_default();
            verb.chars().take(VERB_SHOWN).collect()
        }
    }
}
