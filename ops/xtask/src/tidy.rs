//! `cargo xtask tidy`: the house rules that a machine can see. Each rule is a function from one [`Source`] (or the whole
//! list) to faults; the rules that need a syntax tree share one parse.

mod actors;
mod catalog;
mod manifests;
mod shape;
mod text;
mod tree;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::Outcome;
use crate::args::Args;

/// A file is split before it has this many lines, tests apart.
const FILE_LINES: usize = 500;
/// What a file aims at; longer ones are counted, not refused.
const FILE_AIM: usize = 250;

/// One file of the checkout.
#[derive(Debug)]
struct Source {
    /// Relative to the root, with forward slashes.
    path: String,
    text: String,
}

/// One broken rule at one place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    path: String,
    line: usize,
    rule: String,
}

impl Source {
    fn is(&self, extension: &str) -> bool {
        self.path
            .rsplit_once('.')
            .is_some_and(|(_, found)| found == extension)
    }

    fn fault(&self, line: usize, rule: impl Into<String>) -> Fault {
        Fault {
            path: self.path.clone(),
            line,
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    Ok(if is_tidy()? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks the checkout and prints each fault.
pub(crate) fn is_tidy() -> Result<bool> {
    let root: PathBuf = crate::root::path();
    let sources = tree::read(&root)?;
    let faults = faults(&sources);
    for fault in &faults {
        println!("{fault}");
    }
    let rust = sources.iter().filter(|source| source.is("rs"));
    let long = rust
        .clone()
        .filter(|source| source.text.lines().count() > FILE_AIM)
        .count();
    println!(
        "tidy: {} files, {} faults; {long} of {} Rust files are over the aim of {FILE_AIM} lines",
        sources.len(),
        faults.len(),
        rust.count(),
    );
    Ok(faults.is_empty())
}

fn faults(sources: &[Source]) -> Vec<Fault> {
    let mut faults = catalog::faults(sources);
    for source in sources {
        faults.extend(text::faults(source));
        if source.path.ends_with("Cargo.toml") {
            faults.extend(manifests::faults(source));
        }
        if source.is("rs") {
            faults.extend(rust_faults(source));
        }
    }
    faults.sort();
    faults
}

fn rust_faults(source: &Source) -> Vec<Fault> {
    match syn::parse_file(&source.text) {
        Ok(file) => {
            let mut faults = shape::faults(source, &file);
            faults.extend(actors::faults(source, &file));
            faults
        }
        Err(error) => vec![source.fault(
            error.span().start().line,
            format!("does not parse: {error}"),
        )],
    }
}

/// Whether an item is there for tests only.
fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        list.path.is_ident("cfg") && list.tokens.to_string() == "test"
    })
}

#[cfg(test)]
mod tests {
    use super::{Source, faults};

    pub(super) fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_does_not_parse_is_a_fault_with_its_line() {
        let faults = faults(&[source("a/src/x.rs", "fn a() {}\nfn b( {}\n")]);
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0]
                .to_string()
                .starts_with("a/src/x.rs:2: does not parse"),
            "{}",
            faults[0]
        );
    }

    #[test]
    fn the_walk_finds_what_we_wrote_and_not_what_was_built() {
        let sources = super::tree::read(&crate::root::path()).unwrap();
        assert!(sources.len() > 20, "the walk found {} files", sources.len());
        assert!(
            sources
                .iter()
                .any(|source| source.path == "ops/xtask/src/tidy.rs")
        );
        assert!(
            sources
                .iter()
                .all(|source| !source.path.starts_with("target/"))
        );
    }
}
