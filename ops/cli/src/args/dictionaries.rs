//! The part of the command line about data dictionaries: `busker dictionary DIR translate ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

#[derive(Debug, Args)]
pub(crate) struct DictionaryArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: DictionaryVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DictionaryVerb {
    /// Add an entry: a value that a key has in a system
    Create(EntryArgs),
    /// Change an entry; translations that use it follow
    Edit {
        /// Its number
        #[arg(long)]
        number: i64,
        #[command(flatten)]
        entry: EntryArgs,
    },
    /// Delete an entry and the translations that use it
    Delete {
        /// Its number
        #[arg(long)]
        number: i64,
    },
    /// List entries
    List {
        /// Only those of this system
        #[arg(long)]
        system: Option<String>,
        /// Only those of this key
        #[arg(long)]
        key: Option<String>,
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Say what an entry is called elsewhere
    Link {
        #[command(flatten)]
        from: QuestionArgs,
        /// Value of the entry it is translated to
        #[arg(long)]
        value2: String,
    },
    /// Delete a translation
    Unlink {
        /// Its number
        #[arg(long)]
        number: i64,
    },
    /// List translations
    Links {
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Print what a value is called elsewhere, alone
    Translate(QuestionArgs),
    /// Write all dictionaries to a file
    Export {
        /// The file, JSON packed by bzip2
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Put the dictionaries of a file in the place of all there are
    Import {
        /// The file, JSON packed by bzip2
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct EntryArgs {
    /// System, such as crm
    #[arg(long)]
    pub(crate) system: String,
    /// Key, such as currency
    #[arg(long)]
    pub(crate) key: String,
    /// Value, such as USD
    #[arg(long)]
    pub(crate) value: String,
}

#[derive(Debug, Args)]
pub(crate) struct QuestionArgs {
    /// System of the entry that is translated
    #[arg(long)]
    pub(crate) system1: String,
    /// Its key
    #[arg(long)]
    pub(crate) key1: String,
    /// Its value
    #[arg(long)]
    pub(crate) value1: String,
    /// System it is translated to
    #[arg(long)]
    pub(crate) system2: String,
    /// Key it is translated to
    #[arg(long)]
    pub(crate) key2: String,
}
