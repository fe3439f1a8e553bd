//! The command line as types. Words and ports are Zato's where it had them.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Exit;

mod dictionaries;
mod enmasse;
mod jobs;
mod objects;

pub(crate) use dictionaries::{DictionaryArgs, DictionaryVerb, EntryArgs, QuestionArgs};
pub(crate) use enmasse::{ConfirmArgs, EnmasseCommand, FileArgs, RevisionCommand, TextFormat};
pub(crate) use jobs::{JobArgs, JobVerb};
pub(crate) use objects::{Family, ObjectArgs, ObjectVerb};

/// A service bus made of actors.
#[derive(Debug, Parser)]
#[command(name = "busker", version, arg_required_else_help = true)]
pub(crate) struct Cli {
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
    /// Check busker.toml and the files it names; changes nothing
    CheckConfig(DirArgs),
    /// Invoke, deploy, list, delete or roll back services
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Ways in: create, list, edit, delete, get or ping
    Channel(ObjectArgs),
    /// Ways out: create, list, edit, delete, get or ping
    Outgoing(ObjectArgs),
    /// Credentials: create, list, edit, delete or get
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
    /// What `start` runs
    #[command(subcommand, hide = true)]
    Node(NodeCommand),
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

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// An environment, or the folder of one node
    pub(crate) dir: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

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
    },
    /// List services with their counters
    List(InfoArgs),
    /// Undeploy the package that defines a service
    Delete {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// Name of the service
        name: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
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
    },
    /// Keep a WSDL for a service; its SOAP channels answer ?wsdl with it
    SetWsdl {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// Name of the service
        name: String,
        /// The file
        file: PathBuf,
    },
    /// Print the WSDL that was kept for a service, byte for byte
    GetWsdl {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// Name of the service
        name: String,
    },
    /// Let the WSDL of a service go; ?wsdl answers the generated one again
    DeleteWsdl {
        /// An environment, or the folder of one node
        dir: PathBuf,
        /// Name of the service
        name: String,
    },
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

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Run one node in this process
    Run {
        /// Folder of the node
        dir: PathBuf,
        /// Leave the terminal it was started from
        #[arg(long)]
        detached: bool,
    },
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
            "busker node run DIR/node1 --detached",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn no_option_takes_a_password() {
        fn visit(command: &clap::Command) {
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                let is_secret = id.contains("password") || id.contains("token");
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
