//! The part of the command line that looks and changes nothing: `busker logs`, `busker doctor`, `busker check-config`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Print;

/// Levels of a log line, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    Error,
    Warning,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// Only this node
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Go on with what is logged from now
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only what belongs to this request
    #[arg(long, value_name = "CID")]
    pub(crate) cid: Option<String>,
    /// Only this level and more urgent ones
    #[arg(long, value_enum)]
    pub(crate) level: Option<Level>,
    /// Most entries of the past
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) lines: u32,
    #[command(flatten)]
    pub(crate) print: Print,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// Look for what an attacker would like as well
    #[arg(long)]
    pub(crate) security: bool,
    #[command(flatten)]
    pub(crate) print: Print,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) print: Print,
}
