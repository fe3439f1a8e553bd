use chrono::{NaiveDate, NaiveDateTime};

use super::*;

fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap()
}

fn next(line: &str, after: &str, count: usize) -> Vec<String> {
    let line = CronLine::read(line).unwrap();
    let found = line.after(at(after)).take(count);
    found.map(|time| time.to_string()).collect()
}

#[test]
fn fields_mean_what_crontab_says() {
    // 2026-01-01 is a Thursday.
    let cases = [
        ("30 2 * * *", "2026-01-01 02:30:00", "2026-01-02 02:30:00"),
        ("0 0 2 * * *", "2026-01-01 00:00:00", "2026-01-01 02:00:00"),
        ("5 0 0 * * *", "2026-01-01 00:00:00", "2026-01-01 00:00:05"),
        ("0 9 * * 1", "2026-01-01 00:00:00", "2026-01-05 09:00:00"),
        ("0 9 * * MON", "2026-01-01 00:00:00", "2026-01-05 09:00:00"),
        ("0 9 * * 0", "2026-01-01 00:00:00", "2026-01-04 09:00:00"),
        ("0 9 * * 7", "2026-01-01 00:00:00", "2026-01-04 09:00:00"),
        ("0 9 * * sun", "2026-01-01 00:00:00", "2026-01-04 09:00:00"),
        ("0 9 * * 5-7", "2026-01-03 10:00:00", "2026-01-04 09:00:00"),
        (
            "0 9 * * FRI-SUN",
            "2026-01-04 10:00:00",
            "2026-01-09 09:00:00",
        ),
        ("0 9 * * */2", "2026-01-01 10:00:00", "2026-01-03 09:00:00"),
        ("0 0 1 FEB *", "2026-01-01 00:00:00", "2026-02-01 00:00:00"),
        ("0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00"),
        (
            "10-20/5 * * * *",
            "2026-01-01 00:11:00",
            "2026-01-01 00:15:00",
        ),
        ("50/5 * * * *", "2026-01-01 00:50:00", "2026-01-01 00:55:00"),
        ("@daily", "2026-01-01 00:00:00", "2026-01-02 00:00:00"),
        ("@Weekly", "2026-01-01 00:00:00", "2026-01-04 00:00:00"),
        ("@monthly", "2026-01-01 00:00:00", "2026-02-01 00:00:00"),
        ("@yearly", "2026-01-01 00:00:00", "2027-01-01 00:00:00"),
        ("@hourly", "2026-01-01 00:00:00", "2026-01-01 01:00:00"),
    ];
    for (line, after, expected) in cases {
        assert_eq!(next(line, after, 1), [expected], "{line}");
    }
}

#[test]
fn day_of_month_or_day_of_week_when_both_are_given() {
    // The 13th (a Friday in February and March 2026), and every Monday.
    let found = next("0 0 13 * MON", "2026-02-08 12:00:00", 4);
    let expected = [
        "2026-02-09 00:00:00",
        "2026-02-13 00:00:00",
        "2026-02-16 00:00:00",
        "2026-02-23 00:00:00",
    ];
    assert_eq!(found, expected);
    // A Monday that is the 13th fires once.
    assert_eq!(
        next("0 0 13 7 MON", "2026-07-12 00:00:00", 2),
        ["2026-07-13 00:00:00", "2026-07-20 00:00:00"]
    );
    // A star that is given makes it AND, as crontab has it.
    assert_eq!(
        next("0 0 */2 * MON", "2026-01-05 12:00:00", 1),
        ["2026-01-19 00:00:00"]
    );
}

#[test]
fn what_cannot_be_read_names_its_field() {
    let cases = [
        ("", "is empty"),
        ("* * * *", "has 4 fields"),
        ("* * * * * * *", "has 7 fields"),
        ("61 * * * *", "minute field"),
        ("* 24 * * *", "hour field"),
        ("* * 0 * *", "day of month field"),
        ("* * * 13 *", "month field"),
        ("* * * FOO *", "month field"),
        ("* * * * 8", "day of week field"),
        ("60 * * * * *", "second field"),
        ("*/0 * * * *", "minute field: the step"),
        ("* 22-2 * * *", "hour field: the range"),
        ("* * ? * *", "day of month field"),
        ("1,,2 * * * *", "minute field"),
        ("-1 * * * *", "minute field"),
        ("+1 * * * *", "minute field"),
        ("0 0 30 2 *", "never fire"),
        ("@reboot", "@reboot"),
        ("@sometimes", "nickname"),
    ];
    for (line, expected) in cases {
        let message = CronLine::read(line).unwrap_err().to_string();
        assert!(message.contains(expected), "{line:?}: {message}");
    }
    assert!(CronLine::read(&"1,".repeat(LINE_BYTES)).is_err());
}

#[test]
fn a_line_stays_in_order_over_a_year() {
    let line = CronLine::read("0 */7 * * *").unwrap();
    let start = NaiveDate::from_ymd_opt(2026, 1, 1)
        .unwrap()
        .and_hms_opt(0, 0, 0)
        .unwrap();
    let all: Vec<_> = line.after(start).take(1_000).collect();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
}
