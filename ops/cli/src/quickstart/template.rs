//! The text of a new `busker.toml`: what a node needs, and what else there is as comments.

use std::net::SocketAddr;

/// File with the password of a PostgreSQL ODB, in the node's folder.
pub(super) const ODB_PASSWORD_FILE: &str = "odb.password";

/// What differs between nodes.
pub(super) struct Values<'a> {
    pub(super) name: &'a str,
    pub(super) cluster: &'a str,
    pub(super) odb_url: &'a str,
    pub(super) has_odb_password: bool,
    pub(super) http: SocketAddr,
    pub(super) admin: SocketAddr,
    /// The section `[cluster]`, or nothing.
    pub(super) cluster_section: &'a str,
}

/// The text.
pub(super) fn node(values: &Values<'_>) -> String {
    let password = if values.has_odb_password {
        format!("password_file = \"{ODB_PASSWORD_FILE}\"\n")
    } else {
        String::new()
    };
    format!(
        "\
# What this node needs to join its cluster; everything else is in its database.
# Relative paths start at this folder. Check it with: busker check-config DIR

[node]
name = {name}
cluster = {cluster}
# Endpoints that clients of Zato know, under /zato/: channels, admin or off.
zato_face = \"{zato_face}\"
# zato_face_deploys = true   # who comes by them may bring code in

[odb]
url = {odb_url}
{password}
# Channels: what the world talks to.
[http]
listen = \"{http}\"

# Public API: what the command line and the console talk to.
[admin]
listen = \"{admin}\"

[python]
# interpreter = \"venv/bin/python3\"
# workers = 2

[services]
static_sources = []

[telemetry]
log_level = \"info\"
# otlp_endpoint = \"http://127.0.0.1:4318\"
{cluster_section}",
        name = quoted(values.name),
        cluster = quoted(values.cluster),
        zato_face = zato_face(values.http),
        odb_url = quoted(values.odb_url),
        http = values.http,
        admin = values.admin,
        cluster_section = values.cluster_section,
    )
}

/// Where only this machine can reach them they are where Zato had them; elsewhere somebody has to want that.
fn zato_face(http: SocketAddr) -> &'static str {
    if http.ip().is_loopback() {
        "channels"
    } else {
        "off"
    }
}

/// A TOML basic string; JSON's escapes are a subset of its own.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
