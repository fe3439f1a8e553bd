//! The part of the command line about configuration as code: `busker enmasse ...`, `busker revision ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Format;

/// Format of a file of configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextFormat {
    Yaml,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnmasseCommand {
    /// Write the configuration to a file, or to standard output; secrets are never written
    Export {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// File to write
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Format; json for a file whose name ends so, else yaml
        #[arg(long, value_enum)]
        format: Option<TextFormat>,
        /// Only this kind, such as channel.http; may be given several times
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<String>,
        /// Only names that contain this
        #[arg(long)]
        filter: Option<String>,
    },
    /// Make the configuration what a file says; deletes nothing
    Import {
        #[command(flatten)]
        file: FileArgs,
        /// Show what would be done, and do nothing
        #[arg(long)]
        plan: bool,
    },
    /// Show what differs between a file and the cluster
    Diff {
        #[command(flatten)]
        file: FileArgs,
        /// Leave out what the file does not mention
        #[arg(long)]
        partial: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// The file, YAML or JSON; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Let it include files from outside of its folder
    #[arg(long)]
    pub(crate) include_outside: bool,
    /// Take a service that is not deployed as a fault, not as a warning
    #[arg(long)]
    pub(crate) services_must_exist: bool,
    /// How to print the changes
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RevisionCommand {
    /// List revisions, newest first: when, who, how many objects
    List {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// Most revisions
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show what one revision changed
    Get {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// The revision
        revision: i64,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show what differs between two revisions
    Diff {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// The older revision; 0 is before all
        from: i64,
        /// The newer revision; the newest when missing
        to: Option<i64>,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Make objects what they were at a revision, at a new one
    Revert {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// The revision to go back to
        revision: i64,
        /// Show what would be done, and do nothing
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        confirm: ConfirmArgs,
        /// How to print the changes
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ConfirmArgs {
    /// Name of the cluster, which a guarded one wants before something is taken away
    #[arg(long, value_name = "CLUSTER")]
    pub(crate) confirm: Option<String>,
}
