//! The part of the command line about jobs: `busker job DIR execute ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, ObjectVerb, PrintObject};

#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: JobVerb,
}

/// A job that is named.
#[derive(Debug, Args)]
pub(crate) struct NamedJob {
    /// Name
    #[arg(long)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) print: PrintObject,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobVerb {
    #[command(flatten)]
    Object(ObjectVerb),
    /// Run it now, paused or not
    Execute(NamedJob),
    /// Skip its fires until it is resumed
    Pause(NamedJob),
    /// Let its schedule count again
    Resume(NamedJob),
    /// Show what became of its fires and why, newest first
    History {
        /// Name
        #[arg(long)]
        name: String,
        /// Most rows
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show when it fires next, and what summer time does to it
    NextFires {
        /// Name
        #[arg(long)]
        name: String,
        /// How many
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=20))]
        count: u16,
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}
