use proptest::prelude::*;

use super::*;
use crate::schedule::Rule;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn every(period_ms: i64) -> Schedule {
    let rule = Rule::Every {
        anchor_ms: 0,
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

fn rules(catch_up: CatchUp) -> Rules {
    Rules {
        catch_up,
        window_ms: 24 * HOUR,
        jitter_ms: 0,
        job: 7,
        runs_left: None,
    }
}

fn counts(plan: &Plan) -> Vec<(Verdict, i64)> {
    let decided = plan.decided.iter();
    decided
        .map(|one| (one.verdict, one.stretch.count))
        .collect()
}

#[test]
fn what_is_due_is_run_and_the_next_is_waited_for() {
    let plan = plan(
        &every(MINUTE),
        &rules(CatchUp::Collapse),
        HOUR,
        HOUR + MINUTE + 3,
    );
    assert_eq!(
        (plan.fires, plan.next_start_ms),
        (vec![HOUR + MINUTE], Some(HOUR + 2 * MINUTE))
    );
    assert!(plan.decided.is_empty());
}

#[test]
fn a_missed_hour_collapses_into_one_run() {
    // Down from 1:00 to 2:00:30: sixty fires, the last of them half a minute ago.
    let plan = plan(
        &every(MINUTE),
        &rules(CatchUp::Collapse),
        HOUR,
        2 * HOUR + 30_000,
    );
    assert_eq!(plan.fires, [2 * HOUR]);
    assert_eq!(counts(&plan), [(Verdict::Collapsed, 59)]);
    assert!(plan.decided[0].reason.contains(&(2 * HOUR).to_string()));
}

#[test]
fn a_fire_that_is_due_now_stands_for_those_that_were_missed() {
    let plan = plan(
        &every(MINUTE),
        &rules(CatchUp::Collapse),
        HOUR,
        2 * HOUR + 10,
    );
    assert_eq!(plan.fires, [2 * HOUR]);
    assert_eq!(counts(&plan), [(Verdict::Collapsed, 59)]);
}

#[test]
fn the_other_policies_run_all_or_none() {
    let now = 2 * HOUR + 30_000;
    let all = plan(&every(MINUTE), &rules(CatchUp::All), HOUR, now);
    assert_eq!((all.fires.len(), all.decided.len()), (60, 0));
    let none = plan(&every(MINUTE), &rules(CatchUp::Skip), HOUR, now);
    assert_eq!(
        (none.fires.len(), counts(&none)),
        (0, vec![(Verdict::Skipped, 60)])
    );
    let flood = plan(&every(1_000), &rules(CatchUp::All), HOUR, now);
    // On time are the last five seconds; what was missed before is more than is run one by one.
    assert_eq!(counts(&flood), [(Verdict::Collapsed, 3_625)]);
    assert_eq!(flood.fires.len(), 5);
}

#[test]
fn what_is_older_than_the_window_is_skipped_and_said() {
    let mut rules = rules(CatchUp::Collapse);
    rules.window_ms = 10 * MINUTE;
    let plan = plan(&every(MINUTE), &rules, HOUR, 2 * HOUR + 30_000);
    assert_eq!(
        counts(&plan),
        [(Verdict::Skipped, 50), (Verdict::Collapsed, 9)]
    );
    assert_eq!(plan.fires, [2 * HOUR]);
    rules.window_ms = 0;
    let nothing = super::plan(&every(MINUTE), &rules, HOUR, 2 * HOUR + 30_000);
    assert_eq!(
        (nothing.fires.len(), counts(&nothing)),
        (0, vec![(Verdict::Skipped, 60)])
    );
}

#[test]
fn runs_end_when_they_are_used_up() {
    let mut rules = rules(CatchUp::All);
    rules.runs_left = Some(2);
    assert_eq!(
        plan(&every(MINUTE), &rules, HOUR, 2 * HOUR + 30_000)
            .fires
            .len(),
        2
    );
    rules.runs_left = Some(0);
    assert_eq!(
        plan(&every(MINUTE), &rules, HOUR, 2 * HOUR),
        Plan::default()
    );
}

#[test]
fn jitter_delays_a_start_within_its_bound_and_the_same_each_time() {
    let mut rules = rules(CatchUp::Collapse);
    rules.jitter_ms = 10_000;
    let starts: Vec<i64> = (1..100)
        .map(|n| rules.start_of(n * MINUTE) - n * MINUTE)
        .collect();
    assert!(starts.iter().all(|late| (0..=10_000).contains(late)));
    assert!(starts.iter().any(|late| *late != starts[0]));
    let start = rules.start_of(2 * HOUR);
    let before = plan(&every(HOUR), &rules, HOUR, start - 1);
    assert_eq!((before.fires.len(), before.next_start_ms), (0, Some(start)));
    assert_eq!(plan(&every(HOUR), &rules, HOUR, start).fires, [2 * HOUR]);
}

#[test]
fn a_clock_set_back_fires_nothing_twice_and_one_that_was_far_ahead_is_not_believed() {
    let back = plan(&every(MINUTE), &rules(CatchUp::Collapse), 2 * HOUR, HOUR);
    assert_eq!(
        (back.fires.len(), back.next_start_ms),
        (0, Some(2 * HOUR + MINUTE))
    );
    assert_eq!(believed(2 * HOUR, HOUR), 2 * HOUR);
    assert_eq!(believed(30 * HOUR, HOUR), HOUR);
}

proptest! {
    /// Whatever the gaps between two looks: every fire is decided once, run or not, and in order.
    #[test]
    fn every_fire_gets_one_verdict(
        gaps in prop::collection::vec(1i64..20 * HOUR, 1..40),
        period in prop_oneof![Just(1_000i64), Just(MINUTE), Just(HOUR), Just(7 * HOUR)],
        policy in prop_oneof![Just(CatchUp::Collapse), Just(CatchUp::All), Just(CatchUp::Skip)],
    ) {
        let (schedule, rules) = (every(period), rules(policy));
        let (mut now, mut planned, mut decided, mut last) = (0, 0, 0, 0);
        for gap in gaps {
            now += gap;
            loop {
                let plan = plan(&schedule, &rules, planned, now);
                for one in &plan.decided {
                    prop_assert!(one.stretch.first_ms > last);
                    last = one.stretch.last_ms;
                    decided += one.stretch.count;
                }
                for due in &plan.fires {
                    prop_assert!(*due > last);
                    last = *due;
                    decided += 1;
                }
                planned = planned.max(last);
                if plan.fires.is_empty() { break; }
            }
        }
        prop_assert_eq!(decided, now / period);
    }
}
