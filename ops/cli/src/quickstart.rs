//! `busker quickstart create`: a whole environment in numbered steps, in a folder that is new or empty.
//!
//! A step that fails takes away what the steps before it made, so that the command can simply be run again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use busker_model::Secret;
use busker_model::invocation::Role;
use busker_node::{NodeConfig, ODB_PASSWORD_VARIABLE};
use busker_odb::cluster::ClusterWrite;
use busker_odb::tokens::{TokenKind, TokenWrite};
use busker_odb::users::UserWrite;
use busker_odb::{Odb, PasswordCost, Passwords, Vault};

use crate::args::QuickstartArgs;
use crate::environment::TOKEN_FILE;
use crate::exit::{Exit, Failure};
use crate::{output, prompt};

pub(crate) mod authority;
pub(crate) mod cluster;
pub(crate) mod folder;
mod password;
mod template;
mod zato;

use folder::{Common, NodeFolder, make_private};

/// First user.
const ADMIN: &str = "admin";
/// Steps that are not the creation of a node.
const OTHER_STEPS: u16 = 6;

/// Creates the environment.
pub(crate) async fn create(args: &QuickstartArgs) -> Result<(), Failure> {
    cluster::check(args)?;
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
    nodes: Vec<NodeFolder>,
    cluster: String,
    odb_url: String,
    odb_password: Option<Secret>,
    admin_password: Secret,
    admin_password_file: Option<PathBuf>,
    /// Redis, and the secret of the cluster; `None` for a node that is alone.
    cluster_parts: Option<cluster::Shared>,
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
        let nodes = (1..=args.nodes)
            .map(|number| {
                let offset = args.port_base.saturating_add(number - 1);
                NodeFolder::new(
                    &dir,
                    format!("node{number}"),
                    Ipv4Addr::LOCALHOST.into(),
                    offset,
                )
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            nodes,
            cluster_parts: cluster::Shared::of(args)?,
            dir,
            cluster: format!("quickstart-{}", password::number()?),
            odb_url,
            odb_password,
            admin_password,
            admin_password_file: args.admin_password_file.clone(),
        })
    }

    async fn make(&self) -> Result<(), Failure> {
        self.folders()?;
        let authority = authority::create(&self.dir.join("ca"), authority::named(authority::NAME))?;
        self.done(1, "Certificate authority created")?;
        self.keys()?;
        self.done(2, "Keys created")?;
        for node in &self.nodes {
            node.configure(&self.common())?;
        }
        let config = NodeConfig::load(&self.first().dir)?;
        let odb = Odb::open(config.odb()?).await?;
        odb.migrate().await?;
        self.name_cluster(&odb).await?;
        self.done(3, "ODB schema and initial data created")?;
        let mut step = 4;
        for node in &self.nodes {
            authority
                .issue(&node.name)?
                .write(&node.dir.join("certs"))?;
            // Read back, so that what is written is what a node accepts.
            NodeConfig::load(&node.dir)?;
            self.done(step, &format!("{} created", node.name))?;
            step += 1;
        }
        self.admin(&odb).await?;
        self.done(step, "Admin user created")?;
        command_line_token(&odb, &self.dir).await?;
        self.done(step + 1, "Command-line token created")?;
        let vault = Vault::open(&config.key_path())?;
        zato::definitions(odb.with_vault(Arc::new(vault)), &self.dir).await?;
        self.done(
            step + 2,
            "Credentials of the Zato-compatible endpoints created",
        )?;
        self.report()
    }

    fn first(&self) -> &NodeFolder {
        &self.nodes[0]
    }

    /// The key of the database is one for all nodes that share it, and so is the secret of the cluster.
    fn keys(&self) -> Result<(), Failure> {
        let key = self.first().dir.join("busker.key");
        Vault::create(&key)?;
        for node in self.nodes.iter().skip(1) {
            // Its mode goes with it.
            let copied = fs::copy(&key, node.dir.join("busker.key"));
            copied.map_err(|error| Failure::file(&key, &error))?;
        }
        for node in &self.nodes {
            if let Some(shared) = &self.cluster_parts {
                shared.write(&node.dir)?;
            }
        }
        Ok(())
    }

    fn folders(&self) -> Result<(), Failure> {
        make_private(&self.dir.join("ca"))?;
        self.nodes.iter().try_for_each(NodeFolder::make)
    }

    fn common(&self) -> Common<'_> {
        Common {
            cluster: &self.cluster,
            odb_url: &self.odb_url,
            odb_password: self.odb_password.as_ref(),
            shared: self.cluster_parts.as_ref(),
        }
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
            "Zato-compatible endpoints: users and passwords are in {}",
            self.dir.join(zato::PASSWORDS_FILE).display()
        ))?;
        output::say(&format!(
            "Start it with: busker start {}",
            self.dir.display()
        ))
    }

    fn done(&self, step: usize, what: &str) -> Result<(), Failure> {
        let steps = self.nodes.len() + usize::from(OTHER_STEPS);
        output::say(&format!("[{step}/{steps}] {what}"))
    }

    /// Removes what was made; what cannot be removed is left, and the next run says the folder is not empty.
    fn take_away(&self, existed: bool) {
        if existed {
            drop(fs::remove_dir_all(self.dir.join("ca")));
            for node in &self.nodes {
                drop(fs::remove_dir_all(&node.dir));
            }
            drop(fs::remove_file(self.dir.join(TOKEN_FILE)));
            drop(fs::remove_file(self.dir.join(zato::PASSWORDS_FILE)));
        } else {
            drop(fs::remove_dir_all(&self.dir));
        }
    }
}

/// Lets the command line in an environment act on the cluster.
pub(crate) async fn command_line_token(odb: &Odb, dir: &Path) -> Result<(), Failure> {
    let write = TokenWrite {
        kind: TokenKind::Bearer,
        principal: "cli".to_owned(),
        role: Role::Admin,
        name: "command line".to_owned(),
        expires_ms: None,
    };
    let (_, text) = odb.tokens().mint(write).await?;
    write_private(&dir.join(TOKEN_FILE), &format!("{}\n", text.expose()))
}

/// From the file, else the environment, else a person who types it twice.
pub(crate) fn odb_password(file: Option<&Path>) -> Result<Secret, Failure> {
    if let Some(file) = file {
        return prompt::password_file(file);
    }
    if let Some(password) = busker_node::variable(ODB_PASSWORD_VARIABLE) {
        return Ok(Secret::new(password));
    }
    prompt::twice("ODB database password", "--odb-password-file")
}

/// Replaces a file, or makes it, in one step; only its owner can read it.
pub(crate) fn replace_private(path: &Path, text: &str) -> Result<(), Failure> {
    let mut next = path.as_os_str().to_owned();
    next.push(".new");
    let next = PathBuf::from(next);
    // Left by a process that was killed here.
    drop(fs::remove_file(&next));
    write_private(&next, text)?;
    fs::rename(&next, path).map_err(|error| Failure::file(path, &error))
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
