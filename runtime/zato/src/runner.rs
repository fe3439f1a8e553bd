//! A row as a runner: who may call it, its input, what it does, its output.

use std::fmt;
use std::sync::Arc;

use busker_model::invocation::{Payload, ReplyBody};
use busker_model::sio::{SimpleIo, input, output};
use busker_model::{ErrorClass, Fault, NameError, Reply, ServiceDefinition};
use busker_odb::Odb;
use busker_service::{BoxFuture, Context, Runner};
use serde_json::{Map, Value};

use crate::CLUSTER_ID;
use crate::call::Call;
use crate::kind;
use crate::row::{Act, Answer, Row};

struct Exposed {
    row: Row,
    definition: Arc<ServiceDefinition>,
    odb: Odb,
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposed")
            .field("name", &self.row.name)
            .finish_non_exhaustive()
    }
}

pub(crate) fn expose(row: Row, odb: &Odb) -> Result<Arc<dyn Runner>, NameError> {
    Ok(Arc::new(Exposed {
        definition: Arc::new(row.definition()?),
        row,
        odb: odb.clone(),
    }))
}

impl Runner for Exposed {
    fn definition(&self) -> &Arc<ServiceDefinition> {
        &self.definition
    }

    fn run(&self, context: Context) -> BoxFuture<'static, Result<Reply, Fault>> {
        let (row, odb) = (self.row.clone(), self.odb.clone());
        let definition = Arc::clone(&self.definition);
        Box::pin(async move {
            permitted(&row, &context)?;
            let Some(sio) = &definition.sio else {
                return Err(Fault::internal("the service has no declaration"));
            };
            let input = read(sio, &context)?;
            check_cluster(&input)?;
            let call = Call::new(input, context, odb);
            let answer = act(row.act, call).await?;
            written(sio, &answer)
        })
    }
}

async fn act(act: Act, call: Call) -> Answer {
    match act {
        Act::Code(code) => code(call).await,
        Act::Kind(verb, kind) => kind::run(verb, kind, call).await,
    }
}

/// Ours check again. Here it goes before anything is looked up, so that ids tell a stranger nothing.
fn permitted(row: &Row, context: &Context) -> Result<(), Fault> {
    let Some(needed) = row.role else {
        return Ok(());
    };
    let principal = context.request().principal.as_ref();
    let role = principal.and_then(|principal| principal.role);
    if role.is_some_and(|role| role >= needed) {
        return Ok(());
    }
    let message = format!("{} is not allowed to this caller", row.name);
    Err(Fault::new(ErrorClass::Forbidden, message).code("role-needed"))
}

/// The input by its declaration. The gate has read what did not come as JSON.
fn read(sio: &SimpleIo, context: &Context) -> Result<Map<String, Value>, Fault> {
    let request = context.request();
    let text = match (&request.input, &request.payload) {
        (Some(checked), _) => checked.to_vec(),
        (None, Payload::None) => checked(sio, None)?,
        (None, Payload::Json(body) | Payload::Raw(body)) => checked(sio, Some(body))?,
    };
    serde_json::from_slice(&text)
        .map_err(|error| Fault::internal("the input could not be read").operator(error.to_string()))
}

fn checked(sio: &SimpleIo, body: Option<&[u8]>) -> Result<Vec<u8>, Fault> {
    input::apply(sio, body, &[], false).map_err(Fault::violations)
}

/// There is one cluster.
fn check_cluster(input: &Map<String, Value>) -> Result<(), Fault> {
    let given = input.get("cluster_id").filter(|id| !id.is_null());
    if given.is_none_or(|id| id.as_i64() == Some(CLUSTER_ID)) {
        return Ok(());
    }
    let message = format!("There is no such cluster_id; the id of this cluster is {CLUSTER_ID}");
    Err(Fault::not_found(message))
}

/// Declared fields in declared order, whatever the format it will be written in.
fn written(sio: &SimpleIo, answer: &Value) -> Result<Reply, Fault> {
    if sio.output.is_empty() {
        return Ok(Reply::default());
    }
    let mut lenient = sio.clone();
    for field in &mut lenient.output {
        field.required = false;
    }
    let text = serde_json::to_vec(answer).map_err(|error| {
        Fault::internal("the answer could not be written").operator(error.to_string())
    })?;
    let mut kept = Vec::with_capacity(text.len());
    output::apply(&lenient, &text)?.write_value(&mut kept);
    Ok(Reply {
        body: ReplyBody::Json(kept.into()),
        ..Reply::default()
    })
}
