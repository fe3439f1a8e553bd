//! The folder a command is about: an environment with its nodes, or the folder of one node.

use std::path::{Path, PathBuf};

use busker_model::Secret;
use busker_node::{CONFIG_FILE, NodeConfig};

use crate::client::Target;
use crate::exit::{Exit, Failure};

/// File with the bearer token of the command line.
pub(crate) const TOKEN_FILE: &str = "cli.token";

/// An environment, or as much of it as was named.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Folder of the environment, absolute.
    pub(crate) dir: PathBuf,
    /// Nodes that were named, in the order of their numbers; never empty.
    pub(crate) nodes: Vec<NodeConfig>,
}

impl Environment {
    /// Opens an environment, or the one around the folder of a node.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let dir = std::path::absolute(dir).map_err(|error| Failure::file(dir, &error))?;
        if dir.join(CONFIG_FILE).is_file() {
            let nodes = vec![NodeConfig::load(&dir)?];
            let around = dir.parent().unwrap_or(&dir).to_owned();
            return Ok(Self { dir: around, nodes });
        }
        let mut folders = node_folders(&dir)?;
        folders.sort_by_key(|folder| (number(folder), folder.clone()));
        if folders.is_empty() {
            let message = format!(
                "{} is no environment: make one with `busker quickstart create {}`",
                dir.display(),
                dir.display()
            );
            return Err(Failure::new(Exit::NotFound, message));
        }
        let nodes: Result<Vec<_>, _> = folders
            .iter()
            .map(|folder| NodeConfig::load(folder))
            .collect();
        Ok(Self { dir, nodes: nodes? })
    }

    /// Name of the cluster.
    pub(crate) fn cluster(&self) -> &str {
        self.nodes
            .first()
            .map_or("", |node| node.node.cluster.as_str())
    }

    /// The API of the first node, with the token of the command line.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        let node = self
            .nodes
            .first()
            .ok_or_else(|| Failure::new(Exit::NotFound, "the environment has no node"))?;
        self.target_of(node)
    }

    /// The API of a node, with the token of the command line.
    pub(crate) fn target_of(&self, node: &NodeConfig) -> Result<Target, Failure> {
        let file = self.dir.join(TOKEN_FILE);
        let token = std::fs::read_to_string(&file).map_err(|error| {
            let mut failure = Failure::file(&file, &error);
            failure.exit = Exit::Unauthenticated;
            failure
        })?;
        Ok(Target {
            base: base_url(node),
            token: Secret::new(token.trim()),
            authority: authority(node),
        })
    }
}

/// URL of a node's API.
pub(crate) fn base_url(node: &NodeConfig) -> String {
    let scheme = if node.admin.tls.is_some() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{}", reachable(node.admin.listen))
}

/// The authority behind the certificate of a node's API, where it has one.
pub(crate) fn authority(node: &NodeConfig) -> Option<PathBuf> {
    let tls = node.admin.tls.as_ref()?;
    let certificate = node.path(&tls.certificate);
    Some(certificate.with_file_name("ca.pem"))
}

/// An address to connect to: a listener on all addresses is reached over the loopback one.
pub(crate) fn reachable(listen: std::net::SocketAddr) -> std::net::SocketAddr {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn node_folders(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::file(dir, &error);
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.join(CONFIG_FILE).is_file() {
            folders.push(path);
        }
    }
    Ok(folders)
}

/// The number of `node12`; names without one come last.
fn number(folder: &Path) -> u32 {
    let name = folder
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let digits = name.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    digits.parse().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_in_the_order_of_their_numbers() {
        let dir = tempfile::tempdir().unwrap();
        for number in [10, 2, 1] {
            let folder = dir.path().join(format!("node{number}"));
            std::fs::create_dir(&folder).unwrap();
            let text = format!(
                "[node]\nname = \"node{number}\"\ncluster = \"c\"\n[http]\nlisten = \"0.0.0.0:17010\"\n[admin]\nlisten = \"0.0.0.0:8183\"\n"
            );
            std::fs::write(folder.join(CONFIG_FILE), text).unwrap();
        }
        let environment = Environment::open(dir.path()).unwrap();
        let names: Vec<&str> = environment
            .nodes
            .iter()
            .map(|node| node.node.name.as_str())
            .collect();
        assert_eq!(names, ["node1", "node2", "node10"]);
        assert_eq!(base_url(&environment.nodes[0]), "http://127.0.0.1:8183");
        let one = Environment::open(&dir.path().join("node2")).unwrap();
        assert_eq!((one.nodes.len(), one.dir.as_path()), (1, dir.path()));
    }

    #[test]
    fn a_folder_without_nodes_names_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let failure = Environment::open(dir.path()).unwrap_err();
        assert_eq!(failure.exit, Exit::NotFound);
        assert!(
            failure.message.contains("busker quickstart create"),
            "{failure}"
        );
    }
}
