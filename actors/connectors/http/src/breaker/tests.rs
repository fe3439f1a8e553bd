use super::*;

const SETTINGS: BreakerSettings = BreakerSettings {
    failures: 3,
    window_ms: 1_000,
    open_ms: 500,
};

/// A breaker and a clock that moves only when told.
struct Bench {
    breaker: Breaker,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            breaker: Breaker::new(SETTINGS),
            now: busker_kit::clock::now(),
        }
    }

    fn after(&mut self, ms: u64) -> &mut Self {
        self.now += Duration::from_millis(ms);
        self
    }

    fn take(&mut self, next: Option<Breaker>) {
        if let Some(next) = next {
            self.breaker = next;
        }
    }

    fn admit(&mut self) -> Admission {
        let (next, admission) = self.breaker.admit(self.now);
        self.take(next);
        admission
    }

    fn pass(&mut self) -> Turn {
        match self.admit() {
            Admission::Pass(turn) => turn,
            Admission::Wait(wait) => panic!("refused for {wait:?}"),
        }
    }

    fn fail(&mut self) {
        let turn = self.pass();
        self.take(self.breaker.failed(turn, self.now));
    }

    fn succeed(&mut self) {
        let turn = self.pass();
        self.take(self.breaker.succeeded(turn));
    }

    fn opened() -> Self {
        let mut bench = Self::new();
        (0..3).for_each(|_| bench.fail());
        bench
    }
}

#[test]
fn failures_in_a_row_open_it_and_calls_wait() {
    let mut bench = Bench::opened();
    assert_eq!(bench.admit(), Admission::Wait(Duration::from_millis(500)));
    assert_eq!(
        bench.after(200).admit(),
        Admission::Wait(Duration::from_millis(300))
    );
}

#[test]
fn a_success_between_failures_keeps_it_closed() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.fail();
        bench.fail();
        bench.succeed();
    }
    assert_eq!(bench.breaker.phase(), &Phase::Closed(Vec::new()));
}

#[test]
fn failures_outside_the_window_do_not_count() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.after(600).fail();
    }
    assert!(matches!(bench.breaker.phase(), Phase::Closed(failures) if failures.len() == 2));
}

#[test]
fn one_call_tries_and_its_success_closes_it() {
    let mut bench = Bench::opened();
    let turn = bench.after(500).pass();
    assert_eq!(bench.admit(), Admission::Wait(WHILE_TRYING));
    bench.take(bench.breaker.succeeded(turn));
    bench.succeed();
    assert_eq!(bench.breaker.phase(), &Phase::Closed(Vec::new()));
}

#[test]
fn a_try_that_fails_opens_it_again_for_the_whole_time() {
    let mut bench = Bench::opened();
    bench.after(500).fail();
    assert_eq!(bench.admit(), Admission::Wait(Duration::from_millis(500)));
}

#[test]
fn a_try_that_is_abandoned_leaves_its_place_to_the_next() {
    let mut bench = Bench::opened();
    let turn = bench.after(500).pass();
    bench.take(bench.breaker.abandoned(turn, bench.now));
    bench.succeed();
    assert_eq!(bench.breaker.phase(), &Phase::Closed(Vec::new()));
}

#[test]
fn what_a_call_from_before_finds_no_longer_counts() {
    let mut bench = Bench::new();
    let old = bench.pass();
    (0..3).for_each(|_| bench.fail());
    assert_eq!(bench.breaker.succeeded(old), None);
    let trying = bench.after(500).pass();
    assert_eq!(bench.breaker.succeeded(old), None);
    assert_eq!(bench.breaker.failed(old, bench.now), None);
    assert_eq!(bench.breaker.abandoned(old, bench.now), None);
    bench.take(bench.breaker.succeeded(trying));
    assert_eq!(bench.breaker.failed(old, bench.now), None);
}

#[test]
fn a_success_changes_nothing_when_there_is_nothing_to_forget() {
    let breaker = Breaker::new(SETTINGS);
    let Admission::Pass(turn) = breaker.admit(busker_kit::clock::now()).1 else {
        panic!("refused")
    };
    assert_eq!(breaker.succeeded(turn), None);
}
