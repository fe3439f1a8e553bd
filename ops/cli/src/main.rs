//! The one binary: makes environments, runs nodes, and is a client of their public API.
//!
//! `args` is the grammar and `exit` the table of exit codes; only `host` starts a node, and `client` knows nodes by URL
//! and token alone. Start with [`run`].

mod args;
mod client;
mod create;
mod environment;
mod exit;
mod host;
mod info;
mod lifecycle;
mod output;
mod payload;
mod pid;
mod prompt;
mod quickstart;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use crate::args::{
    ApiCommand, Cli, Command, CreateCommand, EnmasseCommand, Family, NodeCommand, ObjectArgs,
    QuickstartCommand, RevisionCommand, ServiceCommand, StartArgs,
};
use crate::client::{Client, dictionaries, enmasse, jobs, objects, revisions, services, watch};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; clap prints each where it belongs.
            let printed = error.print();
            let code = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            };
            return if printed.is_ok() {
                code.into()
            } else {
                Exit::Internal.into()
            };
        }
    };
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        output::complain(&Failure::new(Exit::Internal, "TLS was set up twice"));
        return Exit::Internal.into();
    }
    match start_runtime(&cli.command).and_then(|runtime| runtime.block_on(run(cli.command))) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::complain(&failure);
            failure.exit.into()
        }
    }
}

/// A node uses all cores; a client waits most of the time.
fn start_runtime(command: &Command) -> Result<Runtime, Failure> {
    let is_node = matches!(
        command,
        Command::Node(_)
            | Command::Start(StartArgs { fg: true, .. })
            | Command::Restart(StartArgs { fg: true, .. })
    );
    let mut builder = if is_node {
        Builder::new_multi_thread()
    } else {
        Builder::new_current_thread()
    };
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("runtime: {error}")))
}

/// Runs a command; answers the exit code.
async fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Start(args) if args.fg => {
            return lifecycle::foreground(Environment::open(&args.dir)?).await;
        }
        Command::Restart(args) if args.fg => {
            let environment = Environment::open(&args.dir)?;
            lifecycle::stop(&environment).await?;
            return lifecycle::foreground(environment).await;
        }
        Command::Node(NodeCommand::Run { dir, detached }) => return run_node(&dir, detached).await,
        Command::Quickstart(QuickstartCommand::Create(args)) => quickstart::create(&args).await?,
        Command::Create(CreateCommand::Odb(args)) => create::odb(&args).await?,
        Command::Create(CreateCommand::JoinToken(args)) => create::join_token(&args).await?,
        Command::Create(CreateCommand::Node(args)) => create::node(&args).await?,
        Command::Start(args) => lifecycle::start(&Environment::open(&args.dir)?).await?,
        Command::Stop(args) => lifecycle::stop(&Environment::open(&args.dir)?).await?,
        Command::Restart(args) => {
            let environment = Environment::open(&args.dir)?;
            lifecycle::stop(&environment).await?;
            lifecycle::start(&environment).await?;
        }
        Command::Info(args) => info::run(&Environment::open(&args.dir)?, args.format).await?,
        Command::CheckConfig(args) => check_config(&args.dir)?,
        Command::Service(command) => service(command).await?,
        Command::Channel(args) => object(Family::Channel, args).await?,
        Command::Outgoing(args) => object(Family::Outgoing, args).await?,
        Command::Security(args) => object(Family::Security, args).await?,
        Command::Job(args) => jobs::run(&connect(&args.dir)?, args.verb).await?,
        Command::Enmasse(command) => return enmasse_command(command).await.map(Exit::code),
        Command::Revision(command) => {
            revisions::run(&connect(revision_dir(&command))?, command).await?;
        }
        Command::Dictionary(args) => {
            dictionaries::run(&connect(&args.dir)?, args.verb).await?;
        }
        Command::Tree(args) => watch::tree(&connect(&args.dir)?, &args).await?,
        Command::Events(args) => watch::events(&connect(&args.dir)?, &args).await?,
        Command::Api(ApiCommand::Call {
            dir,
            service,
            input,
            format,
        }) => {
            services::call(&connect(&dir)?, &service, &input, format).await?;
        }
        Command::ExitCodes => output::say(&Exit::table())?,
    }
    Ok(Exit::Ok.code())
}

fn connect(dir: &Path) -> Result<Client, Failure> {
    Client::new(Environment::open(dir)?.target()?)
}

async fn object(family: Family, args: ObjectArgs) -> Result<(), Failure> {
    objects::run(&connect(&args.dir)?, family, args.verb).await
}

/// Runs it; answers how the command ends.
async fn enmasse_command(command: EnmasseCommand) -> Result<Exit, Failure> {
    match command {
        EnmasseCommand::Export {
            dir,
            output,
            format,
            kinds,
            filter,
        } => {
            let wanted = enmasse::Export {
                output,
                format,
                kinds,
                filter,
            };
            enmasse::export(&connect(&dir)?, wanted).await?;
        }
        EnmasseCommand::Import { file, plan } => {
            enmasse::import(&connect(&file.dir)?, &file, plan).await?;
        }
        EnmasseCommand::Diff { file, partial } => {
            return enmasse::diff(&connect(&file.dir)?, &file, partial).await;
        }
    }
    Ok(Exit::Ok)
}

fn revision_dir(command: &RevisionCommand) -> &Path {
    match command {
        RevisionCommand::List { dir, .. }
        | RevisionCommand::Get { dir, .. }
        | RevisionCommand::Diff { dir, .. }
        | RevisionCommand::Revert { dir, .. } => dir,
    }
}

async fn service(command: ServiceCommand) -> Result<(), Failure> {
    match command {
        ServiceCommand::Invoke(args) => services::invoke(&connect(&args.dir)?, &args).await,
        ServiceCommand::Deploy { dir, file } => services::deploy(&connect(&dir)?, &file).await,
        ServiceCommand::List(args) => services::list(&connect(&args.dir)?, args.format).await,
        ServiceCommand::Delete { dir, name, confirm } => {
            services::delete(&connect(&dir)?, &name, confirm.confirm).await
        }
        ServiceCommand::SetWsdl { dir, name, file } => {
            services::set_wsdl(&connect(&dir)?, &name, &file).await
        }
        ServiceCommand::GetWsdl { dir, name } => services::get_wsdl(&connect(&dir)?, &name).await,
        ServiceCommand::DeleteWsdl { dir, name } => {
            services::delete_wsdl(&connect(&dir)?, &name).await
        }
        ServiceCommand::Rollback {
            dir,
            name,
            to,
            confirm,
        } => services::rollback(&connect(&dir)?, &name, to, confirm.confirm).await,
    }
}

async fn run_node(dir: &Path, detached: bool) -> Result<u8, Failure> {
    if detached {
        // A session of its own: the terminal it was started from may go.
        nix::unistd::setsid()
            .map_err(|error| Failure::new(Exit::Internal, format!("setsid: {error}")))?;
    }
    host::run(busker_node::NodeConfig::load(dir)?, !detached).await
}

fn check_config(dir: &Path) -> Result<(), Failure> {
    let environment = Environment::open(dir)?;
    let mut faults = Vec::new();
    for node in &environment.nodes {
        let file = node.dir.join(busker_node::CONFIG_FILE);
        faults.extend(
            node.check_files()
                .iter()
                .map(|fault| format!("{}: {fault}", file.display())),
        );
    }
    if !faults.is_empty() {
        return Err(Failure::new(Exit::Invalid, faults.join("\n")));
    }
    environment
        .nodes
        .iter()
        .try_for_each(|node| output::say(&format!("{}: fine", node.dir.display())))
}
