//! Rules that need no syntax tree: names of files, length of scripts, marks in prose and code.

use super::{FILE_LINES, Fault, Source};

/// A drawer takes anything, so nobody can tell from its name what is inside: name a file after its noun.
const DRAWERS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc"];
/// Written apart, so that this file does not break its own rules.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];
/// First folders of paths that exist on one machine only.
const MACHINE_ROOTS: &[&str] = &["work", "root", "home", "Users"];
/// Sources whose name and length matter; Rust files are measured without their tests, in `shape`.
const CODE: &[&str] = &["rs", "py", "sh", "ts", "svelte"];

pub(super) fn faults(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    faults.extend(drawer(source));
    faults.extend(long_script(source));
    for (index, line) in source.text.lines().enumerate() {
        if let Some(mark) = mark_without_issue(line) {
            faults.push(source.fault(
                index + 1,
                format!("{mark} without an issue: write {mark}(#N)"),
            ));
        }
        if let Some(root) = machine_path(line) {
            faults.push(source.fault(index + 1, format!("a path of one machine (/{root}/...)")));
        }
    }
    faults
}

fn is_code(source: &Source) -> bool {
    CODE.iter().any(|extension| source.is(extension)) || source.text.starts_with("#!")
}

fn drawer(source: &Source) -> Option<Fault> {
    let name = source.path.rsplit('/').next()?;
    let stem = name.split('.').next()?;
    if name == "mod.rs" {
        return Some(source.fault(1, "no mod.rs: write `http.rs` beside `http/`"));
    }
    let fault = is_code(source) && DRAWERS.contains(&stem);
    fault.then(|| {
        source.fault(
            1,
            format!("{name} is a drawer: name the file after the noun inside"),
        )
    })
}

fn long_script(source: &Source) -> Option<Fault> {
    let lines = source.text.lines().count();
    let long = is_code(source) && !source.is("rs") && lines > FILE_LINES;
    long.then(|| {
        source.fault(
            lines,
            format!("{lines} lines, at most {FILE_LINES}: split it"),
        )
    })
}

fn mark_without_issue(line: &str) -> Option<&'static str> {
    MARKS.iter().copied().find(|mark| {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(mark) {
            let inside_a_word = before.ends_with(is_word) || after.starts_with(is_word);
            if !inside_a_word && !has_issue(after) {
                return true;
            }
            rest = after;
        }
        false
    })
}

/// `(#12)` right after the mark.
fn has_issue(after: &str) -> bool {
    let number = after
        .strip_prefix("(#")
        .and_then(|rest| rest.split_once(')'));
    number
        .is_some_and(|(digits, _)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Where a path begins only: inside a longer one, such as that of a URL, the folder belongs to somebody else.
fn machine_path(line: &str) -> Option<&'static str> {
    MACHINE_ROOTS.iter().copied().find(|root| {
        let needle = format!("/{root}/");
        line.match_indices(&needle).any(|(at, _)| {
            let before = line.get(..at).unwrap_or_default();
            !before.ends_with(|c: char| {
                is_word(c) || matches!(c, '.' | '/' | '-' | '}' | '*' | '$' | ':')
            })
        })
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::super::tests::source;
    use super::faults;

    fn rules(path: &str, text: &str) -> Vec<String> {
        faults(&source(path, text))
            .into_iter()
            .map(|fault| fault.to_string())
            .collect()
    }

    #[test]
    fn drawers_are_refused_where_code_is_kept() {
        assert_eq!(rules("a/src/utils.rs", "").len(), 1);
        assert_eq!(rules("a/b/helpers.py", "").len(), 1);
        assert_eq!(rules("a/src/http/mod.rs", "").len(), 1);
        assert_eq!(rules("a/src/commons.rs", ""), Vec::<String>::new());
        assert_eq!(rules("docs/common.md", ""), Vec::<String>::new());
    }

    #[test]
    fn a_script_has_a_length_too() {
        let long = "x = 1\n".repeat(501);
        assert_eq!(
            rules("a/b.py", &long),
            ["a/b.py:501: 501 lines, at most 500: split it"]
        );
        assert_eq!(rules("run", &format!("#!/bin/sh\n{long}")).len(), 1);
        assert_eq!(rules("a/b.md", &long), Vec::<String>::new());
    }

    #[test]
    fn a_mark_carries_its_issue() {
        let todo = concat!("TO", "DO");
        assert_eq!(
            rules("a.rs", &format!("ok\n// {todo}: later"))[0],
            format!("a.rs:2: {todo} without an issue: write {todo}(#N)")
        );
        assert_eq!(rules("a.rs", &format!("// {todo}(#x)")).len(), 1);
        assert_eq!(
            rules("a.rs", &format!("// {todo}(#12) later")),
            Vec::<String>::new()
        );
        assert_eq!(
            rules("a.rs", &format!("let {todo}S = 1;")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn paths_of_one_machine_are_refused() {
        let root = "root";
        assert_eq!(rules("a.md", &format!("see `/{root}/x`")).len(), 1);
        assert_eq!(rules("a.rs", &format!("\"/{root}/x\"")).len(), 1);
        assert_eq!(
            rules("a.md", &format!("https://host/{root}/x and ./{root}/x")),
            Vec::<String>::new()
        );
        assert_eq!(
            rules("a.rs", "ops/work/queue and /workers/"),
            Vec::<String>::new()
        );
    }
}
