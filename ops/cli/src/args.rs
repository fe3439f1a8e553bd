//! The command line as types. Words and ports are Zato's where it had them.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Exit;

mod dictionaries;
mod enmasse;
mod inspection;
mod jobs;
mod keys;
mod messages;
mod nodes;
mod objects;
mod people;
mod services;

pub(crate) use dictionaries::{DictionaryArgs, DictionaryVerb, EntryArgs, QuestionArgs};
pub(crate) use enmasse::{ConfirmArgs, EnmasseCommand, FileArgs, RevisionCommand, TextFormat};
pub(crate) use inspection::{CheckArgs, DoctorArgs, Level, LogsArgs};
pub(crate) use jobs::{JobArgs, JobVerb, NamedJob};
pub(crate) use keys::{
    CaCommand, CaCreate, CryptoArgs, CryptoVerb, DecryptArgs, EncryptArgs, ListenerName,
    SubjectArgs,
};
pub(crate) use messages::{ByCid, MessageArgs, MessageVerb};
pub(crate) use nodes::{ClusterArgs, ClusterVerb, NamedNode, NodeArgs, NodeVerb};
pub(crate) use objects::{Family, Named, ObjectArgs, ObjectVerb, WriteArgs};
pub(crate) use people::{PasswordArgs, TokenArgs, TokenVerb, UserArgs, UserVerb};
pub(crate) use services::{
    DataFormat, Delivery, EditServiceArgs, InvokeArgs, ServiceCommand, Transport,
};

/// A service bus made of actors.
#[derive(Debug, Parser)]
#[command(name = "busker", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Keep this command line in a new file, for `busker from-config`
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) store_config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a whole environment in one go
    #[command(subcommand)]
    Quickstart(QuickstartCommand),
    /// Make a cluster in steps: its database, and nodes on other machines
    #[command(subcommand)]
    Create(CreateCommand),
    /// Start the nodes that are not running; returns when they are ready
    Start(StartArgs),
    /// Stop the nodes, letting requests in flight finish
    Stop(DirArgs),
    /// Stop, then start
    Restart(StartArgs),
    /// Show the nodes: processes, addresses, workers
    Info(InfoArgs),
    /// Check busker.toml, the files it names, the database and Redis; changes nothing
    CheckConfig(CheckArgs),
    /// Services: invoke, deploy, list, get, source, edit, delete or roll back
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Ways in: create, list, edit, delete, get or ping
    Channel(ObjectArgs),
    /// Ways out: create, list, edit, delete, get or ping
    Outgoing(ObjectArgs),
    /// Credentials for ways in and out: create, list, edit, delete, get or change-password
    Security(ObjectArgs),
    /// Scheduled jobs: create, list, edit, delete or get; execute, pause, resume, history or next-fires
    Job(JobArgs),
    /// Configuration as code: export, import, diff
    #[command(subcommand)]
    Enmasse(EnmasseCommand),
    /// What was changed when: list, get, diff, revert
    #[command(subcommand)]
    Revision(RevisionCommand),
    /// Data dictionaries: what a value of one system is called in another
    Dictionary(DictionaryArgs),
    /// Asynchronous invocations: status, ledger; dead letters: list, get, edit, replay or discard
    Message(MessageArgs),
    /// Users of the console and the API: create, list, delete, change-password or set-role
    User(UserArgs),
    /// Bearer tokens of the API: create, list or revoke
    Token(TokenArgs),
    /// Nodes: list, ping, drain, resume or delete
    Node(NodeArgs),
    /// The cluster itself: get, edit or role-history
    Cluster(ClusterArgs),
    /// Certificates: make an authority, issue, renew and show
    #[command(subcommand)]
    Ca(CaCommand),
    /// Keys of secrets, and certificates of listeners: status, rotate or update
    Crypto(CryptoArgs),
    /// Seal a secret for a file that busker.toml names
    Encrypt(EncryptArgs),
    /// Open what `encrypt` sealed
    Decrypt(DecryptArgs),
    /// Show the logs of the nodes, merged by time
    Logs(LogsArgs),
    /// Look for what is wrong, and say what to do
    Doctor(DoctorArgs),
    /// Show the supervision tree
    Tree(TreeArgs),
    /// Show what happened to actors
    Events(EventsArgs),
    /// Call any service of the public API
    #[command(subcommand)]
    Api(ApiCommand),
    /// Show the exit codes
    #[command(long_about = Exit::table())]
    ExitCodes,
    /// Write a completion script to standard output
    Completions {
        /// The shell it is for
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual: one page to standard output, or all pages to a folder
    Man {
        /// Folder for the pages, one for each command
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Run again what --store-config kept
    FromConfig {
        /// The file
        file: PathBuf,
    },
    /// What `start` runs
    #[command(hide = true)]
    RunNode {
        /// Folder of the node
        dir: PathBuf,
        /// Leave the terminal it was started from
        #[arg(long)]
        detached: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuickstartCommand {
    /// Create authority, keys, database, node and admin user in an empty or new folder
    Create(QuickstartArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// Folder of the environment
    pub(crate) dir: PathBuf,
    /// Number of nodes
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) nodes: u16,
    /// Database: sqlite:FILE, or postgresql://user@host:port/database without a password
    #[arg(long, value_name = "URL")]
    pub(crate) odb: Option<String>,
    /// File with the password of a PostgreSQL database
    #[arg(long, value_name = "FILE")]
    pub(crate) odb_password_file: Option<PathBuf>,
    /// Redis, for a cluster: redis://host:port/database, or rediss:// for TLS, without a password
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// PEM file of the authority behind the certificate of a Redis with TLS
    #[arg(long, value_name = "FILE")]
    pub(crate) redis_root_certificate: Option<PathBuf>,
    /// File with the password of Redis
    #[arg(long, value_name = "FILE")]
    pub(crate) redis_password_file: Option<PathBuf>,
    /// File with the password of the user admin, in place of a random one
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_password_file: Option<PathBuf>,
    /// Added to every port, so that environments run side by side
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=48_000))]
    pub(crate) port_base: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CreateCommand {
    /// Make the schema of a database, or bring it up to this version
    Odb(CreateOdbArgs),
    /// Invite a node to a cluster: write a token that makes it, once
    JoinToken(JoinTokenArgs),
    /// Make the folder of a node that was invited
    Node(CreateNodeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateOdbArgs {
    /// Database: sqlite:FILE, or postgresql://user@host:port/database without a password
    #[arg(long, value_name = "URL")]
    pub(crate) odb: String,
    /// File with the password of a PostgreSQL database
    #[arg(long, value_name = "FILE")]
    pub(crate) odb_password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct JoinTokenArgs {
    /// The environment that quickstart made: it has the authority of the cluster
    pub(crate) dir: PathBuf,
    /// Name of the new node
    #[arg(long)]
    pub(crate) node: String,
    /// File to write the token to
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,
    /// How long it may be used
    #[arg(long, default_value_t = 60, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub(crate) valid_minutes: u32,
}

#[derive(Debug, Args)]
pub(crate) struct CreateNodeArgs {
    /// Folder for the node's folder; that of an environment, or a new one
    pub(crate) dir: PathBuf,
    /// File with the token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,
    /// File with the password of the database
    #[arg(long, value_name = "FILE")]
    pub(crate) odb_password_file: Option<PathBuf>,
    /// Address of this machine that clients and the other nodes reach
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub(crate) host: IpAddr,
    /// Added to every port, so that nodes run side by side
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=48_000))]
    pub(crate) port_base: u16,
}

#[derive(Debug, Args)]
pub(crate) struct DirArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// Stay in the foreground and log to standard error
    #[arg(long)]
    pub(crate) fg: bool,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// For both
    Yaml,
}

/// How an answer is printed that people read as a table.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Print {
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// How an answer is printed that is one object.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PrintObject {
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct TreeArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// Only this actor and those below it, such as node1/channels
    #[arg(long)]
    pub(crate) prefix: Option<String>,
    /// Show it again every second
    #[arg(long)]
    pub(crate) follow: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// Go on with what happens from now
    #[arg(long)]
    pub(crate) follow: bool,
    /// Most events of the past
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApiCommand {
    /// POST a payload to a service and print the answer
    Call {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// Name of the service, such as busker.service.list
        service: String,
        #[command(flatten)]
        input: CallInput,
        /// How to print the answer
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
}

/// The input of a call, as one text or field by field.
#[derive(Debug, Args)]
pub(crate) struct CallInput {
    /// JSON: text, @FILE, or - for standard input
    #[arg(long, default_value = "{}")]
    pub(crate) payload: String,
    /// A field of the input, over what the payload has; the value is JSON, else text, @FILE or - for standard input
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_grammar_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_other_tools_type_is_understood() {
        for line in [
            "busker quickstart create DIR --port-base 3000",
            "busker create odb --odb postgresql://busker@db/busker",
            "busker create join-token DIR --node node4 --token-file FILE",
            "busker create node DIR --token-file FILE --host 10.0.0.4",
            "busker start DIR",
            "busker stop DIR",
            "busker restart DIR --fg",
            "busker info DIR --format json",
            "busker check-config DIR",
            "busker service invoke DIR busker.service.list --payload {}",
            "busker service invoke DIR hello --payload - --data-format xml --transport soap",
            "busker channel DIR create --kind http --name crm --set url_path=/crm",
            "busker security DIR list --format yaml",
            "busker outgoing DIR ping --name crm",
            "busker dictionary DIR create --system crm --key currency --value USD",
            "busker dictionary DIR translate --system1 a --key1 b --value1 c --system2 d --key2 e",
            "busker dictionary DIR import --input FILE",
            "busker tree DIR --follow",
            "busker events DIR --follow",
            "busker enmasse export DIR --output FILE --kind channel.http --kind job.cron",
            "busker enmasse import DIR --input FILE --plan",
            "busker enmasse diff DIR --input - --partial --format json",
            "busker revision list DIR",
            "busker revision get DIR 53",
            "busker revision diff DIR 41 53",
            "busker revision revert DIR 41 --plan --confirm production",
            "busker channel DIR delete --name crm --confirm production",
            "busker api call DIR busker.cluster.get-roster",
            "busker api call DIR busker.user.set-role --set name=ann --set role=viewer --format yaml",
            "busker service set-wsdl DIR hello hello.wsdl",
            "busker service get-wsdl DIR hello",
            "busker service delete-wsdl DIR hello",
            "busker run-node DIR/node1 --detached",
            "busker user DIR create --name ann --role operator",
            "busker token DIR create --name ci --token-file FILE",
            "busker node DIR drain --name node1",
            "busker cluster DIR edit --guarded true",
            "busker message DIR list --service crm.get",
            "busker ca create server DIR --host localhost --host 127.0.0.1 --out certs",
            "busker crypto DIR rotate",
            "busker encrypt DIR --secret-file FILE",
            "busker logs DIR --node node1 --level warning --follow",
            "busker doctor DIR --security --format json",
            "busker --store-config FILE quickstart create DIR",
            "busker from-config FILE",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn no_option_takes_a_password() {
        fn visit(command: &clap::Command) {
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                let is_secret = ["password", "token", "secret"]
                    .iter()
                    .any(|word| id.contains(word));
                assert!(!is_secret || id.ends_with("_file"), "--{id}");
            }
            command.get_subcommands().for_each(visit);
        }
        visit(&Cli::command());
    }

    #[test]
    fn the_exit_codes_have_a_help_page() {
        let mut command = Cli::command();
        let page = command.find_subcommand_mut("exit-codes").unwrap();
        assert!(page.render_long_help().to_string().contains(" 70  "));
    }
}
