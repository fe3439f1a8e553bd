//! When a job is due, as settings: one type per kind.

use busker_connector::{read_part, schema_of};
use busker_model::object::Violation;
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::JobKind;
use crate::cron_line::CronLine;
use crate::dates;
use crate::schedule::{Rule, Schedule};

/// Longest period, in seconds: ten years.
const PERIOD_MAX_S: i64 = 10 * 366 * 86_400;

/// The schedule of a job, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum When {
    /// Once.
    OneTime(OneTimeWhen),
    /// Every so much time.
    Interval(IntervalWhen),
    /// By a cron line.
    Cron(CronWhen),
}

/// Once, at a date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneTimeWhen {
    /// When: 2026-03-29 02:30:00 in the job's zone, or RFC 3339 with an offset.
    pub start_date: String,
    /// IANA time zone of dates without an offset.
    #[serde(default = "utc")]
    pub time_zone: String,
}

/// Every so much elapsed time; a day is 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntervalWhen {
    /// Weeks of the period.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub weeks: i64,
    /// Days of the period.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub days: i64,
    /// Hours of the period.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub hours: i64,
    /// Minutes of the period.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub minutes: i64,
    /// Seconds of the period.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub seconds: i64,
    /// First fire; without it the first comes one period after the job was made.
    #[serde(default)]
    pub start_date: Option<String>,
    /// How often it fires in all; without end unless given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub repeats: Option<i64>,
    /// Nothing fires after this date.
    #[serde(default)]
    pub end_date: Option<String>,
    /// Most runs, skipped fires not counted.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_runs: Option<i64>,
    /// IANA time zone of dates without an offset.
    #[serde(default = "utc")]
    pub time_zone: String,
}

/// By a cron line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CronWhen {
    /// Cron line: minute hour day-of-month month day-of-week, with seconds before them where wanted, or @daily and such.
    pub cron: String,
    /// IANA time zone of the line and of dates without an offset.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Nothing fires before this date.
    #[serde(default)]
    pub start_date: Option<String>,
    /// Nothing fires after this date.
    #[serde(default)]
    pub end_date: Option<String>,
    /// Most runs, skipped fires not counted.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_runs: Option<i64>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// JSON Schema of the schedule of a kind.
pub(super) fn schema(kind: JobKind) -> Value {
    match kind {
        JobKind::OneTime => schema_of::<OneTimeWhen>(),
        JobKind::Interval => schema_of::<IntervalWhen>(),
        JobKind::Cron => schema_of::<CronWhen>(),
    }
}

impl IntervalWhen {
    /// The period in seconds; `None` when it overflows.
    fn period_s(&self) -> Option<i64> {
        let parts = [
            (self.weeks, 7 * 86_400),
            (self.days, 86_400),
            (self.hours, 3_600),
            (self.minutes, 60),
            (self.seconds, 1),
        ];
        parts.into_iter().try_fold(0_i64, |sum, (count, seconds)| {
            sum.checked_add(count.checked_mul(seconds)?)
        })
    }
}

/// Faults as they are found, by field.
#[derive(Default)]
struct Faults(Vec<Violation>);

impl Faults {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        let field = format!("settings.{field}");
        self.0.push(Violation::new(field, message));
    }

    fn zone(&mut self, name: &str) -> Tz {
        name.parse().unwrap_or_else(|_| {
            let message = format!(
                "{name:?} is not an IANA time zone; write one such as Europe/Warsaw or UTC"
            );
            self.add("time_zone", message);
            Tz::UTC
        })
    }

    fn date(&mut self, field: &str, text: Option<&str>, zone: Tz) -> Option<i64> {
        match dates::read(text?, zone) {
            Ok(at_ms) => Some(at_ms),
            Err(message) => {
                self.add(field, message);
                None
            }
        }
    }

    fn order(&mut self, start: Option<i64>, end: Option<i64>) {
        if matches!((start, end), (Some(start), Some(end)) if end < start) {
            self.add("end_date", "is before start_date, so it would never fire");
        }
    }

    fn at_least_one(&mut self, field: &str, count: Option<i64>) {
        if count.is_some_and(|count| count < 1) {
            self.add(field, "must be at least 1");
        }
    }
}

impl When {
    /// Reads the schedule of a kind.
    ///
    /// # Errors
    /// The fault, with its field.
    pub fn read(kind: JobKind, part: Value) -> Result<Self, Vec<Violation>> {
        Ok(match kind {
            JobKind::OneTime => Self::OneTime(read_part(&part)?),
            JobKind::Interval => Self::Interval(read_part(&part)?),
            JobKind::Cron => Self::Cron(read_part(&part)?),
        })
    }

    /// Reads and checks the schedule of a kind.
    ///
    /// # Errors
    /// Every fault found, each with its field.
    pub fn checked(kind: JobKind, part: Value) -> Result<Self, Vec<Violation>> {
        let when = Self::read(kind, part)?;
        let faults = when.check();
        if faults.is_empty() {
            Ok(when)
        } else {
            Err(faults)
        }
    }

    /// Reads and checks a schedule among whatever other settings of a job.
    ///
    /// # Errors
    /// Every fault found, each with its field.
    pub fn draft(kind: JobKind, mut fields: Map<String, Value>) -> Result<Self, Vec<Violation>> {
        fields.retain(|name, _| !super::is_about_the_run(name));
        Self::checked(kind, Value::Object(fields))
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::OneTime(_) => JobKind::OneTime,
            Self::Interval(_) => JobKind::Interval,
            Self::Cron(_) => JobKind::Cron,
        }
    }

    /// Every fault found, each with its field.
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        self.compiled(0).err().unwrap_or_default()
    }

    /// The zone; UTC when it names none.
    #[must_use]
    pub fn zone(&self) -> Tz {
        let name = match self {
            Self::OneTime(when) => &when.time_zone,
            Self::Interval(when) => &when.time_zone,
            Self::Cron(when) => &when.time_zone,
        };
        name.parse().unwrap_or(Tz::UTC)
    }

    /// Most runs.
    #[must_use]
    pub const fn max_runs(&self) -> Option<i64> {
        match self {
            Self::OneTime(_) => None,
            Self::Interval(when) => when.max_runs,
            Self::Cron(when) => when.max_runs,
        }
    }

    /// The schedule; intervals without a start date are counted from `anchor_ms`.
    ///
    /// # Errors
    /// Every fault found, each with its field.
    pub fn compiled(&self, anchor_ms: i64) -> Result<Schedule, Vec<Violation>> {
        let mut faults = Faults::default();
        let schedule = match self {
            Self::OneTime(when) => one_time(when, &mut faults),
            Self::Interval(when) => interval(when, anchor_ms, &mut faults),
            Self::Cron(when) => cron(when, &mut faults),
        };
        match schedule {
            Some(schedule) if faults.0.is_empty() => Ok(schedule),
            Some(_) | None => Err(faults.0),
        }
    }
}

fn one_time(when: &OneTimeWhen, faults: &mut Faults) -> Option<Schedule> {
    let zone = faults.zone(&when.time_zone);
    let at_ms = faults.date("start_date", Some(&when.start_date), zone)?;
    Some(Schedule {
        rule: Rule::Once(at_ms),
        from_ms: None,
        until_ms: None,
    })
}

fn interval(when: &IntervalWhen, anchor_ms: i64, faults: &mut Faults) -> Option<Schedule> {
    let zone = faults.zone(&when.time_zone);
    let start = faults.date("start_date", when.start_date.as_deref(), zone);
    let end = faults.date("end_date", when.end_date.as_deref(), zone);
    faults.order(start, end);
    faults.at_least_one("repeats", when.repeats);
    faults.at_least_one("max_runs", when.max_runs);
    let parts = [
        ("weeks", when.weeks),
        ("days", when.days),
        ("hours", when.hours),
        ("minutes", when.minutes),
        ("seconds", when.seconds),
    ];
    for (field, count) in parts.iter().filter(|(_, count)| *count < 0) {
        faults.add(field, format!("{count} is negative; it must be 0 or more"));
    }
    if parts.iter().all(|(_, count)| *count == 0) {
        let message = "an interval needs one of weeks, days, hours, minutes and seconds above 0";
        faults.add("seconds", message);
    }
    let period_s = when.period_s().filter(|period| *period <= PERIOD_MAX_S);
    if period_s.is_none() {
        faults.add("weeks", "an interval is at most ten years long");
    }
    Some(Schedule {
        rule: Rule::Every {
            anchor_ms: start.unwrap_or(anchor_ms),
            period_ms: period_s?.max(1) * 1_000,
            first: i64::from(start.is_none()),
            repeats: when.repeats,
        },
        from_ms: None,
        until_ms: end,
    })
}

fn cron(when: &CronWhen, faults: &mut Faults) -> Option<Schedule> {
    let zone = faults.zone(&when.time_zone);
    let start = faults.date("start_date", when.start_date.as_deref(), zone);
    let end = faults.date("end_date", when.end_date.as_deref(), zone);
    faults.order(start, end);
    faults.at_least_one("max_runs", when.max_runs);
    let line = CronLine::read(&when.cron)
        .map_err(|error| faults.add("cron", error.to_string()))
        .ok()?;
    Some(Schedule {
        rule: Rule::Cron(Box::new(line), zone),
        from_ms: start,
        until_ms: end,
    })
}
