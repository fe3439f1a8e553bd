//! The part of the command line that is about services: `busker service ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConfirmArgs, InfoArgs, Print};

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Invoke a service and print its answer alone
    Invoke(InvokeArgs),
    /// Deploy a Python file or archive
    Deploy {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// The file
        file: PathBuf,
        #[command(flatten)]
        print: Print,
    },
    /// List services with their counters
    List(InfoArgs),
    /// Show a service: what it takes and answers, its limits, its channels
    Get {
        #[command(flatten)]
        service: NamedService,
        #[command(flatten)]
        print: Print,
    },
    /// Print the source it was deployed from
    Source(NamedService),
    /// Change its settings; those that are not given stay
    Edit(EditServiceArgs),
    /// Undeploy the package that defines a service
    Delete {
        #[command(flatten)]
        service: NamedService,
        #[command(flatten)]
        confirm: ConfirmArgs,
        #[command(flatten)]
        print: Print,
    },
    /// Run an older version of a package again
    Rollback {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// Name of the package, such as stockmarket.py
        name: String,
        /// Id of the package to run; the one before when missing
        #[arg(long, value_name = "ID")]
        to: Option<i64>,
        #[command(flatten)]
        confirm: ConfirmArgs,
        #[command(flatten)]
        print: Print,
    },
    /// Keep a WSDL for a service; its SOAP channels answer ?wsdl with it
    SetWsdl {
        #[command(flatten)]
        service: NamedService,
        /// The file
        file: PathBuf,
    },
    /// Print the WSDL that was kept for a service, byte for byte
    GetWsdl(NamedService),
    /// Let the WSDL of a service go; ?wsdl answers the generated one again
    DeleteWsdl(NamedService),
}

/// A service that is named.
#[derive(Debug, Args)]
pub(crate) struct NamedService {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// Name of the service
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct EditServiceArgs {
    #[command(flatten)]
    pub(crate) service: NamedService,
    /// Whether it takes work
    #[arg(long)]
    pub(crate) active: Option<bool>,
    /// Longest run, in milliseconds; 0 leaves it to the service
    #[arg(long, value_name = "MS")]
    pub(crate) timeout_ms: Option<u64>,
    /// A longer run, in milliseconds, counts as slow; 0 means none does
    #[arg(long, value_name = "MS")]
    pub(crate) slow_threshold_ms: Option<u64>,
    /// Most invocations at once on one node; 0 leaves it to the service
    #[arg(long, value_name = "N")]
    pub(crate) max_concurrency: Option<u64>,
    /// How asynchronous invocations are kept
    #[arg(long, value_enum)]
    pub(crate) delivery: Option<Delivery>,
    #[command(flatten)]
    pub(crate) print: Print,
}

/// How asynchronous invocations are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Delivery {
    /// Until they have run, whatever is lost
    Durable,
    /// As long as the bus keeps them
    Fast,
}

/// Format of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    Json,
    Xml,
    Form,
    Raw,
}

/// Envelope of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    #[value(name = "plain_http")]
    PlainHttp,
    Soap,
}

#[derive(Debug, Args)]
pub(crate) struct InvokeArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// Name of the service
    pub(crate) name: String,
    /// Payload: text, @FILE, or - for standard input
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    pub(crate) payload: String,
    /// Format of payload and answer
    #[arg(long, value_enum, default_value_t = DataFormat::Json)]
    pub(crate) data_format: DataFormat,
    /// Envelope of payload and answer
    #[arg(long, value_enum)]
    pub(crate) transport: Option<Transport>,
    /// Longest wait, in seconds
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) timeout: u32,
    /// Hand it over and print its cid: it runs later, at least once
    #[arg(long = "async")]
    pub(crate) later: bool,
}
