use super::*;

struct Bench {
    lease: Lease,
    start: Instant,
}

impl Bench {
    fn new() -> Self {
        let start = busker_kit::clock::now();
        Self {
            lease: Lease::new(LeaseTiming::default(), start),
            start,
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn next(&mut self, ms: u64) -> Option<Ask> {
        let now = self.at(ms);
        self.lease.next(now)
    }

    fn answer(&mut self, ask: Ask, answer: Answer, ms: u64) -> Option<Turn> {
        let now = self.at(ms);
        self.lease.answered(ask.side(), answer, now)
    }

    /// Takes the role at 0 ms, under epoch 7.
    fn holding() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.next(0), Some(Ask::Acquire));
        assert_eq!(bench.answer(Ask::Acquire, Answer::Done, 2), None);
        assert_eq!(bench.next(2), Some(Ask::Mint));
        let took = bench.answer(Ask::Mint, Answer::Epoch(7), 5);
        assert_eq!(took, Some(Turn::Took(7)));
        bench
    }
}

#[test]
fn a_free_lease_is_taken_and_renewed_and_the_epoch_is_minted_before_the_role_is_held() {
    let mut bench = Bench::new();
    assert_eq!(bench.next(0), Some(Ask::Acquire));
    assert_eq!(bench.next(0), None);
    bench.answer(Ask::Acquire, Answer::Done, 2);
    assert_eq!(bench.lease.holds(bench.at(2)), None);
    let mut bench = Bench::holding();
    assert_eq!(bench.lease.holds(bench.at(5)), Some(7));
    assert_eq!(bench.next(299), None);
    assert_eq!(bench.next(300), Some(Ask::Renew));
    bench.answer(Ask::Renew, Answer::Done, 310);
    assert_eq!(bench.lease.fence_at(), Some(bench.at(300 + 1_100)));
}

#[test]
fn a_holder_that_cannot_renew_stops_well_before_the_lease_can_go_to_another() {
    let mut bench = Bench::holding();
    let timing = LeaseTiming::default();
    for ms in (300..1_100).step_by(100) {
        if let Some(ask) = bench.next(ms) {
            assert_eq!(bench.answer(ask, Answer::Unknown, ms + 40), None);
        }
    }
    assert_eq!(bench.lease.holds(bench.at(1_099)), Some(7));
    assert_eq!(bench.lease.holds(bench.at(1_100)), None);
    let turn = bench.lease.pass(bench.at(1_100));
    assert_eq!(turn, Some(Turn::Ended(7, End::Fenced)));
    assert!(timing.fence + timing.ttl / 4 <= timing.ttl);
}

#[test]
fn a_renewal_that_was_confirmed_too_late_brings_nothing_back() {
    let mut bench = Bench::holding();
    assert_eq!(bench.next(300), Some(Ask::Renew));
    // The process slept between the request and its answer.
    let turn = bench.answer(Ask::Renew, Answer::Done, 9_000);
    assert_eq!(turn, Some(Turn::Ended(7, End::Fenced)));
    assert_eq!(bench.lease.holds(bench.at(9_000)), None);
    assert_eq!(bench.next(9_000), Some(Ask::Release));
}

#[test]
fn a_slow_database_neither_stops_renewals_nor_gives_the_role_to_a_former_holder() {
    let mut bench = Bench::new();
    bench.next(0);
    bench.answer(Ask::Acquire, Answer::Done, 1);
    assert_eq!(bench.next(1), Some(Ask::Mint));
    assert_eq!(bench.next(300), Some(Ask::Renew));
    bench.answer(Ask::Renew, Answer::Taken(Duration::ZERO), 302);
    assert_eq!(bench.next(302), Some(Ask::Release));
    bench.answer(Ask::Release, Answer::Done, 303);
    // The epoch that comes now is of the tenure before.
    assert_eq!(bench.next(700), Some(Ask::Acquire));
    assert_eq!(bench.answer(Ask::Mint, Answer::Epoch(9), 701), None);
    bench.answer(Ask::Acquire, Answer::Done, 702);
    assert_eq!(bench.lease.holds(bench.at(702)), None);
    assert_eq!(bench.next(702), Some(Ask::Mint));
}

#[test]
fn whoever_was_outrun_reads_the_epoch_again() {
    let mut bench = Bench::new();
    bench.next(0);
    bench.answer(Ask::Acquire, Answer::Done, 1);
    assert_eq!(bench.next(1), Some(Ask::Mint));
    assert_eq!(bench.answer(Ask::Mint, Answer::Outrun, 2), None);
    assert_eq!(bench.next(2), Some(Ask::Mint));
}

#[test]
fn a_contender_wakes_when_the_lease_runs_out_or_is_said_to_be_free() {
    let mut bench = Bench::new();
    bench.next(0);
    bench.answer(Ask::Acquire, Answer::Taken(Duration::from_millis(420)), 10);
    assert_eq!(bench.lease.wake_at(), Some(bench.at(430)));
    let now = bench.at(50);
    bench.lease.heard_free(now);
    assert_eq!(bench.next(50), Some(Ask::Acquire));
    // A key without an end in sight is looked at again all the same.
    bench.answer(Ask::Acquire, Answer::Taken(Duration::MAX), 60);
    assert_eq!(bench.lease.wake_at(), Some(bench.at(60 + 1_500)));
}

#[test]
fn a_later_epoch_deposes_its_former_holder_and_a_database_that_is_away_does_not() {
    let mut bench = Bench::holding();
    for ms in [300, 600, 900, 1_200, 1_500, 1_800] {
        assert_eq!(bench.next(ms), Some(Ask::Renew));
        bench.answer(Ask::Renew, Answer::Done, ms + 1);
    }
    let now = bench.at(1_900);
    assert_eq!(bench.lease.doubt(7, now), None);
    assert_eq!(bench.next(1_900), Some(Ask::Verify));
    assert_eq!(bench.answer(Ask::Verify, Answer::Unknown, 1_950), None);
    assert_eq!(bench.lease.holds(bench.at(1_950)), Some(7));
    let now = bench.at(1_960);
    assert_eq!(bench.lease.doubt(7, now), None);
    assert_eq!(bench.next(1_960), Some(Ask::Verify));
    let turn = bench.answer(Ask::Verify, Answer::Epoch(8), 1_970);
    assert_eq!(turn, Some(Turn::Ended(7, End::Deposed)));
}

#[test]
fn whoever_acts_under_a_former_epoch_of_the_same_node_is_made_to_notice() {
    let mut bench = Bench::holding();
    let now = bench.at(10);
    let turn = bench.lease.doubt(6, now);
    assert_eq!(turn, Some(Turn::Ended(7, End::Deposed)));
}

#[test]
fn a_holder_that_is_told_to_stop_gives_the_lease_back_and_asks_for_nothing_more() {
    let mut bench = Bench::holding();
    let turn = bench.lease.stop();
    assert_eq!(turn, Some(Turn::Ended(7, End::Released)));
    assert_eq!(bench.next(10), Some(Ask::Release));
    bench.answer(Ask::Release, Answer::Done, 11);
    assert!(bench.lease.is_stopped());
    assert_eq!((bench.next(9_999), bench.lease.wake_at()), (None, None));
}

#[test]
fn a_lease_that_comes_after_the_stop_is_given_back() {
    let mut bench = Bench::new();
    assert_eq!(bench.next(0), Some(Ask::Acquire));
    assert_eq!(bench.lease.stop(), None);
    assert!(!bench.lease.is_stopped());
    assert_eq!(bench.next(1), None);
    bench.answer(Ask::Acquire, Answer::Done, 2);
    assert_eq!(bench.next(2), Some(Ask::Release));
    bench.answer(Ask::Release, Answer::Unknown, 3);
    assert!(bench.lease.is_stopped());
}
