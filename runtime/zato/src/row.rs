//! One public service of Zato as data: its name, who may call it, its fields in the notation of Zato's own list, and what
//! it does here.

use std::sync::Arc;

use busker_model::invocation::Role;
use busker_model::sio::{Field, FieldType, SimpleIo};
use busker_model::{Fault, NameError, Origin, ServiceDefinition, ServiceName};
use busker_service::BoxFuture;
use serde_json::Value;

use crate::NAMESPACE;
use crate::call::Call;
use crate::kind::{self, Kind};

/// What an adapter answers with: an object, a list of objects, or null for nothing.
pub(crate) type Answer = Result<Value, Fault>;
type Code = Arc<dyn Fn(Call) -> BoxFuture<'static, Answer> + Send + Sync>;

/// What a service does.
#[derive(Clone)]
pub(crate) enum Act {
    /// What no table can say.
    Code(Code),
    /// A write or a reading of objects of one kind that are alike in Zato and here.
    Kind(kind::Verb, &'static Kind),
}

/// A service.
#[derive(Clone)]
pub(crate) struct Row {
    /// Name.
    pub(crate) name: &'static str,
    /// Weakest role that may call it; `None` means anyone.
    pub(crate) role: Option<Role>,
    /// What it takes: `required,required | optional,optional`; a field may be followed by `:b` (boolean), `:i` (integer),
    /// `:utc` or `:as` (as it is), and goes by its name otherwise.
    pub(crate) takes: &'static str,
    /// What it answers with, in the same notation.
    pub(crate) answers: &'static str,
    /// Whether it answers with a list.
    pub(crate) lists: bool,
    pub(crate) act: Act,
}

impl Row {
    /// A service that is code.
    pub(crate) fn code<F, R>(name: &'static str, role: Role, run: F) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        let code: Code = Arc::new(move |call| Box::pin(run(call)));
        Self::new(name, role, Act::Code(code))
    }

    /// A service that does what it does to objects of any kind.
    pub(crate) fn kind(
        name: &'static str,
        role: Role,
        verb: kind::Verb,
        kind: &'static Kind,
    ) -> Self {
        Self::new(name, role, Act::Kind(verb, kind))
    }

    fn new(name: &'static str, role: Role, act: Act) -> Self {
        Self {
            name,
            role: Some(role),
            takes: "",
            answers: "",
            lists: false,
            act,
        }
    }

    /// Lets anyone call it.
    pub(crate) fn open(mut self) -> Self {
        self.role = None;
        self
    }

    /// Says what it takes.
    pub(crate) fn takes(mut self, fields: &'static str) -> Self {
        self.takes = fields;
        self
    }

    /// Says what it answers with.
    pub(crate) fn answers(mut self, fields: &'static str) -> Self {
        self.answers = fields;
        self
    }

    /// Says of what its list is made.
    pub(crate) fn lists(mut self, fields: &'static str) -> Self {
        self.lists = true;
        self.answers(fields)
    }

    /// What the directory of services knows of it.
    pub(crate) fn definition(&self) -> Result<ServiceDefinition, NameError> {
        let name = ServiceName::new(self.name)?;
        let impl_name = format!("zato:{}", self.name);
        let mut definition = ServiceDefinition::new(name, impl_name, Origin::Internal);
        "Zato's service of this name, on top of ours.".clone_into(&mut definition.doc);
        definition.permission = self.role.unwrap_or(Role::Viewer);
        definition.sio = Some(self.sio());
        // Its answers are shaped by its own code: where Zato insists on a field that we may not have, it is empty.
        definition.typed = true;
        Ok(definition)
    }

    fn sio(&self) -> SimpleIo {
        let (request_elem, response_elem) = elements(self.name);
        SimpleIo {
            request_elem,
            response_elem,
            input: fields(self.takes),
            output: fields(self.answers),
            output_repeated: self.lists,
            namespace: NAMESPACE.to_owned(),
            ..SimpleIo::default()
        }
    }
}

/// The elements of the request and of the response.
fn elements(name: &str) -> (String, String) {
    let stem = name
        .strip_prefix("zato.")
        .unwrap_or(name)
        .replace(['.', '-'], "_");
    let request = format!("zato_{stem}_request");
    // The one name among ours for which Zato broke its own rule.
    let stem = match stem.as_str() {
        "service_get_request_response" => "service_request_response",
        other => other,
    };
    (request, format!("zato_{stem}_response"))
}

fn fields(notation: &str) -> Vec<Field> {
    let (required, optional) = notation.split_once('|').unwrap_or((notation, ""));
    let read = |list: &str, required: bool| -> Vec<Field> {
        let names = list.split(',').map(str::trim);
        let named = names.filter(|name| !name.is_empty());
        named.map(|name| field(name, required)).collect()
    };
    let mut all = read(required, true);
    all.extend(read(optional, false));
    all
}

fn field(notation: &str, required: bool) -> Field {
    let (name, suffix) = notation.split_once(':').unwrap_or((notation, ""));
    Field::new(name, required).typed(match suffix {
        "b" => FieldType::Boolean,
        "i" => FieldType::Integer,
        "utc" => FieldType::Utc,
        "as" => FieldType::AsIs,
        _ => FieldType::Auto,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_the_name_but_for_the_one_that_does_not() {
        let both = |name| elements(name);
        assert_eq!(
            both("zato.security.basic-auth.get-list"),
            (
                "zato_security_basic_auth_get_list_request".to_owned(),
                "zato_security_basic_auth_get_list_response".to_owned()
            )
        );
        assert_eq!(
            both("zato.service.get-request-response"),
            (
                "zato_service_get_request_response_request".to_owned(),
                "zato_service_request_response_response".to_owned()
            )
        );
    }

    #[test]
    fn fields_are_read_from_the_notation_of_the_list() {
        let read = fields("id,is_active | slow_threshold:i, start:utc,user_id:as");
        let seen: Vec<_> = read
            .iter()
            .map(|field| (field.name.as_str(), field.required, field.ty.clone()))
            .collect();
        assert_eq!(
            seen,
            [
                ("id", true, FieldType::Auto),
                ("is_active", true, FieldType::Auto),
                ("slow_threshold", false, FieldType::Integer),
                ("start", false, FieldType::Utc),
                ("user_id", false, FieldType::AsIs),
            ]
        );
        assert_eq!(fields(""), []);
    }
}
