//! A cron line as crontab(5) means it, over the `cron` crate.
//!
//! The crate reads days of the week as Quartz does and joins day of month and day of week with AND, so it never sees what
//! a person wrote: each field is expanded here to a list of numbers, 0 and 7 both Sunday, and where both days are
//! given, the line becomes two that are asked in turn. What the crate is asked is local time as if it were UTC; zones and
//! their changes are the affair of `zone`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};

/// Longest line, in bytes.
const LINE_BYTES: usize = 1_024;

/// A field of a line: its name, its least and greatest number, and names that stand for numbers.
#[derive(Debug, Clone, Copy)]
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// The first of these is `least` (days of the week: 0).
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Days of the longest month of that number.
const MONTH_DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const FIELDS: [Field; 6] = [
    field("second", 0, 59, &[]),
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of month", 1, 31, &[]),
    field("month", 1, 12, MONTHS),
    // 7 is Sunday too, so that a range may end with it.
    field("day of week", 0, 7, DAYS),
];

const fn field(name: &'static str, least: u32, most: u32, names: &'static [&'static str]) -> Field {
    Field {
        name,
        least,
        most,
        names,
    }
}

/// Lines that have a name.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Why a line was not taken: which field, and what would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronError(String);

impl fmt::Display for CronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CronError {}

fn wrong<T>(message: impl Into<String>) -> Result<T, CronError> {
    Err(CronError(message.into()))
}

/// A field that was read.
#[derive(Debug)]
struct Numbers {
    numbers: BTreeSet<u32>,
    /// It began with a star.
    star: bool,
}

/// A line that was read.
#[derive(Debug, Clone)]
pub struct CronLine {
    /// One, or two of which either may fire.
    lines: Vec<cron::Schedule>,
    /// Its hour field means every hour or a step of them: it follows elapsed time, not the clock on the wall.
    every_hour: bool,
}

impl CronLine {
    /// Reads a line of five fields, of six with seconds first, or a nickname such as `@daily`.
    ///
    /// # Errors
    /// [`CronError`], naming the field.
    pub fn read(line: &str) -> Result<Self, CronError> {
        if line.len() > LINE_BYTES {
            return wrong(format!("is longer than {LINE_BYTES} bytes"));
        }
        let words = words(line.trim())?;
        let mut read = Vec::with_capacity(FIELDS.len());
        for (field, word) in FIELDS.iter().zip(&words) {
            read.push(numbers(*field, word)?);
        }
        let [second, minute, hour, day, month, weekday] = read.as_slice() else {
            return wrong("needs 5 fields, or 6 with seconds first");
        };
        refuse_never(day, month, weekday)?;
        let either = !day.star && !weekday.star;
        let time = format!("{} {} {}", list(second), list(minute), list(hour));
        let (days, weekdays) = (list(day), quartz(weekday));
        let months = list(month);
        let texts = if either {
            vec![
                format!("{time} {days} {months} *"),
                format!("{time} * {months} {weekdays}"),
            ]
        } else {
            vec![format!("{time} {days} {months} {weekdays}")]
        };
        let mut lines = Vec::with_capacity(texts.len());
        for text in texts {
            let parsed = cron::Schedule::from_str(&text);
            lines.push(parsed.map_err(|error| CronError(format!("cannot be read: {error}")))?);
        }
        Ok(Self {
            lines,
            every_hour: hour.star || hour.numbers.len() == 24,
        })
    }

    /// Whether it follows elapsed time, because its hour field began with a star or names all hours.
    pub(crate) const fn every_hour(&self) -> bool {
        self.every_hour
    }

    /// Local times after one, in order, each once.
    pub(crate) fn after(&self, local: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> + '_ {
        let start = local.and_utc();
        let mut sources: Vec<_> = self
            .lines
            .iter()
            .map(|line| line.after(&start).peekable())
            .collect();
        std::iter::from_fn(move || {
            let next: DateTime<Utc> = sources
                .iter_mut()
                .filter_map(|source| source.peek().copied())
                .min()?;
            for source in &mut sources {
                if source.peek() == Some(&next) {
                    source.next();
                }
            }
            Some(next.naive_utc())
        })
    }
}

/// The words of a line, six of them.
fn words(line: &str) -> Result<Vec<String>, CronError> {
    if line.starts_with('@') {
        let lower = line.to_ascii_lowercase();
        let known = NICKNAMES.iter().find(|(name, _)| *name == lower);
        return match known {
            Some((_, text)) => words(text),
            None if lower == "@reboot" => {
                wrong("@reboot is not a time; use a one-time job or run the service at start")
            }
            None => wrong(format!(
                "{line:?} is not a nickname; use @yearly, @monthly, @weekly, @daily or @hourly"
            )),
        };
    }
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    match words.len() {
        6 => Ok(words),
        5 => {
            words.insert(0, "0".to_owned());
            Ok(words)
        }
        0 => wrong("is empty; it needs 5 fields, such as 30 2 * * *"),
        count => wrong(format!(
            "has {count} fields; it needs 5 (minute hour day-of-month month day-of-week), or 6 with seconds first"
        )),
    }
}

fn numbers(field: Field, word: &str) -> Result<Numbers, CronError> {
    let mut numbers = BTreeSet::new();
    for part in word.split(',') {
        numbers.extend(part_of(field, part)?);
    }
    if field.names.len() == DAYS.len() && numbers.remove(&7) {
        numbers.insert(0);
    }
    Ok(Numbers {
        numbers,
        star: word.starts_with('*'),
    })
}

/// One part of a list: `*`, `5`, `1-5`, `*/2`, `1-30/2`.
fn part_of(field: Field, part: &str) -> Result<impl Iterator<Item = u32>, CronError> {
    let (range, step) = match part.split_once('/') {
        None => (part, None),
        Some((range, step)) => (range, Some(step_of(field, part, step)?)),
    };
    let (first, last) = match range.split_once('-') {
        _ if range == "*" => (field.least, last_of_star(field)),
        None if step.is_some() => (number(field, part, range)?, last_of_star(field)),
        None => {
            let only = number(field, part, range)?;
            (only, only)
        }
        Some((first, last)) => (number(field, part, first)?, end(field, part, last)?),
    };
    if first > last {
        return wrong(format!(
            "{} field: the range {part:?} ends before it starts; write two, such as 22-23,0-2",
            field.name
        ));
    }
    let step = usize::try_from(step.unwrap_or(1)).unwrap_or(1);
    Ok((first..=last).step_by(step))
}

/// A star means each day of the week once, so it does not reach the second Sunday.
fn last_of_star(field: Field) -> u32 {
    if field.names.len() == DAYS.len() {
        6
    } else {
        field.most
    }
}

fn step_of(field: Field, part: &str, step: &str) -> Result<u32, CronError> {
    match digits(step) {
        Some(step) if step > 0 && step <= field.most => Ok(step),
        Some(_) | None => wrong(format!(
            "{} field: the step in {part:?} must be from 1 to {}",
            field.name, field.most
        )),
    }
}

/// The end of a range: Sunday by name ends a week there.
fn end(field: Field, part: &str, word: &str) -> Result<u32, CronError> {
    let number = number(field, part, word)?;
    let sunday = field.names.len() == DAYS.len() && number == 0 && digits(word).is_none();
    Ok(if sunday { 7 } else { number })
}

fn number(field: Field, part: &str, word: &str) -> Result<u32, CronError> {
    let named = (field.names.iter()).position(|name| name.eq_ignore_ascii_case(word));
    let named = named.and_then(|place| u32::try_from(place).ok());
    let first = if field.names.len() == DAYS.len() {
        0
    } else {
        field.least
    };
    let found = named.map(|place| place + first).or_else(|| digits(word));
    match found {
        Some(number) if (field.least..=field.most).contains(&number) => Ok(number),
        Some(_) | None => {
            let names = if field.names.is_empty() {
                String::new()
            } else {
                format!(" or {}", field.names.join(", "))
            };
            wrong(format!(
                "{} field: {part:?} is not understood; numbers go from {} to {}{names}; *, lists, ranges and /steps are fine",
                field.name, field.least, field.most
            ))
        }
    }
}

fn digits(word: &str) -> Option<u32> {
    let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| word.parse().ok()).flatten()
}

/// A line of days that no month has would never fire, and nobody means that.
fn refuse_never(day: &Numbers, month: &Numbers, weekday: &Numbers) -> Result<(), CronError> {
    if !day.star && !weekday.star {
        return Ok(());
    }
    let longest = (MONTH_DAYS.iter().zip(1u32..))
        .filter(|(_, number)| month.numbers.contains(number))
        .map(|(days, _)| *days)
        .max();
    let first = day.numbers.first().copied();
    if first <= longest {
        return Ok(());
    }
    wrong("day of month field: none of the months named has such a day, so it would never fire")
}

fn list(field: &Numbers) -> String {
    join(field.numbers.iter().copied())
}

/// Days of the week as the crate counts them: Sunday is 1.
fn quartz(field: &Numbers) -> String {
    join(field.numbers.iter().map(|day| day + 1))
}

fn join(numbers: impl Iterator<Item = u32>) -> String {
    let words: Vec<String> = numbers.map(|number| number.to_string()).collect();
    words.join(",")
}

#[cfg(test)]
mod tests;
