//! `--store-config FILE` and `busker from-config FILE`: a command line that is run again.
//!
//! No command takes a secret as a word, so there is none in what is kept; files that hold them are named.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::args::Command;
use crate::exit::{Exit, Failure};
use crate::grammar;
use crate::payload;
use crate::quickstart::write_private;

const OPTION: &str = "--store-config";

/// What is kept.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Version that kept it, for people.
    version: String,
    /// Folder in which it was typed: paths start there.
    directory: PathBuf,
    /// The words, without the program.
    words: Vec<String>,
}

/// Keeps the words of this process in a new file.
pub(crate) fn store(file: &Path) -> Result<(), Failure> {
    let typed: Result<Vec<String>, _> = std::env::args_os()
        .skip(1)
        .map(std::ffi::OsString::into_string)
        .collect();
    let typed = typed.map_err(|_| Failure::usage("--store-config: a word is not UTF-8"))?;
    let directory = std::env::current_dir();
    let kept = Kept {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        directory: directory.map_err(|error| Failure::file(Path::new("."), &error))?,
        words: without_option(typed),
    };
    let text = serde_json::to_string_pretty(&kept)
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    write_private(file, &format!("{text}\n"))
}

fn without_option(words: Vec<String>) -> Vec<String> {
    let mut kept = Vec::with_capacity(words.len());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == OPTION {
            words.next();
        } else if !word.starts_with("--store-config=") {
            kept.push(word);
        }
    }
    kept
}

/// The command that was kept, in the folder where it was typed.
pub(crate) fn read(file: &Path) -> Result<Command, Failure> {
    let wrong = |message: String| {
        let message = format!("{}: {message}", file.display());
        Failure::new(Exit::Invalid, message)
    };
    let bytes = payload::read_file(file)?;
    let kept: Kept = serde_json::from_slice(&bytes)
        .map_err(|error| wrong(format!("was not kept by --store-config: {error}")))?;
    std::env::set_current_dir(&kept.directory)
        .map_err(|error| Failure::file(&kept.directory, &error))?;
    let words = std::iter::once("busker".to_owned()).chain(kept.words);
    let cli = grammar::parse(words).map_err(|error| wrong(error.to_string()))?;
    if matches!(cli.command, Command::FromConfig { .. }) {
        return Err(wrong("would run itself for ever".to_owned()));
    }
    Ok(cli.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_but_the_option_are_kept() {
        let words = [
            "--store-config",
            "f",
            "start",
            "esb",
            "--store-config=f",
            "--fg",
        ];
        let words = words.map(str::to_owned).to_vec();
        assert_eq!(without_option(words), ["start", "esb", "--fg"]);
    }

    #[test]
    fn what_is_kept_is_the_command_again_and_never_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept.json");
        let keep = |words: &[&str]| {
            let here = std::env::current_dir().unwrap();
            let text = serde_json::json!({"version": "0", "directory": here, "words": words});
            std::fs::write(&file, text.to_string()).unwrap();
            read(&file)
        };
        assert!(matches!(keep(&["stop", "esb"]), Ok(Command::Stop(_))));
        assert_eq!(keep(&["from-config", "x"]).unwrap_err().exit, Exit::Invalid);
        assert_eq!(keep(&["no-such"]).unwrap_err().exit, Exit::Invalid);
        std::fs::write(&file, "[]").unwrap();
        assert_eq!(read(&file).unwrap_err().exit, Exit::Invalid);
    }
}
