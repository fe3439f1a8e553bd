//! The part of the command line about who may use the API: `busker user DIR create ...`, `busker token DIR create ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Print;

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: UserVerb,
}

/// What somebody may do, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Viewer,
    Operator,
    Developer,
    Admin,
}

impl Role {
    /// The word of the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Developer => "developer",
            Self::Admin => "admin",
        }
    }
}

/// Where a password comes from.
#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// File with the password; else `BUSKER_PASSWORD`, else it is asked for twice
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// Create a user
    Create {
        /// Name to log in with
        #[arg(long)]
        name: String,
        /// What the user may do
        #[arg(long, value_enum, default_value_t = Role::Viewer)]
        role: Role,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        print: Print,
    },
    /// List users
    List(Print),
    /// Delete a user with all tokens and sessions
    Delete {
        /// Name
        #[arg(long)]
        name: String,
        #[command(flatten)]
        print: Print,
    },
    /// Change the password of a user, and end the user's sessions
    ChangePassword {
        /// Name
        #[arg(long)]
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        print: Print,
    },
    /// Change what a user may do, or switch the user off
    SetRole {
        /// Name
        #[arg(long)]
        name: String,
        /// What the user may do
        #[arg(long, value_enum)]
        role: Role,
        /// Whether the user may log in
        #[arg(long)]
        active: Option<bool>,
        #[command(flatten)]
        print: Print,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: TokenVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Mint a token; it is shown once, or written to a file
    Create {
        /// What people call it
        #[arg(long)]
        name: String,
        /// What its bearer may do
        #[arg(long, value_enum, default_value_t = Role::Viewer)]
        role: Role,
        /// Days it holds; for ever when missing
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
        valid_days: Option<u32>,
        /// New file for the token, in place of showing it
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        #[command(flatten)]
        print: Print,
    },
    /// List tokens
    List(Print),
    /// End a token
    Revoke {
        /// Its id, or its name when only one holds by that name
        #[arg(long)]
        name: String,
        #[command(flatten)]
        print: Print,
    },
}
