//! A file with an actor opens by saying what the actor owns, hears, says, what ends it and what happens then.

use super::{Fault, Source, for_tests};

/// Words of the header, each followed by its answer.
const ANSWERS: &[&str] = &["Owns:", "Hears:", "Says:", "Dies", "Restart:"];

pub(super) fn faults(source: &Source, file: &syn::File) -> Vec<Fault> {
    // Probes of a test belong to the test, whose name says what they are for.
    if source.path.contains("/tests/") {
        return Vec::new();
    }
    let Some(line) = file.items.iter().find_map(actor_line) else {
        return Vec::new();
    };
    let header: String = source.text.lines().take_while(|line| opens(line)).collect();
    let missing: Vec<&str> = ANSWERS
        .iter()
        .copied()
        .filter(|answer| !header.contains(answer))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let rule = format!(
        "an actor's file opens with its header; missing: {}",
        missing.join(" ")
    );
    vec![source.fault(line, rule)]
}

fn opens(line: &str) -> bool {
    line.starts_with("//!") || line.trim().is_empty() || line.starts_with("#!")
}

/// Where `impl Actor for ...` stands, if this item is one and not a test's.
fn actor_line(item: &syn::Item) -> Option<usize> {
    let syn::Item::Impl(block) = item else {
        return None;
    };
    let (_, path, _) = block.trait_.as_ref()?;
    let name = &path.segments.last()?.ident;
    let is_actor = name == "Actor" && !for_tests(&block.attrs);
    is_actor.then(|| block.impl_token.span.start().line)
}

#[cfg(test)]
mod tests {
    use super::super::tests::source;
    use super::faults;

    fn count(text: &str) -> usize {
        faults(
            &source("a/src/job.rs", text),
            &syn::parse_file(text).unwrap(),
        )
        .len()
    }

    #[test]
    fn an_actor_says_who_it_is() {
        let header = "//! A job. Owns: a time. Hears: run. Says: done.\n//! Dies when: gone. Restart: transient.\n";
        let actor = "impl ractor::Actor for Job {}\n";
        assert_eq!(count(&format!("{header}{actor}")), 0);
        assert_eq!(count(&format!("//! A job.\n{actor}")), 1);
        assert_eq!(count(&format!("{actor}{header}").replace("//!", "//")), 1);
    }

    #[test]
    fn a_probe_in_a_test_need_not() {
        assert_eq!(
            count("#[cfg(test)]\nmod tests { impl Actor for Probe {} }"),
            0
        );
        assert_eq!(count("impl Display for Job {}"), 0);
    }
}
