//! What a configuration that can be read may still have wrong.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use busker_model::name::check_object_name;
use busker_model::object::Violation;

use super::{NodeConfig, ZatoFace};

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// Bits of a mode that let others read or write.
const OTHERS: u32 = 0o077;

impl NodeConfig {
    /// Faults of the values alone: touches no file.
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: String| faults.push(Violation::new(field, message));
        for (field, name) in [
            ("node.name", &self.node.name),
            ("node.cluster", &self.node.cluster),
        ] {
            if let Some(message) = wrong_name(name) {
                fault(field, message);
            }
        }
        for (section, listener) in [("http", &self.http), ("admin", &self.admin)] {
            if listener.workers == 0 {
                fault(&format!("{section}.workers"), at_least_one());
            }
            if listener.max_connections == 0 {
                fault(&format!("{section}.max_connections"), at_least_one());
            }
        }
        if self.http.listen == self.admin.listen {
            let message = "is the address of [http] as well: give each listener its own port";
            fault("admin.listen", message.to_owned());
        }
        if let Some(message) = odb_url(&self.odb.url) {
            fault("odb.url", message.to_owned());
        }
        if self.odb.pool_size == 0 {
            fault("odb.pool_size", at_least_one());
        }
        if self.python.workers == Some(0) {
            fault("python.workers", at_least_one());
        }
        if self.python.window == Some(0) {
            fault("python.window", at_least_one());
        }
        if !LEVELS.contains(&self.telemetry.log_level.as_str()) {
            let message = format!("use one of {}", LEVELS.join(", "));
            fault("telemetry.log_level", message);
        }
        let endpoint = self.telemetry.otlp_endpoint.as_deref();
        if endpoint.is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            let message = "is no URL: use one such as http://127.0.0.1:4318";
            fault("telemetry.otlp_endpoint", message.to_owned());
        }
        let cluster = self.cluster.as_ref();
        let cluster_faults = cluster.map(|cluster| cluster.check(self));
        let limits = &self.limits;
        for (field, value) in [
            ("limits.body_bytes", limits.body_bytes),
            ("limits.head_timeout_ms", limits.head_timeout_ms),
            ("limits.body_timeout_ms", limits.body_timeout_ms),
            ("limits.write_timeout_ms", limits.write_timeout_ms.into()),
            ("limits.drain_timeout_ms", limits.drain_timeout_ms),
        ] {
            if value == 0 {
                fault(field, at_least_one());
            }
        }
        faults.extend(self.check_bus());
        faults.extend(self.check_clients());
        faults.extend(self.check_zato_face());
        faults.extend(cluster_faults.unwrap_or_default());
        faults
    }

    fn check_clients(&self) -> Option<Violation> {
        let tls = self.admin.tls.as_ref()?;
        tls.client_authority.is_some().then(|| {
            let message = "is for http.tls: the API knows its users by token or password";
            Violation::new("admin.tls.client_authority", message)
        })
    }

    fn check_zato_face(&self) -> Option<Violation> {
        let message =
            "means nothing while node.zato_face is off: leave this out, or turn the face on";
        let idle = self.node.zato_face_deploys && self.node.zato_face == ZatoFace::Off;
        idle.then(|| Violation::new("node.zato_face_deploys", message))
    }

    fn check_bus(&self) -> Vec<Violation> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: &str| faults.push(Violation::new(field, message));
        if let Some(message) = self.bus.url.as_deref().and_then(bus_url) {
            fault("bus.url", message);
        }
        if self.bus.holds_password() && self.bus.password_file.is_some() {
            fault(
                "bus.password_file",
                "bus.url holds a password too: leave one of them out",
            );
        }
        if self.bus.root_certificate.is_some() && !self.bus_url().starts_with("rediss://") {
            fault(
                "bus.root_certificate",
                "means nothing without TLS: make bus.url a rediss:// one, or leave this out",
            );
        }
        faults
    }

    /// Files that hold a secret each, which may be sealed, by field.
    #[must_use]
    pub fn secret_files(&self) -> Vec<(&'static str, PathBuf)> {
        let cluster = self.cluster.as_ref();
        let named = [
            ("odb.password_file", self.odb.password_file.as_ref()),
            ("bus.password_file", self.bus.password_file.as_ref()),
            (
                "cluster.redis_password_file",
                cluster.and_then(|cluster| cluster.redis_password_file.as_ref()),
            ),
            (
                "cluster.secret_file",
                cluster.map(|cluster| &cluster.secret_file),
            ),
        ];
        let named = named.into_iter();
        named
            .filter_map(|(field, file)| Some((field, self.path(file?))))
            .collect()
    }

    /// Faults of the files the configuration names, and of the folder itself.
    #[must_use]
    pub fn check_files(&self) -> Vec<Violation> {
        let mut faults = Vec::new();
        let mut need = |field: &str, path: &Path, is_there: bool| {
            if !is_there {
                let message = format!("{} is not there", path.display());
                faults.push(Violation::new(field, message));
            }
        };
        for folder in ["pickup", "logs", "data"] {
            let path = self.dir.join(folder);
            need(folder, &path, path.is_dir());
        }
        need("busker.key", &self.key_path(), self.key_path().is_file());
        let named = [
            ("odb.password_file", self.odb.password_file.as_ref()),
            ("bus.password_file", self.bus.password_file.as_ref()),
            ("bus.root_certificate", self.bus.root_certificate.as_ref()),
            ("odb.root_certificate", self.odb.root_certificate.as_ref()),
            ("python.interpreter", self.python.interpreter.as_ref()),
            (
                "http.tls.certificate",
                self.http.tls.as_ref().map(|tls| &tls.certificate),
            ),
            (
                "http.tls.client_authority",
                self.http
                    .tls
                    .as_ref()
                    .and_then(|tls| tls.client_authority.as_ref()),
            ),
            ("http.tls.key", self.http.tls.as_ref().map(|tls| &tls.key)),
            (
                "admin.tls.certificate",
                self.admin.tls.as_ref().map(|tls| &tls.certificate),
            ),
            ("admin.tls.key", self.admin.tls.as_ref().map(|tls| &tls.key)),
        ];
        for (field, path) in named {
            if let Some(path) = path.map(|path| self.path(path)) {
                need(field, &path, path.is_file());
            }
        }
        let cluster = self.cluster.as_ref();
        let (needed, private) = cluster
            .map(|cluster| cluster.files(self))
            .unwrap_or_default();
        for (field, path) in needed {
            need(field, &path, path.is_file());
        }
        for source in &self.services.static_sources {
            let path = self.path(source);
            need("services.static_sources", &path, path.exists());
        }
        let own = [
            Some(self.key_path()),
            self.odb.password_file.as_ref().map(|file| self.path(file)),
            self.bus.password_file.as_ref().map(|file| self.path(file)),
            self.bus
                .holds_password()
                .then(|| self.dir.join(super::CONFIG_FILE)),
        ];
        for path in own.into_iter().flatten().chain(private) {
            let mode = std::fs::metadata(&path).map(|meta| meta.permissions().mode());
            if mode.is_ok_and(|mode| mode & OTHERS != 0) {
                let message = format!("others may read it: chmod 600 {}", path.display());
                faults.push(Violation::new("mode", message));
            }
        }
        faults
    }
}

fn at_least_one() -> String {
    "must be at least 1".to_owned()
}

/// What is wrong with the name of a node or a cluster.
#[must_use]
pub fn wrong_name(name: &str) -> Option<String> {
    match check_object_name(name) {
        Err(error) => Some(format!("{}: choose another name", error.reason)),
        Ok(()) if name.contains('/') => Some("contains a '/': choose another name".to_owned()),
        Ok(()) => None,
    }
}

/// What follows the scheme in the URL of a Redis, with TLS or without.
pub(super) fn redis_rest(url: &str) -> Option<&str> {
    url.strip_prefix("redis://")
        .or_else(|| url.strip_prefix("rediss://"))
}

/// What is wrong with the URL of the bus.
fn bus_url(url: &str) -> Option<&'static str> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        return path
            .is_empty()
            .then_some("names no file: use one such as sqlite:data/bus.db");
    }
    let Some(rest) = redis_rest(url) else {
        return Some("use sqlite:FILE, redis://host:port/database or rediss://host:port/database");
    };
    if rest.contains('#') {
        return Some("has a '#': certificates are always checked, and a '#' in a password is %23");
    }
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    (host.is_empty() || host.starts_with([':', '/']))
        .then_some("names no host: use one such as redis://127.0.0.1:6379/0")
}

/// What is wrong with the URL of an ODB.
fn odb_url(url: &str) -> Option<&'static str> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        return path
            .is_empty()
            .then_some("names no file: use one such as sqlite:data/odb.db");
    }
    let rest = url
        .strip_prefix("postgresql://")
        .or_else(|| url.strip_prefix("postgres://"));
    let Some(rest) = rest else {
        return Some("use sqlite:FILE or postgresql://user@host:port/database");
    };
    let user = rest
        .split('/')
        .next()
        .and_then(|authority| authority.rsplit_once('@'));
    let has_password = user.is_some_and(|(user, _)| user.contains(':'));
    has_password
        .then_some("holds a password: put it in a file of mode 0600 and name it as password_file")
}
