use chrono::DateTime;
use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn utc(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_millis()
}

fn cron(line: &str, zone: &str) -> Schedule {
    Schedule {
        rule: Rule::Cron(
            Box::new(CronLine::read(line).unwrap()),
            zone.parse().unwrap(),
        ),
        from_ms: None,
        until_ms: None,
    }
}

fn every(period_ms: i64, anchor_ms: i64) -> Schedule {
    let rule = Rule::Every {
        anchor_ms,
        period_ms,
        first: 1,
        repeats: None,
    };
    Schedule {
        rule,
        from_ms: None,
        until_ms: None,
    }
}

/// Fires after one moment and before another, as local times with their marks.
fn fires(schedule: &Schedule, zone: &str, after: &str, until: &str) -> Vec<String> {
    let (zone, until) = (zone.parse().unwrap(), utc(until));
    let found = schedule.next_n(utc(after), 4_000).into_iter();
    let shown = found.take_while(|due| due.at_ms < until).map(|due| {
        let mark = match due.mark {
            None => "",
            Some(ClockMark::Gap) => " gap",
            Some(ClockMark::Overlap) => " overlap",
        };
        format!("{}{mark}", zone::written(zone, due.at_ms))
    });
    shown.collect()
}

#[test]
fn daily_half_past_two_in_warsaw_over_both_changes_of_2026() {
    let daily = cron("30 2 * * *", "Europe/Warsaw");
    let spring = fires(
        &daily,
        "Europe/Warsaw",
        "2026-03-27T12:00:00Z",
        "2026-03-31T12:00:00Z",
    );
    assert_eq!(
        spring,
        [
            "2026-03-28T02:30:00+01:00",
            "2026-03-29T03:00:00+02:00 gap",
            "2026-03-30T02:30:00+02:00",
            "2026-03-31T02:30:00+02:00",
        ]
    );
    let autumn = fires(
        &daily,
        "Europe/Warsaw",
        "2026-10-23T12:00:00Z",
        "2026-10-27T12:00:00Z",
    );
    assert_eq!(
        autumn,
        [
            "2026-10-24T02:30:00+02:00",
            "2026-10-25T02:30:00+02:00 overlap",
            "2026-10-26T02:30:00+01:00",
            "2026-10-27T02:30:00+01:00",
        ]
    );
}

#[test]
fn daily_half_past_two_and_half_past_one_in_new_york_over_both_changes_of_2026() {
    let daily = cron("30 2 * * *", "America/New_York");
    let spring = fires(
        &daily,
        "America/New_York",
        "2026-03-07T00:00:00Z",
        "2026-03-10T00:00:00Z",
    );
    assert_eq!(
        spring,
        [
            "2026-03-07T02:30:00-05:00",
            "2026-03-08T03:00:00-04:00 gap",
            "2026-03-09T02:30:00-04:00",
        ]
    );
    // The clock goes from 2:00 back to 1:00 there: 2:30 comes once, 1:30 twice.
    let autumn = fires(
        &daily,
        "America/New_York",
        "2026-10-31T00:00:00Z",
        "2026-11-03T00:00:00Z",
    );
    assert_eq!(
        autumn,
        [
            "2026-10-31T02:30:00-04:00",
            "2026-11-01T02:30:00-05:00",
            "2026-11-02T02:30:00-05:00",
        ]
    );
    let earlier = cron("30 1 * * *", "America/New_York");
    let autumn = fires(
        &earlier,
        "America/New_York",
        "2026-10-31T00:00:00Z",
        "2026-11-03T00:00:00Z",
    );
    assert_eq!(
        autumn,
        [
            "2026-10-31T01:30:00-04:00",
            "2026-11-01T01:30:00-04:00 overlap",
            "2026-11-02T01:30:00-05:00",
        ]
    );
}

#[test]
fn a_daily_job_fires_on_every_day_of_a_year_and_once() {
    for zone in [
        "Europe/Warsaw",
        "America/New_York",
        "Australia/Lord_Howe",
        "UTC",
    ] {
        let name: Tz = zone.parse().unwrap();
        let daily = cron("30 2 * * *", zone);
        let days: Vec<String> = daily
            .next_n(utc("2026-01-01T12:00:00Z"), 365)
            .into_iter()
            .map(|due| {
                zone::written(name, due.at_ms)
                    .split('T')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        let mut once = days.clone();
        once.dedup();
        assert_eq!(once.len(), 365, "{zone}");
        assert!(
            days.last().unwrap().starts_with("2027-01-0"),
            "{zone}: {days:?}"
        );
    }
}

#[test]
fn every_minute_over_the_autumn_hour_is_every_minute() {
    let minutely = cron("* * * * *", "Europe/Warsaw");
    let start = utc("2026-10-24T23:30:00Z");
    let found = minutely.next_n(start, 180);
    for (number, due) in (1i64..).zip(&found) {
        assert_eq!(due.at_ms, start + number * MINUTE);
        // 02:00 to 02:59 local comes twice: from 00:00 to 01:59 UTC.
        let twice = (utc("2026-10-25T00:00:00Z")..utc("2026-10-25T02:00:00Z")).contains(&due.at_ms);
        assert_eq!(
            due.mark.is_some(),
            twice,
            "{}",
            zone::written(Tz::UTC, due.at_ms)
        );
    }
}

#[test]
fn every_minute_over_the_spring_gap_is_every_minute() {
    let minutely = cron("* * * * *", "Europe/Warsaw");
    let start = utc("2026-03-29T00:30:00Z");
    let expected: Vec<Due> = (1..=90)
        .map(|number| plain(start + number * MINUTE))
        .collect();
    assert_eq!(minutely.next_n(start, 90), expected);
}

#[test]
fn steps_of_hours_follow_elapsed_time_and_fixed_hours_the_wall() {
    let stepped = cron("15 */2 * * *", "Europe/Warsaw");
    assert_eq!(
        fires(
            &stepped,
            "Europe/Warsaw",
            "2026-10-24T21:00:00Z",
            "2026-10-25T04:00:00Z"
        ),
        [
            "2026-10-25T00:15:00+02:00",
            "2026-10-25T02:15:00+02:00 overlap",
            "2026-10-25T02:15:00+01:00 overlap",
            "2026-10-25T04:15:00+01:00",
        ]
    );
    let quarters = cron("*/15 2 * * *", "Europe/Warsaw");
    assert_eq!(
        fires(
            &quarters,
            "Europe/Warsaw",
            "2026-03-28T12:00:00Z",
            "2026-03-29T12:00:00Z"
        ),
        ["2026-03-29T03:00:00+02:00 gap"]
    );
    assert_eq!(
        fires(
            &quarters,
            "Europe/Warsaw",
            "2026-10-24T12:00:00Z",
            "2026-10-25T12:00:00Z"
        ),
        [
            "2026-10-25T02:00:00+02:00 overlap",
            "2026-10-25T02:15:00+02:00 overlap",
            "2026-10-25T02:30:00+02:00 overlap",
            "2026-10-25T02:45:00+02:00 overlap",
        ]
    );
}

#[test]
fn an_interval_starts_after_its_first_period_or_on_its_start_date() {
    assert_eq!(every(10_000, 5_000).next_after(5_000), Some(plain(15_000)));
    assert_eq!(
        every(10_000, 5_000).next_after(-90_000),
        Some(plain(15_000))
    );
    let dated = Schedule {
        rule: Rule::Every {
            anchor_ms: 5_000,
            period_ms: 10_000,
            first: 0,
            repeats: Some(3),
        },
        from_ms: None,
        until_ms: None,
    };
    let all: Vec<i64> = dated.next_n(0, 10).iter().map(|due| due.at_ms).collect();
    assert_eq!(all, [5_000, 15_000, 25_000]);
    let missed = dated.between(0, 1_000_000).unwrap();
    assert_eq!(
        (missed.first_ms, missed.last_ms, missed.count),
        (5_000, 25_000, 3)
    );
}

#[test]
fn bounds_hold_for_every_kind() {
    let bounded = |rule: Rule| Schedule {
        rule,
        from_ms: Some(100_000),
        until_ms: Some(200_000),
    };
    let line = Box::new(CronLine::read("* * * * *").unwrap());
    let cron = bounded(Rule::Cron(line, Tz::UTC));
    let all: Vec<i64> = cron.next_n(0, 10).iter().map(|due| due.at_ms).collect();
    assert_eq!(all, [120_000, 180_000]);
    assert_eq!(bounded(Rule::Once(250_000)).next_after(0), None);
    assert_eq!(
        bounded(Rule::Once(200_000)).next_after(0),
        Some(plain(200_000))
    );
    assert_eq!(bounded(Rule::Once(200_000)).next_after(200_000), None);
}

#[test]
fn a_missed_stretch_is_counted_and_its_last_fire_found() {
    let daily = cron("30 2 * * *", "UTC");
    let missed = daily
        .between(utc("2026-01-01T00:00:00Z"), utc("2026-01-10T02:30:00Z"))
        .unwrap();
    assert_eq!(
        (missed.count, missed.last_ms),
        (10, utc("2026-01-10T02:30:00Z"))
    );
    let secondly = cron("* * * * * *", "UTC");
    let missed = secondly.between(0, 3 * DAY).unwrap();
    assert_eq!(missed.count, i64::try_from(COUNTED_MAX).unwrap());
    assert_eq!((missed.first_ms, missed.last_ms), (1_000, 3 * DAY));
    assert_eq!(
        daily.between(utc("2026-01-01T03:00:00Z"), utc("2026-01-01T20:00:00Z")),
        None
    );
    let often = every(1_000, 0);
    assert_eq!(often.between(0, 30 * DAY).unwrap().count, 30 * DAY / 1_000);
}

fn lines() -> impl Strategy<Value = String> {
    let minute = prop_oneof![
        Just("*".to_owned()),
        (0u32..60).prop_map(|m| m.to_string()),
        (1u32..30).prop_map(|s| format!("*/{s}"))
    ];
    let hour = prop_oneof![
        Just("*".to_owned()),
        (0u32..24).prop_map(|h| h.to_string()),
        (1u32..12).prop_map(|s| format!("*/{s}")),
        Just("1-4".to_owned())
    ];
    let day = prop_oneof![4 => Just("*".to_owned()), 1 => (1u32..29).prop_map(|d| d.to_string())];
    let weekday =
        prop_oneof![4 => Just("*".to_owned()), 1 => (0u32..8).prop_map(|d| d.to_string())];
    (minute, hour, day, weekday).prop_map(|(m, h, d, w)| format!("{m} {h} {d} * {w}"))
}

fn zones() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("Europe/Warsaw"),
        Just("America/New_York"),
        Just("Australia/Lord_Howe"),
        Just("America/Sao_Paulo"),
        Just("Africa/Casablanca"),
        Just("Asia/Kathmandu"),
        Just("UTC"),
    ]
}

/// 2025 to 2029.
fn moments() -> impl Strategy<Value = i64> {
    1_735_689_600_000i64..1_861_920_000_000
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_fire_comes_after_the_one_before(line in lines(), zone in zones(), start in moments()) {
        let schedule = cron(&line, zone);
        let mut before = start;
        for due in schedule.next_n(start, 60) {
            prop_assert!(due.at_ms > before, "{} in {}: {} after {}", line, zone, due.at_ms, before);
            before = due.at_ms;
        }
    }

    /// Nothing lies between a moment and its next fire: asked from anywhere before, the answer is the same.
    #[test]
    fn the_next_fire_does_not_depend_on_where_it_is_asked_from(
        line in lines(), zone in zones(), start in moments(), percent in 0i64..100,
    ) {
        let schedule = cron(&line, zone);
        if let Some(due) = schedule.next_after(start) {
            let length = due.at_ms - start;
            let inside = start + (length / 100 * percent).min(length - 1);
            prop_assert_eq!(schedule.next_after(inside), Some(due));
        }
    }

    /// Around a change of the clock, where most of the code is.
    #[test]
    fn the_hours_around_a_change_hold_the_same_promises(
        line in lines(), minutes in 0i64..480, autumn: bool,
    ) {
        let change = utc(if autumn { "2026-10-25T01:00:00Z" } else { "2026-03-29T01:00:00Z" });
        let schedule = cron(&line, "Europe/Warsaw");
        let start = change - 4 * HOUR + minutes * MINUTE;
        let all = schedule.next_n(change - 6 * HOUR, 2_000);
        let expected = all.iter().find(|due| due.at_ms > start).copied();
        if let Some(expected) = expected {
            prop_assert_eq!(schedule.next_after(start), Some(expected), "{}", line);
        }
    }

    #[test]
    fn the_phase_of_an_interval_is_stable(
        period in 1_000i64..100_000_000, anchor in moments(), asked in prop::collection::vec(moments(), 1..20),
    ) {
        let schedule = every(period, anchor);
        for moment in asked {
            let due = schedule.next_after(moment).unwrap().at_ms;
            prop_assert_eq!((due - anchor).rem_euclid(period), 0);
            prop_assert!(due > moment && due > anchor);
            prop_assert!(due - period <= moment || due == anchor + period);
        }
    }

    #[test]
    fn a_stretch_is_what_stepping_through_it_finds(line in lines(), zone in zones(), start in moments(), hours in 1i64..150) {
        let schedule = cron(&line, zone);
        let until = start + hours * HOUR;
        let stepped: Vec<i64> = schedule.next_n(start, COUNTED_MAX - 1).into_iter().map(|due| due.at_ms).take_while(|at| *at <= until).collect();
        let found = schedule.between(start, until);
        prop_assert_eq!(found.map(|stretch| stretch.count), (!stepped.is_empty()).then(|| i64::try_from(stepped.len()).unwrap()));
        if let Some(stretch) = found {
            prop_assert_eq!(Some(&stretch.last_ms), stepped.last());
        }
    }
}
