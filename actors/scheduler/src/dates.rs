//! Dates as settings have them: with an offset, or local to the job's zone.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Timelike};
use chrono_tz::Tz;

use crate::zone;

/// Local forms, with seconds or without.
const LOCAL_FORMS: [&str; 5] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
];

/// Reads a date into Unix milliseconds. One without an offset is local to `zone`: in a gap of its clock it means the
/// moment after the jump, in an overlap the first of the two.
///
/// # Errors
/// What is accepted.
pub(crate) fn read(text: &str, zone: Tz) -> Result<i64, String> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.timestamp_millis());
    }
    let local = LOCAL_FORMS.iter().find_map(|form| local(text, form));
    local
        .and_then(|local| zone::instant(zone, local))
        .ok_or_else(|| {
            "is not a date; write 2026-03-29 02:30:00 for local time, or 2026-03-29T02:30:00Z"
                .to_owned()
        })
}

fn local(text: &str, form: &str) -> Option<NaiveDateTime> {
    let read = NaiveDateTime::parse_from_str(text, form).ok().or_else(|| {
        let day = NaiveDate::parse_from_str(text, form).ok()?;
        day.and_hms_opt(0, 0, 0)
    })?;
    // A leap second of the calendar is the second before it here.
    (read.nanosecond() < 1_000_000_000).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::read;
    use chrono_tz::Tz;

    #[test]
    fn dates_are_local_unless_they_say() {
        let noon = 1_767_265_200_000; // 2026-01-01T11:00:00Z
        for text in [
            "2026-01-01 12:00:00",
            "2026-01-01T12:00:00",
            "2026-01-01 12:00",
            "2026-01-01T11:00:00Z",
            "2026-01-01T12:00:00+01:00",
        ] {
            assert_eq!(read(text, Tz::Europe__Warsaw), Ok(noon), "{text}");
        }
        assert_eq!(read("2026-01-01", Tz::UTC), Ok(1_767_225_600_000));
        for wrong in [
            "",
            "tomorrow",
            "2026-13-01 00:00:00",
            "01.01.2026",
            "2026-01-01 25:00",
        ] {
            assert!(read(wrong, Tz::UTC).is_err(), "{wrong}");
        }
    }
}
