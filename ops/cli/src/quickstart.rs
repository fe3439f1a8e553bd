//! `busker quickstart create`: a whole environment in numbered steps, in a folder that is new or empty.
//!
//! A step that fails takes away what the steps before it made, so that the command can simply be run again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use busker_kit::clock;
use busker_model::Secret;
use busker_model::invocation::Role;
use busker_node::{NodeConfig, ODB_PASSWORD_VARIABLE};
use busker_odb::cluster::ClusterWrite;
use busker_odb::tokens::{TokenKind, TokenWrite};
use busker_odb::users::UserWrite;
use busker_odb::{Odb, PasswordCost, Passwords, Vault};
use serde_json::json;

use crate::args::QuickstartArgs;
use crate::environment::TOKEN_FILE;
use crate::exit::{Exit, Failure};
use crate::{output, prompt};

mod authority;
mod password;
mod template;

/// First user.
const ADMIN: &str = "admin";
/// Listeners of the first node.
const CHANNEL_PORT: u16 = 17010;
const ADMIN_PORT: u16 = 8183;
/// The only node, until the cluster lands.
const NODE: &str = "node1";
/// What Zato called `.zato-info`: who made the folder, and when.
pub(crate) const INFO_FILE: &str = ".busker-info";

/// Creates the environment.
pub(crate) async fn create(args: &QuickstartArgs) -> Result<(), Failure> {
    if args.nodes > 1 || args.redis.is_some() {
        return Err(Failure::usage(
            "more than one node needs PostgreSQL and Redis, and arrives with the cluster: \
             leave --nodes and --redis out",
        ));
    }
    let dir = std::path::absolute(&args.dir).map_err(|error| Failure::file(&args.dir, &error))?;
    let existed = check_empty(&dir)?;
    let plan = Plan::new(args, dir)?;
    let made = plan.make().await;
    if made.is_err() {
        plan.take_away(existed);
    }
    made
}

/// Whether the folder is there; it must be empty then.
fn check_empty(dir: &Path) -> Result<bool, Failure> {
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(true),
        Ok(false) => Err(Failure::new(
            Exit::Conflict,
            format!(
                "{} is not empty: name a new folder, or empty this one",
                dir.display()
            ),
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::file(dir, &error)),
    }
}

/// What is to be made.
struct Plan {
    dir: PathBuf,
    node: PathBuf,
    cluster: String,
    odb_url: String,
    odb_password: Option<Secret>,
    admin_password: Secret,
    admin_password_file: Option<PathBuf>,
    port_base: u16,
}

impl Plan {
    /// Asks and reads everything first, so that no question comes between the steps.
    fn new(args: &QuickstartArgs, dir: PathBuf) -> Result<Self, Failure> {
        let odb_url = args
            .odb
            .clone()
            .unwrap_or_else(|| "sqlite:data/odb.db".to_owned());
        let odb_password = if odb_url.starts_with("sqlite:") {
            None
        } else {
            Some(odb_password(args.odb_password_file.as_deref())?)
        };
        let admin_password = match &args.admin_password_file {
            Some(file) => prompt::password_file(file)?,
            None => password::pronounceable()?,
        };
        Ok(Self {
            node: dir.join(NODE),
            dir,
            cluster: format!("quickstart-{}", password::number()?),
            odb_url,
            odb_password,
            admin_password,
            admin_password_file: args.admin_password_file.clone(),
            port_base: args.port_base,
        })
    }

    async fn make(&self) -> Result<(), Failure> {
        self.folders()?;
        let authority = authority::create(&self.dir.join("ca"))?;
        self.done(1, "Certificate authority created")?;
        Vault::create(&self.node.join("busker.key"))?;
        self.done(2, "Keys created")?;
        let config = self.configure()?;
        let odb = Odb::open(config.odb()?).await?;
        odb.migrate().await?;
        self.name_cluster(&odb).await?;
        self.done(3, "ODB schema and initial data created")?;
        authority.issue(&self.node.join("certs"), NODE)?;
        self.done(4, &format!("{NODE} created"))?;
        self.admin(&odb).await?;
        self.done(5, "Admin user created")?;
        self.token(&odb).await?;
        self.done(6, "Command-line token created")?;
        self.report()
    }

    fn folders(&self) -> Result<(), Failure> {
        for folder in [
            "ca",
            "node1",
            "node1/pickup",
            "node1/logs",
            "node1/data",
            "node1/certs",
        ] {
            let path = self.dir.join(folder);
            // Keys, databases and logs are nobody else's business.
            let made = fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path);
            made.map_err(|error| Failure::file(&path, &error))?;
        }
        Ok(())
    }

    /// Writes busker.toml and reads it back, so that what is written is what a node accepts.
    fn configure(&self) -> Result<NodeConfig, Failure> {
        let local = |port: u16| {
            let port = port.checked_add(self.port_base);
            port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
                .ok_or_else(|| Failure::usage("--port-base: moves a port beyond 65535"))
        };
        let text = template::node(&template::Values {
            name: NODE,
            cluster: &self.cluster,
            odb_url: &self.odb_url,
            has_odb_password: self.odb_password.is_some(),
            http: local(CHANNEL_PORT)?,
            admin: local(ADMIN_PORT)?,
        });
        if let Some(password) = &self.odb_password {
            write_private(
                &self.node.join(template::ODB_PASSWORD_FILE),
                password.expose(),
            )?;
        }
        write_private(&self.node.join(busker_node::CONFIG_FILE), &text)?;
        let created_ms = clock::unix_ms();
        let info = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("component", "NODE".to_owned()),
            ("created_user_host", crate::info::user_at_host()),
            ("created_ts", crate::info::utc(created_ms)),
        ];
        // Spaces as in Zato's, where a table may break the line.
        let info = info.map(|(name, value)| format!("\"{name}\": {}", json!(value)));
        let info = format!("{{{}}}\n", info.join(", "));
        write_private(&self.node.join(INFO_FILE), &info)?;
        Ok(NodeConfig::load(&self.node)?)
    }

    async fn name_cluster(&self, odb: &Odb) -> Result<(), Failure> {
        let write = ClusterWrite {
            name: self.cluster.clone(),
            description: String::new(),
            colour: String::new(),
            guarded: false,
        };
        odb.cluster().edit(write).await?;
        Ok(())
    }

    async fn admin(&self, odb: &Odb) -> Result<(), Failure> {
        let passwords = Passwords::new(PasswordCost::Full)?;
        let hash = passwords.hash(&self.admin_password).await?;
        let user = UserWrite {
            name: ADMIN.to_owned(),
            role: Role::Admin,
            active: true,
        };
        odb.users().create(user, hash).await?;
        Ok(())
    }

    async fn token(&self, odb: &Odb) -> Result<(), Failure> {
        let write = TokenWrite {
            kind: TokenKind::Bearer,
            principal: "cli".to_owned(),
            role: Role::Admin,
            name: "command line".to_owned(),
            expires_ms: None,
        };
        let (_, text) = odb.tokens().mint(write).await?;
        write_private(&self.dir.join(TOKEN_FILE), &format!("{}\n", text.expose()))
    }

    fn report(&self) -> Result<(), Failure> {
        output::say(&format!("Quickstart cluster {} created", self.cluster))?;
        // The only time a password is printed, and only one that nobody knows yet.
        output::say(&match &self.admin_password_file {
            Some(file) => format!("admin user: {ADMIN}, password: as in {}", file.display()),
            None => format!(
                "admin user: {ADMIN}, password: {}",
                self.admin_password.expose()
            ),
        })?;
        output::say(&format!(
            "Start it with: busker start {}",
            self.dir.display()
        ))
    }

    fn done(&self, step: u8, what: &str) -> Result<(), Failure> {
        output::say(&format!("[{step}/6] {what}"))
    }

    /// Removes what was made; what cannot be removed is left, and the next run says the folder is not empty.
    fn take_away(&self, existed: bool) {
        if existed {
            for made in ["ca", NODE] {
                drop(fs::remove_dir_all(self.dir.join(made)));
            }
            drop(fs::remove_file(self.dir.join(TOKEN_FILE)));
        } else {
            drop(fs::remove_dir_all(&self.dir));
        }
    }
}

/// From the file, else the environment, else a person who types it twice.
fn odb_password(file: Option<&Path>) -> Result<Secret, Failure> {
    if let Some(file) = file {
        return prompt::password_file(file);
    }
    if let Some(password) = busker_node::variable(ODB_PASSWORD_VARIABLE) {
        return Ok(Secret::new(password));
    }
    prompt::twice("ODB database password", "--odb-password-file")
}

/// Writes a new file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::file(path, &error))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(|error| Failure::file(path, &error))
}

#[cfg(test)]
mod tests;
