//! `cargo xtask`: the commands that build, run, check and measure this repository.
//!
//! It is not part of the product: nothing depends on it and it uses no crate of ours. Start with [`COMMANDS`],
//! then open the file named after the command.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks on its standard streams"
)]

mod args;
mod bench;
mod check;
mod debian;
mod front;
mod layers;
mod process;
mod root;
mod servers;
mod suite;
mod tidy;
mod time;
mod up;

use std::process::ExitCode;

use args::Args;

/// What a command answers: an exit code, or an error that ends it.
type Outcome = anyhow::Result<ExitCode>;

/// Exit code of a command line that cannot be understood, or asks for what is not there yet.
const EXIT_USAGE: u8 = 2;

/// One word of the command line, and what runs it.
struct Command {
    name: &'static str,
    /// One line: arguments, then what it does.
    help: &'static str,
    run: fn(Args) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "up",
        help: "[--nodes N] [--dir DIR] [--release] [--stop]\n            a running node, or a cluster of N, with a sample service, from a fresh clone",
        run: up::run,
    },
    Command {
        name: "test",
        help: "[--all] [--suite S] [filter...]    every test: Rust, Python, types; prints N passed, N failed",
        run: suite::run,
    },
    Command {
        name: "check",
        help: "[fmt|tidy|layers|clippy|doc|deny]  everything that is not a test",
        run: check::run,
    },
    Command {
        name: "tidy",
        help: "                                   house rules over the sources",
        run: tidy::run,
    },
    Command {
        name: "layers",
        help: "                                   which crate may use which",
        run: layers::run,
    },
    Command {
        name: "bench",
        help: "sync [--rounds N] [--seconds N]    Busker and its peers side by side, ratios first",
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(name) = words.next() else {
        return usage();
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return usage();
    };
    match (command.run)(Args::new(words)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask {name}: {error:#}");
            if error.is::<args::Misunderstood>() {
                return ExitCode::from(EXIT_USAGE);
            }
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo xtask <command>\n");
    for Command { name, help, .. } in COMMANDS {
        eprintln!("  {name:<7}{help}");
    }
    ExitCode::from(EXIT_USAGE)
}
