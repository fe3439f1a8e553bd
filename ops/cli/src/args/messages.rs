//! The part of the command line about asynchronous invocations: `busker message DIR status CID`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Print;

#[derive(Debug, Args)]
pub(crate) struct MessageArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: MessageVerb,
}

/// An invocation that is named.
#[derive(Debug, Args)]
pub(crate) struct ByCid {
    /// Id of the invocation: K and 39 digits
    pub(crate) cid: String,
    #[command(flatten)]
    pub(crate) print: Print,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MessageVerb {
    /// Show where an invocation is, and its result once it has one
    Status(ByCid),
    /// Count all of them, by service and class
    Ledger(Print),
    /// List dead letters, newest first: what failed for good
    List {
        /// Only those of this service
        #[arg(long)]
        service: Option<String>,
        /// Most letters
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
        /// How many to skip
        #[arg(long, default_value_t = 0)]
        offset: u32,
        #[command(flatten)]
        print: Print,
    },
    /// Show a dead letter with its payload and its last failure
    Get(ByCid),
    /// Give a dead letter another payload, to be replayed with
    Edit {
        #[command(flatten)]
        letter: ByCid,
        /// Payload: text, @FILE, or - for standard input
        #[arg(long, allow_hyphen_values = true)]
        payload: String,
    },
    /// Run a dead letter again
    Replay(ByCid),
    /// Let a dead letter go
    Discard(ByCid),
}
