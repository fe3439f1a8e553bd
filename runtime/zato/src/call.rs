//! One call of an adapter: its input, our services, and objects by their numbers.

use busker_model::invocation::ReplyBody;
use busker_model::{ErrorClass, Family, Fault, Object, Reply};
use busker_odb::{ListFilter, Odb};
use busker_service::Context;
use serde_json::{Map, Value, json};

use crate::ids;

/// Objects that are asked for at a time.
const PAGE: i64 = 1_000;
/// Most objects in one answer: Zato's lists have no pages.
const LISTED_MAX: usize = 100_000;

pub(crate) struct Call {
    input: Map<String, Value>,
    pub(crate) context: Context,
    pub(crate) odb: Odb,
}

impl Call {
    pub(crate) fn new(input: Map<String, Value>, context: Context, odb: Odb) -> Self {
        Self {
            input,
            context,
            odb,
        }
    }

    /// A field as it is; `None` when it was not sent, or is empty, which Zato's forms send for nothing.
    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        let value = self.input.get(field)?;
        (!value.is_null() && value.as_str() != Some("")).then_some(value)
    }

    /// Text that was sent and says something.
    pub(crate) fn given(&self, field: &str) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }

    /// The same, or empty text.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.given(field).unwrap_or_default()
    }

    /// The same, which this call cannot do without, though other calls of the service can.
    pub(crate) fn needed(&self, field: &str) -> Result<&str, Fault> {
        self.given(field).ok_or_else(|| missing(field))
    }

    /// A switch.
    pub(crate) fn flag(&self, field: &str) -> bool {
        self.get(field).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A number, sent as one or as text; `None` when there is none.
    pub(crate) fn number(&self, field: &str) -> Result<Option<i64>, Fault> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let text = value.as_str().and_then(|text| text.trim().parse().ok());
        let number = value.as_i64().or(text);
        number.map(Some).ok_or_else(|| {
            Fault::invalid(format!(
                "Conversion error, param:[{field}]: expected an integer"
            ))
        })
    }

    /// The number of a field that must have one.
    pub(crate) fn id(&self, field: &str) -> Result<i64, Fault> {
        self.number(field)?.ok_or_else(|| missing(field))
    }

    /// Calls one of our services for whoever called this one.
    pub(crate) async fn ours(&self, service: &str, input: Value) -> Result<Value, Fault> {
        let reply: Reply = self.context.invoke(service, &input).await?;
        match reply.body {
            ReplyBody::Empty => Ok(Value::Null),
            ReplyBody::Json(text) | ReplyBody::Raw(text) => {
                serde_json::from_slice(&text).map_err(|error| {
                    Fault::internal("an answer of ours could not be read")
                        .operator(format!("{service}: {error}"))
                })
            }
        }
    }

    /// Every object that one of our `…list` services has.
    pub(crate) async fn every(&self, service: &str) -> Result<Vec<Value>, Fault> {
        self.pages(service, "objects").await
    }

    /// The same, for a service that calls its rows something else.
    pub(crate) async fn pages(&self, service: &str, rows: &str) -> Result<Vec<Value>, Fault> {
        let mut all = Vec::new();
        let mut offset = 0;
        loop {
            let page = json!({"limit": PAGE, "offset": offset});
            let answer = self.ours(service, page).await?;
            all.extend(answer[rows].as_array().cloned().unwrap_or_default());
            offset += PAGE;
            if all.len() > LISTED_MAX {
                return Err(Fault::new(
                    ErrorClass::TooLarge,
                    format!("more than {LISTED_MAX} objects; ask {service}, which has pages"),
                ));
            }
            if answer["total"].as_i64().is_none_or(|total| offset >= total) {
                return Ok(all);
            }
        }
    }

    /// The object with the number in field `id`, of one of these kinds.
    pub(crate) async fn object(&self, family: Family, kinds: &[&str]) -> Result<Object, Fault> {
        let number = self.id("id")?;
        let found = self.odb.objects().get_number(family, number).await;
        match found {
            Ok(object) if kinds.contains(&object.kind.as_str()) => Ok(object),
            Ok(_) | Err(busker_odb::OdbError::NotFound(_)) => Err(no_such("id", number)),
            Err(error) => Err(error.into()),
        }
    }

    /// Security definitions: who they are by number and by name. Names tell them apart here, as they do for channels.
    pub(crate) async fn definitions(&self) -> Result<Vec<Object>, Fault> {
        let filter = ListFilter::all(Family::Security);
        Ok(self.odb.objects().list(&filter).await?.objects)
    }

    /// The name of the service with that id.
    pub(crate) fn service_of(&self, id: i64) -> Result<String, Fault> {
        let names = self.context.ports().invoker.names();
        let found = names.into_iter().find(|name| ids::service(name) == id);
        found.ok_or_else(|| no_such("id", id))
    }
}

/// What Zato says of a field that is required and was not sent.
pub(crate) fn missing(field: &str) -> Fault {
    Fault::invalid(format!(
        "Required parameter [{field}] missing - value is [None]"
    ))
}

pub(crate) fn no_such(field: &str, id: i64) -> Fault {
    Fault::not_found(format!("There is nothing with {field} [{id}]"))
}

/// What a create or an edit answers with.
pub(crate) fn identity(object: &Value) -> Value {
    json!({"id": object["number"], "name": object["name"]})
}
