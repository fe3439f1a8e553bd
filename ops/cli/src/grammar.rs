//! The grammar as `clap` takes it: the types of `args`, with an example for each command; completions and manual pages.

use std::path::Path;

use clap::{Command, CommandFactory, FromArgMatches};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use crate::output;

mod examples;

use examples::{EXAMPLES, NO_MEANING};

/// What a person reads who knows nothing yet.
const FIRST_STEPS: &str = "\
First steps:
  busker quickstart create DIR       make an environment: keys, a database, a node, the user admin
  busker start DIR                   start it; returns when the node is ready
  busker service list DIR            what can be called; a Python file put into DIR/node1/pickup/ joins in
  busker security DIR create --help  give callers a name and a password
  busker channel DIR create --help   give a service a URL, for those callers
  busker doctor DIR --security       look for what is wrong

Every command has an example in its own --help.";

/// The whole grammar.
pub(crate) fn command() -> Command {
    with_examples(Cli::command().after_help(FIRST_STEPS), "")
}

/// Reads a command line, the name of the program first.
pub(crate) fn parse<I, T>(words: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    Cli::from_arg_matches(&command().try_get_matches_from(words)?)
}

fn with_examples(command: Command, path: &str) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let command = names.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}");
        command.mut_subcommand(&name, |sub| with_examples(sub, path.trim_start()))
    });
    let lines: Vec<String> = of(path).map(|line| format!("  busker {line}")).collect();
    let hidden = command.is_hide_set() || NO_MEANING.contains(&path);
    let command = command.hide(hidden);
    if lines.is_empty() {
        return command;
    }
    command.after_long_help(format!("Example:\n{}", lines.join("\n")))
}

fn of(path: &str) -> impl Iterator<Item = &'static str> {
    let found = EXAMPLES.iter().filter(move |(known, _)| *known == path);
    found.map(|(_, line)| *line)
}

/// Prints a completion script.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "busker", &mut script);
    output::body(&script)
}

/// Prints the first page of the manual, or writes all pages to a folder.
pub(crate) fn manual(folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command()).render(&mut page);
        rendered.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        return output::body(&page);
    };
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    clap_mangen::generate_to(command(), folder).map_err(|error| Failure::file(folder, &error))?;
    output::say(&format!("Manual pages are in {}", folder.display()))
}

/// Every command that does something, such as `channel create`, with what it is for.
#[cfg(test)]
fn leaves(command: &Command, path: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let path = format!("{path} {}", sub.get_name()).trim().to_owned();
        if sub.has_subcommands() {
            found.extend(leaves(sub, &path));
        } else {
            let about = sub.get_about().map(ToString::to_string);
            found.push((path, about.unwrap_or_default()));
        }
    }
    found
}

#[cfg(test)]
mod tests;
