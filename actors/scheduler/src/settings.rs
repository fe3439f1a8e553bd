//! The settings of a job: what it runs, and when.
//!
//! Both parts are written side by side in one JSON object. [`JobSettings::read`] takes them apart, so that each part has
//! a type of its own and every fault names its field.

mod when;

use std::sync::LazyLock;

use busker_connector::{read_part, schema_of};
use busker_model::ServiceName;
pub use busker_model::job::JobKind;
use busker_model::object::Violation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use when::{CronWhen, IntervalWhen, OneTimeWhen, When};

/// Longest payload, in bytes.
pub const PAYLOAD_BYTES: usize = 512 * 1024;
/// How far back missed fires are made up for unless a job says otherwise, in seconds: a week.
pub const CATCH_UP_WINDOW_S: u64 = 7 * 86_400;
/// Longest such window, in seconds: a year.
pub const CATCH_UP_WINDOW_MAX_S: u64 = 366 * 86_400;
/// Largest jitter, in milliseconds: an hour.
pub const JITTER_MAX_MS: u64 = 3_600_000;
/// Longest run of a job that sets no bound but is watched, in seconds.
pub const MAX_RUN_TIME_S: u64 = 3_600;
/// Largest bound of a run, in seconds: a day.
pub const MAX_RUN_TIME_MOST_S: u64 = 86_400;

/// What happens when a fire is due while the run before it still runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// Both run.
    #[default]
    Allow,
    /// The new one does not.
    Skip,
    /// The new one waits for the other to end; one waits at most.
    BufferOne,
    /// The one before is cancelled where it runs on this node; elsewhere the new one is skipped.
    CancelRunning,
}

/// What happens to fires that were missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CatchUp {
    /// One run stands for all of them.
    #[default]
    Collapse,
    /// Each is run.
    All,
    /// None is run.
    Skip,
}

/// What a job runs, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunSettings {
    /// Service it runs; it may be deployed later.
    pub service: String,
    /// Text the service gets as it is: its raw request.
    #[serde(default)]
    pub payload: String,
    /// What happens when a fire is due while the run before it still runs.
    #[serde(default)]
    pub overlap: Overlap,
    /// What happens to fires that were missed.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// How far back missed fires are made up for, in seconds.
    #[serde(default = "catch_up_window")]
    #[schemars(range(max = 31_622_400))]
    pub catch_up_window_s: u64,
    /// Each run starts this much later at most, by chance, in milliseconds.
    #[serde(default)]
    #[schemars(range(max = 3_600_000))]
    pub jitter_ms: u64,
    /// Longest run in seconds; a longer one is ended.
    #[serde(default)]
    #[schemars(range(min = 1, max = 86_400))]
    pub max_run_time_s: Option<u64>,
    /// Service that is told when a run fails.
    #[serde(default)]
    pub on_error_service: Option<String>,
}

const fn catch_up_window() -> u64 {
    CATCH_UP_WINDOW_S
}

impl RunSettings {
    /// Whether its runs have to be followed to their end.
    #[must_use]
    pub fn watched(&self) -> bool {
        self.overlap != Overlap::Allow
            || self.max_run_time_s.is_some()
            || self.on_error_service.is_some()
    }

    /// Longest run, in milliseconds.
    #[must_use]
    pub fn max_run_ms(&self) -> i64 {
        let seconds = self.max_run_time_s.unwrap_or(MAX_RUN_TIME_S);
        i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }

    fn check(&self) -> Vec<Violation> {
        let mut faults = Vec::new();
        let mut service = |field: &str, name: &str| {
            if let Err(error) = ServiceName::new(name) {
                let message = format!("names no service: {error}");
                faults.push(Violation::new(format!("settings.{field}"), message));
            }
        };
        service("service", &self.service);
        if let Some(name) = &self.on_error_service {
            service("on_error_service", name);
        }
        let mut within = |field: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                let message = format!("must be from {least} to {most}");
                faults.push(Violation::new(format!("settings.{field}"), message));
            }
        };
        within(
            "catch_up_window_s",
            self.catch_up_window_s,
            0,
            CATCH_UP_WINDOW_MAX_S,
        );
        within("jitter_ms", self.jitter_ms, 0, JITTER_MAX_MS);
        within(
            "max_run_time_s",
            self.max_run_time_s.unwrap_or(1),
            1,
            MAX_RUN_TIME_MOST_S,
        );
        if self.payload.len() > PAYLOAD_BYTES {
            let message = format!("must be at most {PAYLOAD_BYTES} bytes");
            faults.push(Violation::new("settings.payload", message));
        }
        faults
    }
}

/// All settings of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSettings {
    /// What it runs.
    pub run: RunSettings,
    /// When.
    pub when: When,
}

impl JobSettings {
    /// Reads and checks settings of a kind.
    ///
    /// # Errors
    /// Every fault found, each with its field.
    pub fn read(kind: JobKind, settings: &Value) -> Result<Self, Vec<Violation>> {
        let (run, when) = apart(kind, settings)?;
        let read: (Result<RunSettings, _>, Result<When, _>) =
            (read_part(&run), When::read(kind, when));
        let (run, when) = match read {
            (Ok(run), Ok(when)) => (run, when),
            (run, when) => {
                let mut faults = run.err().unwrap_or_default();
                faults.extend(when.err().unwrap_or_default());
                return Err(faults);
            }
        };
        let mut faults = run.check();
        faults.extend(when.check());
        if faults.is_empty() {
            Ok(Self { run, when })
        } else {
            Err(faults)
        }
    }

    /// The settings in full, defaults written out.
    ///
    /// # Errors
    /// When they cannot be written, which is a fault of ours.
    pub fn write(&self) -> Result<Value, Vec<Violation>> {
        let failed = |error: serde_json::Error| vec![Violation::new("settings", error.to_string())];
        let mut fields = serde_json::to_value(&self.run).map_err(failed)?;
        let when = serde_json::to_value(&self.when).map_err(failed)?;
        if let (Some(all), Value::Object(more)) = (fields.as_object_mut(), when) {
            all.extend(more);
        }
        Ok(fields)
    }

    /// JSON Schema of the settings of a kind.
    #[must_use]
    pub fn schema(kind: JobKind) -> Value {
        let mut schema = schema_of::<RunSettings>();
        let when = when::schema(kind);
        if let (Some(Value::Object(all)), Some(Value::Object(more))) =
            (schema.get_mut("properties"), when.get("properties"))
        {
            all.extend(more.clone());
        }
        if let (Some(Value::Array(all)), Some(Value::Array(more))) =
            (schema.get_mut("required"), when.get("required"))
        {
            all.extend(more.clone());
        }
        if let Some(fields) = schema.as_object_mut() {
            fields.shift_remove("title");
            fields.shift_remove("description");
        }
        schema
    }
}

/// Names of settings, known once.
#[derive(Debug)]
struct Known {
    run: Vec<String>,
    when: [Vec<String>; 3],
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| Known {
    run: fields_of(&schema_of::<RunSettings>()),
    when: JobKind::ALL.map(|kind| fields_of(&when::schema(kind))),
});

/// Whether a setting says what is run rather than when.
fn is_about_the_run(name: &str) -> bool {
    KNOWN.run.iter().any(|known| known == name)
}

/// Fields of a type, by its schema.
fn fields_of(schema: &Value) -> Vec<String> {
    let properties = schema["properties"].as_object();
    properties.map_or_else(Vec::new, |fields| fields.keys().cloned().collect())
}

/// The part about the run and the part about the schedule.
fn apart(kind: JobKind, settings: &Value) -> Result<(Value, Value), Vec<Violation>> {
    let Some(given) = settings.as_object() else {
        return Err(vec![Violation::new("settings", "must be a JSON object")]);
    };
    let Known {
        run: of_run,
        when: [once, every, cron],
    } = &*KNOWN;
    let of_when = match kind {
        JobKind::OneTime => once,
        JobKind::Interval => every,
        JobKind::Cron => cron,
    };
    let (mut run, mut when, mut faults) = (Map::new(), Map::new(), Vec::new());
    for (name, value) in given {
        if of_run.contains(name) {
            run.insert(name.clone(), value.clone());
        } else if of_when.contains(name) {
            when.insert(name.clone(), value.clone());
        } else {
            let known = [of_run.join(", "), of_when.join(", ")].join(", ");
            let message = format!("{name} is not a setting of {kind} jobs; there are {known}");
            faults.push(Violation::new(format!("settings.{name}"), message));
        }
    }
    if given
        .get("payload")
        .is_some_and(|payload| !payload.is_string())
    {
        let message = "must be text, sent as it is; write JSON as text, such as \"{\\\"symbol\\\": \\\"GOOG\\\"}\"";
        faults.push(Violation::new("settings.payload", message));
    }
    if faults.is_empty() {
        Ok((Value::Object(run), Value::Object(when)))
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests;
