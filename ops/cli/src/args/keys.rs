//! The part of the command line about keys and certificates: `busker ca ...`, `busker crypto DIR ...`, `encrypt`, `decrypt`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Print;

#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Make an authority, or certificates that one of `DIR/ca` signs
    #[command(subcommand)]
    Create(CaCreate),
    /// Sign a certificate of the authority anew: same key, same names, more time
    Renew {
        /// Folder with the authority in `ca/`: an environment, or what `ca create authority` made
        dir: PathBuf,
        /// Certificate, PEM; its private key is beside it, as .key
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
        /// Days it holds from now
        #[arg(long, default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=3_650))]
        days: u32,
    },
    /// Show certificates below a folder, and how long they hold
    Show {
        /// An environment, or any folder
        dir: PathBuf,
        #[command(flatten)]
        print: Print,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaCreate {
    /// Make an authority in `DIR/ca`; `quickstart create` makes one by itself
    Authority {
        /// A folder, new or not, without an authority
        dir: PathBuf,
        #[command(flatten)]
        subject: SubjectArgs,
    },
    /// Issue a certificate for a server: for its names and addresses
    Server {
        /// Folder with the authority in `ca/`
        dir: PathBuf,
        /// Name or address that clients use; repeat it for more
        #[arg(long = "host", value_name = "HOST", required = true)]
        hosts: Vec<String>,
        /// Folder for server.pem, server.key and ca.pem
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Days it holds
        #[arg(long, default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=3_650))]
        days: u32,
    },
    /// Issue the certificate by which a node knows another
    Node {
        /// Folder with the authority in `ca/`
        dir: PathBuf,
        /// Name of the node
        #[arg(long)]
        name: String,
        /// Folder for node.pem, node.key and ca.pem
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Days it holds
        #[arg(long, default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=3_650))]
        days: u32,
    },
}

/// Who an authority says it is.
#[derive(Debug, Args)]
pub(crate) struct SubjectArgs {
    /// Its name
    #[arg(long, default_value = "Busker environment CA")]
    pub(crate) common_name: String,
    #[arg(long)]
    pub(crate) organization: Option<String>,
    #[arg(long)]
    pub(crate) organizational_unit: Option<String>,
    #[arg(long)]
    pub(crate) locality: Option<String>,
    #[arg(long)]
    pub(crate) state_or_province: Option<String>,
    /// Two letters
    #[arg(long)]
    pub(crate) country: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CryptoArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: CryptoVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CryptoVerb {
    /// Show which key seals secrets, what each key sealed, and which node has which keys
    Status(Print),
    /// Seal all secrets again with a new key, while the nodes run; drop keys that seal nothing any more
    Rotate,
    /// Give a listener another certificate
    Update {
        /// Which one
        #[arg(long, value_enum)]
        listener: ListenerName,
        /// Certificate chain, PEM
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
        /// Private key, PEM
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

/// Listeners that have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListenerName {
    /// Channels
    Http,
    /// The API
    Admin,
    /// Sessions of the other nodes
    Cluster,
}

#[derive(Debug, Args)]
pub(crate) struct EncryptArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// File with the secret; else standard input, or a prompt on a terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DecryptArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// File with what `encrypt` printed; else standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Print the secret even where standard output is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
}
