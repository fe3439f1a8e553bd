//! The part of the command line about the cluster and its nodes: `busker node DIR list`, `busker cluster DIR get`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Print;

#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: NodeVerb,
}

/// A node that is named.
#[derive(Debug, Args)]
pub(crate) struct NamedNode {
    /// Name of the node
    #[arg(long)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) print: Print,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeVerb {
    /// List the nodes: those that are alive as they are now, the others as they last reported
    List(Print),
    /// Ask another node whether it is there
    Ping(NamedNode),
    /// Take a node off traffic; configuration and deploys go on
    Drain(NamedNode),
    /// Put a drained node back to work
    Resume(NamedNode),
    /// Forget a node that was stopped and will not come back
    Delete(NamedNode),
}

#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: ClusterVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterVerb {
    /// Show the cluster
    Get(Print),
    /// Change it; what is not given stays
    Edit {
        /// Name for people
        #[arg(long)]
        name: Option<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// Colour of the console's frame: #rrggbb, or empty
        #[arg(long)]
        colour: Option<String>,
        /// Whether the console asks twice
        #[arg(long)]
        guarded: Option<bool>,
        #[command(flatten)]
        print: Print,
    },
    /// Show who held the role that fires jobs, newest first
    RoleHistory {
        /// Most terms
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        #[command(flatten)]
        print: Print,
    },
}
