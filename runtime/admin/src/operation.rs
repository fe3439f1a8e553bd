//! One admin service: what it is called, who may call it, what it takes and answers, and how it runs.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use busker_model::invocation::Role;
use busker_model::{Fault, Principal};
use busker_odb::objects::Objects;
use busker_service::{BoxFuture, Context};
use serde_json::{Value, json};

use crate::answers::{self, Fields};
use crate::input::{Field, Input, Type};
use crate::ports::AdminDeps;
use crate::soap::bound;

type Run = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Value, Fault>> + Send + Sync>;

/// One invocation of an admin service: permitted, and its input checked.
#[derive(Debug, Clone)]
pub struct Call {
    /// Checked input.
    pub input: Input,
    /// Who asks; has the role that is needed.
    pub principal: Arc<Principal>,
    /// The invocation: cid, deadline, other services, outgoing connections.
    pub context: Context,
    /// The node.
    pub deps: Arc<AdminDeps>,
}

impl Call {
    /// Name of who asks, for history and audit.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.principal.name
    }

    /// Whether it is to be checked only.
    #[must_use]
    pub fn validates_only(&self) -> bool {
        validates_only(&self.input)
    }

    /// Objects to write; whoever only validates changes nothing by it.
    pub(crate) fn objects(&self) -> Objects<'_> {
        let objects = self.deps.odb.objects();
        if self.validates_only() {
            objects.dry_run()
        } else {
            objects
        }
    }

    /// An answer that says so when it is of what would be.
    pub(crate) fn told(&self, mut answer: Value) -> Value {
        if self.validates_only() {
            answer[VALIDATE_ONLY] = Value::Bool(true);
        }
        answer
    }
}

/// Field of writes that can be checked without being made.
const VALIDATE_ONLY: &str = "validate_only";

/// Whether the input asks for a check only.
pub(crate) fn validates_only(input: &Input) -> bool {
    input.flag(VALIDATE_ONLY, false)
}

/// An admin service.
#[expect(
    clippy::struct_excessive_bools,
    reason = "three independent facts of an operation, each shown by its name"
)]
#[derive(Clone)]
pub struct AdminService {
    /// Name, such as `busker.channel.http.create`.
    pub name: String,
    /// What it does, one sentence.
    pub summary: String,
    /// Weakest role that may call it.
    pub permission: Role,
    /// What it takes.
    pub fields: Vec<Field>,
    /// JSON Schema of its answer, an object.
    pub output: Value,
    /// An input that passes the checks.
    pub example: Value,
    /// Whether it changes something, and so leaves a row in the audit log.
    pub writes: bool,
    /// Whether what it takes away has to be made again.
    pub destructive: bool,
    /// Whether it brings code in, or gives somebody the means to.
    pub brings_code: bool,
    pub(crate) run: Run,
}

impl fmt::Debug for AdminService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminService")
            .field("name", &self.name)
            .field("permission", &self.permission)
            .finish_non_exhaustive()
    }
}

impl AdminService {
    /// A service that takes nothing and only reads.
    pub(crate) fn new<F, R>(
        name: impl Into<String>,
        permission: Role,
        summary: impl Into<String>,
        run: F,
    ) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, Fault>> + Send + 'static,
    {
        Self {
            name: name.into(),
            summary: summary.into(),
            permission,
            fields: Vec::new(),
            output: json!({"type": "object"}),
            example: json!({}),
            writes: false,
            destructive: false,
            brings_code: false,
            run: Arc::new(move |call| Box::pin(run(call))),
        }
    }

    /// Adds a field that must be given.
    pub(crate) fn required(self, name: &'static str, ty: Type, doc: &'static str) -> Self {
        self.field(Field {
            name,
            required: true,
            ty,
            doc,
            schema: None,
        })
    }

    /// Adds a field that may be given.
    pub(crate) fn optional(self, name: &'static str, ty: Type, doc: &'static str) -> Self {
        self.field(Field {
            name,
            required: false,
            ty,
            doc,
            schema: None,
        })
    }

    /// Adds a field.
    pub(crate) fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Sets the example.
    pub(crate) fn example(mut self, example: Value) -> Self {
        self.example = example;
        self
    }

    /// Says which fields the answer has, by name and word (see [`Fields`]).
    pub(crate) fn answers(mut self, fields: Fields<'_>) -> Self {
        self.output = answers::object(fields);
        self
    }

    /// Says what the answer is.
    pub(crate) fn answering(mut self, schema: Value) -> Self {
        self.output = schema;
        self
    }

    /// Says what a field of the answer holds, where a word does not.
    pub(crate) fn and(mut self, field: &str, schema: Value) -> Self {
        self.output = answers::with(self.output, field, schema);
        self
    }

    /// Marks it as changing something.
    pub(crate) fn writing(mut self) -> Self {
        self.writes = true;
        self
    }

    /// Marks it as taking something away, which a guarded cluster wants confirmed.
    pub(crate) fn destroying(mut self) -> Self {
        self.destructive = true;
        self.writing().confirmed()
    }

    /// Lets the name of the cluster be typed, where it is guarded.
    pub(crate) fn confirmed(self) -> Self {
        self.optional(
            "confirm",
            Type::Text,
            "Name of the cluster; a guarded one wants it before something is taken away.",
        )
    }

    /// Lets it be checked without being made.
    pub(crate) fn validating(self) -> Self {
        self.optional(
            VALIDATE_ONLY,
            Type::Boolean,
            "Whether to check all there is to check and change nothing; the answer is what would be.",
        )
        .and(VALIDATE_ONLY, json!({"type": "boolean"}))
    }

    /// Marks it as bringing code in, or as giving somebody the means to.
    pub(crate) fn bringing_code(mut self) -> Self {
        self.brings_code = true;
        self
    }

    /// JSON Schema of its input.
    #[must_use]
    pub fn input_schema(&self) -> Value {
        let required: Vec<&str> = self
            .fields
            .iter()
            .filter(|field| field.required)
            .map(|field| field.name)
            .collect();
        let properties: serde_json::Map<String, Value> = self
            .fields
            .iter()
            .map(|field| (field.name.to_owned(), field.schema()))
            .collect();
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": required,
            "properties": properties,
        })
    }

    /// Everything a client needs to know of it.
    #[must_use]
    pub fn description(&self) -> Value {
        json!({
            "name": self.name,
            "summary": self.summary,
            "permission": role_word(self.permission),
            "writes": self.writes,
            "destructive": self.destructive,
            "input": self.input_schema(),
            "output": self.output,
            "soap_element": bound(self).request_element(),
            "example": self.example,
        })
    }
}

/// Words of the roles, weakest first.
pub(crate) const ROLES: &[&str] = &["viewer", "operator", "developer", "admin"];

/// The word of a role.
#[must_use]
pub const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Developer => "developer",
        Role::Admin => "admin",
    }
}

/// The role of a word; the input was checked against [`ROLES`] before.
pub(crate) fn role_of(word: &str) -> Role {
    [Role::Operator, Role::Developer, Role::Admin]
        .into_iter()
        .find(|role| role_word(*role) == word)
        .unwrap_or(Role::Viewer)
}

/// An answer written as JSON.
pub(crate) fn answer<T: serde::Serialize>(value: &T) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(|error| {
        Fault::internal("the answer could not be written").operator(error.to_string())
    })
}
