//! Time zones: from local time to instants and back, over the changes of summer time.
//!
//! The rule, for people and for this code:
//! - A line with fixed hours (`30 2 * * *`) fires once a day. When the clock jumps over its time, it fires at the first
//!   moment after the jump (marked `gap`); when its time comes twice, it fires the first time (marked `overlap`).
//! - A line whose hour field begins with a star (`* * * * *`, `0 */2 * * *`) follows elapsed time: it fires at every
//!   moment whose local time matches, so nothing in the gap, and in both hours of the overlap (marked `overlap`).

use chrono::{DateTime, Duration, MappedLocalTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::cron_line::CronLine;

/// Around a change of the clock: no change is longer than this.
const AROUND_CHANGE: i64 = 26 * 3_600;
/// Most local times looked at for one fire: the seconds of the longest overlap, twice.
const LOOKS_MAX: usize = 2 * 3_600 * 3;

/// How summer time touched a fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockMark {
    /// Its local time does not exist on that day; it fires right after the jump.
    Gap,
    /// Its local time comes twice on that day.
    Overlap,
}

/// One due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// How summer time touched it.
    pub mark: Option<ClockMark>,
}

/// Where a local time lies on the line of instants.
enum Place {
    Once(i64),
    Twice(i64, i64),
    /// The first instant after the jump.
    Jumped(i64),
}

fn place(zone: Tz, local: NaiveDateTime) -> Option<Place> {
    Some(match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(instant) => Place::Once(instant.timestamp_millis()),
        MappedLocalTime::Ambiguous(first, second) => {
            Place::Twice(first.timestamp_millis(), second.timestamp_millis())
        }
        MappedLocalTime::None => Place::Jumped(jump_after(zone, local)?),
    })
}

/// The instant of a local time; in a gap the first one after it, in an overlap the first of the two.
pub(crate) fn instant(zone: Tz, local: NaiveDateTime) -> Option<i64> {
    place(zone, local).map(|place| match place {
        Place::Once(at) | Place::Twice(at, _) | Place::Jumped(at) => at,
    })
}

/// The local time of an instant; `None` out of the range of the calendar.
pub(crate) fn local(zone: Tz, at_ms: i64) -> Option<DateTime<Tz>> {
    DateTime::from_timestamp_millis(at_ms).map(|instant| instant.with_timezone(&zone))
}

/// An instant as people of the zone write it, with its offset.
#[must_use]
pub fn written(zone: Tz, at_ms: i64) -> String {
    local(zone, at_ms).map_or_else(
        || at_ms.to_string(),
        |time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
    )
}

/// The first instant after the jump that leaves out a local time.
fn jump_after(zone: Tz, local: NaiveDateTime) -> Option<i64> {
    let middle = local.and_utc().timestamp();
    change_between(zone, middle - AROUND_CHANGE, middle + AROUND_CHANGE)
}

fn offset_at(zone: Tz, second: i64) -> Option<i32> {
    let instant: DateTime<Utc> = DateTime::from_timestamp(second, 0)?;
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc());
    Some(offset.fix().local_minus_utc())
}

/// The instant between two seconds at which the offset becomes what it is at the end, in milliseconds.
fn change_between(zone: Tz, mut before: i64, mut after: i64) -> Option<i64> {
    let last = offset_at(zone, after)?;
    if offset_at(zone, before)? == last {
        return None;
    }
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if offset_at(zone, middle)? == last {
            after = middle;
        } else {
            before = middle;
        }
    }
    Some(after * 1_000)
}

/// The first due time of a line after an instant, as the zone's clock has it.
pub(crate) fn due_after(line: &CronLine, zone: Tz, after_ms: i64) -> Option<Due> {
    let from = local(zone, after_ms)?.naive_local();
    if line.every_hour() {
        elapsed(line, zone, after_ms, from)
    } else {
        on_the_wall(line, zone, after_ms, from)
    }
}

/// Fixed hours. Local times map to instants in order, so the first that lies after is the one.
fn on_the_wall(line: &CronLine, zone: Tz, after_ms: i64, from: NaiveDateTime) -> Option<Due> {
    for time in line.after(from).take(LOOKS_MAX) {
        let (at_ms, mark) = match place(zone, time)? {
            Place::Once(at) => (at, None),
            Place::Twice(first, _) => (first, Some(ClockMark::Overlap)),
            Place::Jumped(at) => (at, Some(ClockMark::Gap)),
        };
        if at_ms > after_ms {
            return Some(Due { at_ms, mark });
        }
    }
    None
}

/// Every hour: in the first pass of an overlap, the second one is looked at too.
fn elapsed(line: &CronLine, zone: Tz, after_ms: i64, from: NaiveDateTime) -> Option<Due> {
    let here = place(zone, from)?;
    let first_pass =
        matches!(here, Place::Twice(first, second) if after_ms < second && after_ms >= first);
    let mut found = None;
    for time in line.after(from).take(LOOKS_MAX) {
        let due = match place(zone, time)? {
            Place::Once(at_ms) => Due { at_ms, mark: None },
            Place::Twice(first, second) => {
                let at_ms = if first > after_ms { first } else { second };
                let mark = Some(ClockMark::Overlap);
                Due { at_ms, mark }
            }
            Place::Jumped(_) => continue,
        };
        if due.at_ms > after_ms {
            found = Some(due);
            break;
        }
    }
    if !first_pass {
        return found;
    }
    let again = second_pass(line, zone, after_ms);
    match (found, again) {
        (Some(one), Some(other)) => Some(if one.at_ms <= other.at_ms { one } else { other }),
        (one, other) => one.or(other),
    }
}

/// The first due time of the second pass of the overlap that an instant is in.
fn second_pass(line: &CronLine, zone: Tz, after_ms: i64) -> Option<Due> {
    let second = after_ms.div_euclid(1_000);
    let change_ms = change_between(zone, second, second + AROUND_CHANGE)?;
    let start = local(zone, change_ms)?.naive_local();
    let mut times = line.after(start - Duration::seconds(1));
    match place(zone, times.next()?)? {
        Place::Twice(_, at_ms) => Some(Due {
            at_ms,
            mark: Some(ClockMark::Overlap),
        }),
        Place::Once(_) | Place::Jumped(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp_millis()
    }

    fn naive(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap()
    }

    #[test]
    fn a_local_time_in_a_gap_means_the_moment_after_the_jump() {
        let cases = [
            (
                Tz::Europe__Warsaw,
                "2026-03-29 02:30:00",
                "2026-03-29T01:00:00Z",
            ),
            (
                Tz::America__New_York,
                "2026-03-08 02:30:00",
                "2026-03-08T07:00:00Z",
            ),
            (
                Tz::Australia__Lord_Howe,
                "2026-10-04 02:10:00",
                "2026-10-03T15:30:00Z",
            ),
        ];
        for (zone, local, expected) in cases {
            assert_eq!(
                instant(zone, naive(local)),
                Some(utc(expected)),
                "{zone} {local}"
            );
        }
    }

    #[test]
    fn a_local_time_that_comes_twice_means_the_first() {
        let first = instant(Tz::Europe__Warsaw, naive("2026-10-25 02:30:00"));
        assert_eq!(first, Some(utc("2026-10-25T00:30:00Z")));
        let once = instant(Tz::Europe__Warsaw, naive("2026-10-25 03:00:00"));
        assert_eq!(once, Some(utc("2026-10-25T02:00:00Z")));
    }

    #[test]
    fn times_are_written_with_their_offset() {
        let at = utc("2026-10-25T00:30:00Z");
        assert_eq!(written(Tz::Europe__Warsaw, at), "2026-10-25T02:30:00+02:00");
        assert_eq!(written(Tz::UTC, at), "2026-10-25T00:30:00Z");
    }
}
