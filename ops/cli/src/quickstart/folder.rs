//! The folder of one node, as quickstart and `create node` make it.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use busker_kit::clock;
use busker_model::Secret;
use serde_json::json;

use super::{cluster, template, write_private};
use crate::exit::Failure;

/// Listeners of the first node: channels, API, sessions of other nodes. The next node has the next port of each.
const CHANNEL_PORT: u16 = 17010;
const ADMIN_PORT: u16 = 8183;
const SESSION_PORT: u16 = 18010;
/// Folders in it.
const PARTS: [&str; 5] = ["", "pickup", "logs", "data", "certs"];
/// What Zato called `.zato-info`: who made the folder, and when.
pub(crate) const INFO_FILE: &str = ".busker-info";

/// One node that is to be.
pub(crate) struct NodeFolder {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    http: SocketAddr,
    admin: SocketAddr,
    session: SocketAddr,
}

/// What it has alike with the other nodes of its cluster.
pub(crate) struct Common<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) odb_url: &'a str,
    pub(crate) odb_password: Option<&'a Secret>,
    /// `None` for a node that is alone.
    pub(crate) shared: Option<&'a cluster::Shared>,
}

impl NodeFolder {
    /// The node of that name in an environment, on the usual ports plus `offset` of an address.
    pub(crate) fn new(
        environment: &Path,
        name: String,
        host: IpAddr,
        offset: u16,
    ) -> Result<Self, Failure> {
        let at = |port: u16| {
            let port = port.checked_add(offset);
            port.map(|port| SocketAddr::new(host, port))
                .ok_or_else(|| Failure::usage("--port-base: moves a port beyond 65535"))
        };
        Ok(Self {
            dir: environment.join(&name),
            name,
            http: at(CHANNEL_PORT)?,
            admin: at(ADMIN_PORT)?,
            session: at(SESSION_PORT)?,
        })
    }

    /// Makes the empty folders.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        let mut parts = PARTS.iter().map(|part| self.dir.join(part));
        parts.try_for_each(|part| make_private(&part))
    }

    /// Writes busker.toml and what it names.
    pub(crate) fn configure(&self, common: &Common<'_>) -> Result<(), Failure> {
        let text = template::node(&template::Values {
            name: &self.name,
            cluster: common.cluster,
            odb_url: common.odb_url,
            has_odb_password: common.odb_password.is_some(),
            http: self.http,
            admin: self.admin,
            cluster_section: &common
                .shared
                .map_or_else(String::new, |shared| shared.section(self.session)),
        });
        if let Some(password) = common.odb_password {
            write_private(
                &self.dir.join(template::ODB_PASSWORD_FILE),
                password.expose(),
            )?;
        }
        write_private(&self.dir.join(busker_node::CONFIG_FILE), &text)?;
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
        write_private(&self.dir.join(INFO_FILE), &info)
    }
}

/// Makes a folder and those above it; keys, databases and logs are nobody else's business.
pub(crate) fn make_private(path: &Path) -> Result<(), Failure> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|error| Failure::file(path, &error))
}
