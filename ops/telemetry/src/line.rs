//! The shape of a log line: `2026-11-24 05:10:01,115 - INFO - message name=value`, as Zato's logs had it, in UTC.

use std::fmt::{self, Write};

use time::OffsetDateTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Longest line, in bytes; the rest is cut.
pub const LINE_BYTES: usize = 64 * 1024;

/// Formats events as lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainLine;

impl<S, N> FormatEvent<S, N> for PlainLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write_head(
            &mut out,
            busker_kit::clock::unix_ms(),
            *event.metadata().level(),
        )?;
        let mut text = EventText::default();
        event.record(&mut text);
        if let Some(scope) = context.event_scope() {
            for span in scope.from_root() {
                if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
                    && !fields.is_empty()
                {
                    write!(text.fields, " {fields}")?;
                }
            }
        }
        write_body(&mut out, &text.message, &text.fields)
    }
}

fn write_head(out: &mut impl Write, unix_ms: i64, level: Level) -> fmt::Result {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    write!(
        out,
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02},{:03} - {} - ",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond(),
        word(level)
    )
}

/// Python's words, so that one search finds lines of both languages.
fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

/// A line that follows is indented and control characters are escaped, so that text from outside cannot pose as a line
/// of its own or steer a terminal.
fn write_body(out: &mut impl Write, message: &str, fields: &str) -> fmt::Result {
    let mut left = LINE_BYTES;
    // Fields stand on the first line, where a search for a cid finds what it belongs to, before any traceback.
    let message = message.trim_end();
    let (first, rest) = message.split_at(message.find('\n').unwrap_or(message.len()));
    for letter in first.chars().chain(fields.chars()).chain(rest.chars()) {
        let Some(rest) = left.checked_sub(letter.len_utf8()) else {
            out.write_str(" [cut]")?;
            break;
        };
        left = rest;
        match letter {
            '\n' => out.write_str("\n  ")?,
            '\t' => out.write_char('\t')?,
            control if control.is_control() => write!(out, "{}", control.escape_default())?,
            plain => out.write_char(plain)?,
        }
    }
    out.write_char('\n')
}

/// The message of an event, and its other fields as ` name=value`.
#[derive(Debug, Default)]
struct EventText {
    message: String,
    fields: String,
}

impl EventText {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // `log` records carry their origin in fields of this prefix; it says nothing to an operator.
        if field.name().starts_with("log.") {
            return;
        }
        let written = if field.name() == "message" {
            self.message.write_fmt(value)
        } else {
            write!(self.fields, " {}={value}", field.name())
        };
        debug_assert!(written.is_ok(), "a String takes anything");
    }
}

impl Visit for EventText {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_time_level_and_dashes() {
        let mut out = String::new();
        write_head(&mut out, 1_795_497_001_115, Level::WARN).unwrap();
        assert_eq!(out, "2026-11-24 05:10:01,115 - WARNING - ");
    }

    #[test]
    fn text_from_outside_cannot_pose_as_a_line() {
        let mut out = String::new();
        write_body(&mut out, "bad\n2026 - INFO - forged\u{1b}[2J\r", " a=1").unwrap();
        assert_eq!(out, "bad a=1\n  2026 - INFO - forged\\u{1b}[2J\n");
    }

    #[test]
    fn a_line_has_a_longest_length() {
        let mut out = String::new();
        write_body(&mut out, &"x".repeat(LINE_BYTES + 10), "").unwrap();
        assert_eq!(out.len(), LINE_BYTES + " [cut]\n".len());
    }
}
