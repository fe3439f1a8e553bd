//! Configuration as code: export, plan and import of many objects as one text.
//!
//! The text and its faults are `busker-enmasse`'s; here it is held against the catalog and the database. An import deletes
//! nothing, keeps the secret of an object where the text has none, and is one write at one revision, or none.

mod export;
pub(crate) mod item;
mod plan;
mod source;
mod there;

use std::sync::Arc;

use busker_model::Fault;
use busker_model::invocation::Role;
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::changes::{NAMED, changes, settled};
use crate::input::Type;
use crate::operation::{AdminService, Call};

use self::plan::{Facts, Planned};
use self::source::Source;

const FORMATS: &[&str] = &["yaml", "json"];
const EXAMPLE: &str = "version: 1
channel.http:
  - name: crm
    settings: {url_path: /crm, service: crm.get}
";

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.enmasse.export",
            Role::Viewer,
            "Answers the configuration as text that an import reads, without secrets.",
            export::export,
        )
        .optional("format", Type::Choice(FORMATS), "Format; yaml unless given.")
        .optional(
            "kinds",
            Type::Any,
            "Kinds to export, as a list such as [\"channel.http\"]; all unless given.",
        )
        .optional("filter", Type::Text, "Text the name contains, in any case.")
        .example(json!({"format": "yaml", "kinds": ["channel.http"]}))
        .answers(&[
            ("text", "string"),
            ("format", "string"),
            ("objects", "integer"),
            ("revision", "integer"),
        ]),
        given(AdminService::new(
            "busker.enmasse.plan",
            Role::Developer,
            "Answers what an import would do, and lists every fault of the text; changes nothing.",
            |call| run(call, true),
        )),
        given(AdminService::new(
            "busker.enmasse.import",
            Role::Developer,
            "Makes the configuration what a text says, at one revision, or lists every fault and changes nothing.",
            |call| run(call, false),
        ))
        .writing(),
    ]
}

/// What plan and import take and answer.
fn given(service: AdminService) -> AdminService {
    let named = || list_of(object(NAMED));
    service
        .required("text", Type::Text, "The text, YAML or JSON.")
        .optional("file", Type::Text, "Name of the file, as faults show it.")
        .optional(
            "files",
            Type::Object,
            "Included files by path: their text, or an object whose problem says why there is none.",
        )
        .optional("variables", Type::Object, "Values of ${VARIABLES} by name.")
        .optional(
            "services_must_exist",
            Type::Boolean,
            "Whether a service that is not deployed is a fault; else it is a warning.",
        )
        .example(json!({"text": EXAMPLE, "file": "crm.yaml"}))
        .answering(changes())
        .and("unchanged", named())
        .and("not_in_file", named())
}

async fn run(call: Call, only_plan: bool) -> Result<Value, Fault> {
    let source = Arc::new(Source::of(&call.input)?);
    let mut attempt = 1;
    loop {
        let mut planned = planned(&call, &source).await?;
        let outcome = planned.plan.apply(&call, only_plan).await;
        if let Some(revision) = settled(outcome, attempt)? {
            return Ok(planned.answer(revision));
        }
        attempt += 1;
    }
}

async fn planned(call: &Call, source: &Arc<Source>) -> Result<Planned, Fault> {
    let snapshot = call.deps.odb.objects().snapshot().await?;
    let invoker = Arc::clone(&call.context.ports().invoker);
    let facts = Facts {
        deps: Arc::clone(&call.deps),
        role: call.principal.role.unwrap_or(Role::Viewer),
        snapshot,
        invoker,
        services_must_exist: call.input.flag("services_must_exist", false),
    };
    let source = Arc::clone(source);
    // Thousands of objects take a while to read and to check, and other calls share this thread.
    let work = move || plan::plan(&source, &facts);
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Fault::internal("the plan ended early").operator(error.to_string()))?
}
