//! How many tests passed and failed, read from what the test programs print.

use std::fmt;

/// Counts of one suite, or of all.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u32,
    pub(super) failed: u32,
    /// Tests that said they cannot run here.
    pub(super) skipped: u32,
    /// Why the whole suite did not run.
    pub(super) not_run: Option<&'static str>,
}

impl Tally {
    /// A suite that did not run, and why.
    pub(super) fn not_run(why: &'static str) -> Self {
        Self {
            not_run: Some(why),
            ..Self::default()
        }
    }

    pub(super) fn plus(mut self, other: &Self) -> Self {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self
    }

    /// A program that failed without naming a failed test still is a failure: it did not compile, or it crashed.
    pub(super) fn ended(mut self, ok: bool) -> Self {
        if !ok && self.failed == 0 {
            self.failed = 1;
        }
        self
    }

    /// Reads a line of cargo-nextest:
    /// `Summary [   1.2s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
    pub(super) fn nextest(&mut self, line: &str) {
        let Some((before, counts)) = line.split_once(" run: ") else {
            return;
        };
        if before.trim_start().starts_with("Summary [") {
            self.passed += number_before(counts, " passed");
            self.skipped += number_before(counts, " skipped");
            for kind in [" failed", " timed out", " exec failed"] {
                self.failed += number_before(counts, kind);
            }
        }
    }

    /// Reads a line of `cargo test`: `test result: ok. 7 passed; 1 failed; 0 ignored; ...`.
    pub(super) fn libtest(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += number_before(counts, " passed");
            self.failed += number_before(counts, " failed");
            self.skipped += number_before(counts, " ignored");
        }
    }

    /// Reads a line of Python's unittest: `Ran 9 tests in 0.1s`, then `OK (skipped=1)` or
    /// `FAILED (failures=1, errors=2, skipped=1)`.
    pub(super) fn unittest(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("Ran ") {
            self.passed += rest
                .split(' ')
                .next()
                .and_then(|word| word.parse().ok())
                .unwrap_or(0);
        }
        if line.starts_with("OK") || line.starts_with("FAILED (") {
            let skipped = number_after(line, "skipped=");
            let failed = number_after(line, "failures=")
                + number_after(line, "errors=")
                + number_after(line, "unexpected successes=");
            self.skipped += skipped;
            self.failed += failed;
            self.passed = self.passed.saturating_sub(skipped + failed);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = self.not_run {
            return write!(out, "SKIPPED: {why}");
        }
        write!(
            out,
            "{:>5} ok {:>4} failed {:>4} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

fn number_before(text: &str, word: &str) -> u32 {
    let before = text
        .match_indices(word)
        .filter_map(|(at, _)| text.get(..at));
    let digits = |text: &str| {
        text.rsplit(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    before.filter_map(digits).next().unwrap_or(0)
}

fn number_after(text: &str, word: &str) -> u32 {
    let after = text.split_once(word).map(|(_, after)| after);
    let digits = after.and_then(|after| after.split(|c: char| !c.is_ascii_digit()).next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn counts(read: impl Fn(&mut Tally, &str), text: &str) -> (u32, u32, u32) {
        let mut tally = Tally::default();
        text.lines().for_each(|line| read(&mut tally, line));
        (tally.passed, tally.failed, tally.skipped)
    }

    #[test]
    fn nextest_is_read() {
        let line = "     Summary [   1.209s] 109/120 tests run: 97 passed (1 slow), 8 failed, 4 timed out, 3 skipped";
        assert_eq!(counts(Tally::nextest, line), (97, 12, 3));
        let line = "     Summary [   0.013s] 5 tests run: 5 passed, 0 skipped";
        assert_eq!(counts(Tally::nextest, line), (5, 0, 0));
        assert_eq!(counts(Tally::nextest, "a test run: 9 failed"), (0, 0, 0));
    }

    #[test]
    fn cargo_test_is_read_and_summed() {
        let text = "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured";
        assert_eq!(counts(Tally::libtest, text), (8, 2, 1));
    }

    #[test]
    fn unittest_is_read() {
        assert_eq!(
            counts(Tally::unittest, "Ran 9 tests in 0.1s\n\nOK"),
            (9, 0, 0)
        );
        let text = "Ran 9 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)";
        assert_eq!(counts(Tally::unittest, text), (5, 3, 1));
    }

    #[test]
    fn a_program_that_fails_without_a_failed_test_is_a_failure() {
        assert_eq!(Tally::default().ended(false).failed, 1);
        assert_eq!(Tally::default().ended(true).failed, 0);
        let told = Tally {
            failed: 3,
            ..Tally::default()
        };
        assert_eq!(told.ended(false).failed, 3);
    }
}
