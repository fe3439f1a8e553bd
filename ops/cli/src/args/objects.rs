//! The part of the command line that configured objects share: `busker channel DIR create ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfirmArgs, Format, PasswordArgs, PrintObject};

/// Families that have a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Channel,
    Outgoing,
    Security,
    Job,
}

impl Family {
    /// Word in names of services.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Outgoing => "outgoing",
            Self::Security => "security",
            Self::Job => "job",
        }
    }

    /// Kind when none is named.
    pub(crate) const fn default_kind(self) -> &'static str {
        match self {
            Self::Channel | Self::Outgoing => "http",
            Self::Security => "basic-auth",
            Self::Job => "interval",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ObjectArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: ObjectVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ObjectVerb {
    /// Create one
    Create(WriteArgs),
    /// Change one; settings that are not named stay
    Edit(EditArgs),
    /// Delete one
    Delete {
        #[command(flatten)]
        named: Named,
        /// Delete what refers to it as well
        #[arg(long)]
        cascade: bool,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Change its password
    ChangePassword {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Show one
    Get(Named),
    /// List them
    List {
        /// Kind; http, interval, or security of any kind when missing
        #[arg(long)]
        kind: Option<String>,
        /// Only names that contain this
        #[arg(long)]
        filter: Option<String>,
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Ask whether its peer answers
    Ping(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Kind; http, basic-auth or interval when missing
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Name
    #[arg(long)]
    pub(crate) name: String,
    /// Which one of two that share the name, such as the soap one
    #[arg(long)]
    pub(crate) transport: Option<String>,
    #[command(flatten)]
    pub(crate) print: PrintObject,
}

/// Settings from the command line.
#[derive(Debug, Args)]
pub(crate) struct SettingArgs {
    /// One setting, KEY=VALUE; a value that reads as JSON is taken as such, @FILE is the text of a file, - is standard input
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct WriteArgs {
    /// Kind; http, basic-auth or interval when missing
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Name
    #[arg(long, required_unless_present = "json")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Create it switched off
    #[arg(long)]
    pub(crate) inactive: bool,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
    /// The whole object as the API takes it: JSON, @FILE or -
    #[arg(long, conflicts_with_all = ["name", "set", "inactive", "password_file"])]
    pub(crate) json: Option<String>,
    #[command(flatten)]
    pub(crate) print: PrintObject,
}

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// Kind; http, basic-auth or interval when missing
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Name
    #[arg(long, required_unless_present = "json")]
    pub(crate) name: Option<String>,
    /// Which one of two that share the name, such as the soap one
    #[arg(long)]
    pub(crate) transport: Option<String>,
    /// Another name for it
    #[arg(long)]
    pub(crate) new_name: Option<String>,
    /// Switch it on or off
    #[arg(long)]
    pub(crate) active: Option<bool>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// The whole edit as the API takes it: JSON, @FILE or -
    #[arg(long, conflicts_with_all = ["name", "transport", "new_name", "active", "set"])]
    pub(crate) json: Option<String>,
    #[command(flatten)]
    pub(crate) print: PrintObject,
}
