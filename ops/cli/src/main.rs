//! The one binary: makes environments, runs nodes, and is a client of their public API.
//!
//! `args` is the grammar and `exit` the table of exit codes; only `host` starts a node, and `client` knows nodes by URL
//! and token alone. Start with [`run`].

mod args;
mod ca;
mod certificates;
mod check_config;
mod client;
mod create;
mod crypto;
mod doctor;
mod environment;
mod exit;
mod grammar;
mod host;
mod info;
mod lifecycle;
mod logs;
mod output;
mod payload;
mod pid;
mod prompt;
mod quickstart;
mod replay;
mod seal;

use std::path::Path;
use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use crate::args::{
    ApiCommand, Cli, Command, CreateCommand, CryptoArgs, CryptoVerb, EnmasseCommand, Family,
    ObjectArgs, QuickstartCommand, RevisionCommand, ServiceCommand, StartArgs,
};
use crate::client::{
    Client, dictionaries, enmasse, jobs, messages, nodes, objects, people, revisions, services,
    watch,
};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = match grammar::parse(std::env::args_os()) {
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
    match execute(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::complain(&failure);
            failure.exit.into()
        }
    }
}

fn execute(cli: Cli) -> Result<u8, Failure> {
    if let Some(file) = &cli.store_config {
        replay::store(file)?;
    }
    start_runtime(&cli.command)?.block_on(run(cli.command))
}

/// A node uses all cores; a client waits most of the time.
fn start_runtime(command: &Command) -> Result<Runtime, Failure> {
    let is_node = matches!(
        command,
        Command::RunNode { .. }
            // It may turn out to be one.
            | Command::FromConfig { .. }
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
        Command::Start(args) => return start(args, false).await,
        Command::Restart(args) => return start(args, true).await,
        Command::RunNode { dir, detached } => return run_node(&dir, detached).await,
        Command::FromConfig { file } => return Box::pin(run(replay::read(&file)?)).await,
        Command::Quickstart(QuickstartCommand::Create(args)) => quickstart::create(&args).await?,
        Command::Create(CreateCommand::Odb(args)) => create::odb(&args).await?,
        Command::Create(CreateCommand::JoinToken(args)) => create::join_token(&args).await?,
        Command::Create(CreateCommand::Node(args)) => create::node(&args).await?,
        Command::Stop(args) => lifecycle::stop(&Environment::open(&args.dir)?).await?,
        Command::Info(args) => info::run(&Environment::open(&args.dir)?, args.format).await?,
        Command::CheckConfig(args) => {
            check_config::run(&Environment::open(&args.dir)?, args.print).await?;
        }
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
        Command::Message(args) => messages::run(&connect(&args.dir)?, args.verb).await?,
        Command::User(args) => people::user(&connect(&args.dir)?, args.verb).await?,
        Command::Token(args) => people::token(&connect(&args.dir)?, args.verb).await?,
        Command::Node(args) => nodes::node(&connect(&args.dir)?, args.verb).await?,
        Command::Cluster(args) => nodes::cluster(&connect(&args.dir)?, args.verb).await?,
        Command::Ca(command) => ca::run(command)?,
        Command::Crypto(args) => crypto(args).await?,
        Command::Encrypt(args) => seal::encrypt(&args)?,
        Command::Decrypt(args) => seal::decrypt(&args)?,
        Command::Logs(args) => logs::run(&Environment::open(&args.dir)?, &args).await?,
        Command::Doctor(args) => doctor::run(&Environment::open(&args.dir)?, &args).await?,
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
        Command::Completions { shell } => grammar::completions(shell)?,
        Command::Man { dir } => grammar::manual(dir.as_deref())?,
    }
    Ok(Exit::Ok.code())
}

async fn start(args: StartArgs, stops_first: bool) -> Result<u8, Failure> {
    let environment = Environment::open(&args.dir)?;
    if stops_first {
        lifecycle::stop(&environment).await?;
    }
    if args.fg {
        return lifecycle::foreground(environment).await;
    }
    lifecycle::start(&environment).await?;
    Ok(Exit::Ok.code())
}

async fn crypto(args: CryptoArgs) -> Result<(), Failure> {
    let environment = Environment::open(&args.dir)?;
    match args.verb {
        CryptoVerb::Status(print) => crypto::status(&connect(&args.dir)?, print).await,
        CryptoVerb::Rotate => crypto::rotate(&environment, &connect(&args.dir)?).await,
        CryptoVerb::Update {
            listener,
            certificate,
            key,
        } => crypto::update(&environment, listener, &certificate, &key),
    }
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
        ServiceCommand::Deploy { dir, file, print } => {
            services::deploy(&connect(&dir)?, &file, print).await
        }
        ServiceCommand::List(args) => services::list(&connect(&args.dir)?, args.format).await,
        ServiceCommand::Get { service, print } => {
            services::get(&connect(&service.dir)?, &service.name, print).await
        }
        ServiceCommand::Source(service) => {
            services::source(&connect(&service.dir)?, &service.name).await
        }
        ServiceCommand::Edit(args) => services::edit(&connect(&args.service.dir)?, &args).await,
        ServiceCommand::SetWsdl { service, file } => {
            services::set_wsdl(&connect(&service.dir)?, &service.name, &file).await
        }
        ServiceCommand::GetWsdl(service) => {
            services::get_wsdl(&connect(&service.dir)?, &service.name).await
        }
        ServiceCommand::DeleteWsdl(service) => {
            services::delete_wsdl(&connect(&service.dir)?, &service.name).await
        }
        ServiceCommand::Delete {
            service,
            confirm,
            print,
        } => {
            let client = connect(&service.dir)?;
            services::delete(&client, &service.name, confirm.confirm, print).await
        }
        ServiceCommand::Rollback {
            dir,
            name,
            to,
            confirm,
            print,
        } => services::rollback(&connect(&dir)?, &name, to, confirm.confirm, print).await,
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
