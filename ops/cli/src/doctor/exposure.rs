//! What is open to people who should not have it: listeners, faces, files.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use busker_node::{CONFIG_FILE, NodeConfig, ZatoFace};

use super::Check;
use crate::environment::Environment;

/// Bits of a mode that let others read or write.
const OTHERS: u32 = 0o077;
/// Files that are named in one check.
const SHOWN: usize = 10;
/// Files and folders that are looked at.
const LOOKED_AT: usize = 50_000;
/// Ends of names of files that hold secrets.
const SECRET_ENDS: [&str; 6] = [".key", ".password", ".secret", ".token", ".db", ".db-wal"];

/// What busker.toml of a node says.
pub(super) fn of_node(node: &NodeConfig) -> Vec<Check> {
    let place = node.node.name.as_str();
    let text = std::fs::read_to_string(node.dir.join(CONFIG_FILE)).unwrap_or_default();
    let mut checks = vec![
        admin(place, node.admin.listen, node.admin.tls.is_some()),
        plain_secrets(place, &text),
        face(
            place,
            node.http.listen.ip(),
            node.node.zato_face,
            node.node.zato_face_deploys,
        ),
    ];
    if !node.http.listen.ip().is_loopback() && node.http.tls.is_none() {
        let what = format!("channels listen on {} without TLS", node.http.listen);
        let remedy = "give [http.tls] a certificate (`busker ca create server`), or put a balancer with TLS in front";
        checks.push(Check::warn("channels", place, what, remedy));
    }
    let stores = [
        (
            "odb.url",
            node.odb.url.as_str(),
            node.odb.root_certificate.is_some(),
        ),
        (
            "bus.url",
            node.bus_url(),
            node.bus_url().starts_with("rediss://"),
        ),
    ];
    for (field, url, secured) in stores {
        if !secured && is_elsewhere(url) {
            let what = format!("{field} goes to another machine, and nothing insists on TLS");
            let remedy = "rediss:// for Redis, root_certificate for PostgreSQL";
            checks.push(Check::warn("stores", place, what, remedy));
        }
    }
    checks
}

fn admin(place: &str, listen: SocketAddr, has_tls: bool) -> Check {
    if has_tls || listen.ip().is_loopback() {
        let how = if has_tls {
            "with TLS"
        } else {
            "on loopback alone"
        };
        return Check::ok("admin", place, format!("the API listens on {listen} {how}"));
    }
    let what = format!(
        "the API listens on {listen} without TLS: passwords and tokens can be read on the way"
    );
    let remedy = "set listen in [admin] to a loopback address, or give [admin.tls] a certificate (`busker ca create server`)";
    Check::fail("admin", place, what, remedy)
}

/// The endpoints of Zato: on the listener of channels, whoever reaches it can try their passwords.
fn face(place: &str, channels: IpAddr, zato: ZatoFace, deploys: bool) -> Check {
    let where_it_is = match zato {
        ZatoFace::Channels => "channels",
        ZatoFace::Admin => "admin",
        ZatoFace::Off => return Check::ok("zato face", place, "is off"),
    };
    let what = format!("zato_face = {where_it_is}");
    if zato == ZatoFace::Admin || channels.is_loopback() {
        return Check::ok("zato face", place, what);
    }
    if deploys {
        let what = format!("{what}, where code may be brought in over it");
        let remedy = "take zato_face_deploys out of busker.toml, or set zato_face to admin";
        return Check::fail("zato face", place, what, remedy);
    }
    let remedy = "set it to admin, or to off, unless old clients need it there";
    Check::warn("zato face", place, what, remedy)
}

/// Passwords and secrets that stand in busker.toml itself.
fn plain_secrets(place: &str, text: &str) -> Check {
    let fields: Vec<&str> = text.lines().filter_map(plain_secret).collect();
    if fields.is_empty() {
        return Check::ok("secrets", place, "busker.toml holds none");
    }
    let what = format!("busker.toml holds a secret in {}", fields.join(", "));
    let remedy = "name a file of mode 0600 in its place (`..._file`), sealed by `busker encrypt`";
    Check::fail("secrets", place, what, remedy)
}

fn plain_secret(line: &str) -> Option<&str> {
    let (field, value) = line.split_once('=')?;
    let (field, value) = (field.trim(), value.trim().trim_matches('"'));
    if field.starts_with('#') {
        return None;
    }
    let login = value
        .split_once("://")
        .and_then(|(_, rest)| rest.rsplit_once('@'));
    let in_url = login.is_some_and(|(login, _)| login.contains(':'));
    let by_name = ["password", "secret"]
        .iter()
        .any(|word| field.contains(word));
    (in_url || (by_name && !field.ends_with("_file"))).then_some(field)
}

fn is_elsewhere(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    !(is_loopback || host == "localhost" || host.is_empty())
}

/// Files with secrets that others may read.
pub(super) fn readable(environment: &Environment) -> Check {
    let place = environment.cluster();
    let mut open = Vec::new();
    let mut left = LOOKED_AT;
    look(&environment.dir, &mut left, &mut open);
    open.sort();
    if open.is_empty() {
        return Check::ok("modes", place, "only the owner can read what is secret");
    }
    let shown = open
        .iter()
        .take(SHOWN)
        .map(|path| path.display().to_string());
    let shown: Vec<String> = shown.collect();
    let more = open.len().saturating_sub(SHOWN);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let what = format!("others may read {}{more}", shown.join(", "));
    let remedy = format!("chmod -R go= {}", environment.dir.display());
    Check::fail("modes", place, what, &remedy)
}

fn look(folder: &Path, left: &mut usize, open: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let path = entry.path();
        let Ok(found) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_secret = name == CONFIG_FILE || SECRET_ENDS.iter().any(|end| name.ends_with(end));
        if found.is_dir() {
            look(&path, left, open);
        } else if found.is_file() && is_secret && found.permissions().mode() & OTHERS != 0 {
            open.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn an_open_admin_listener_without_tls_is_a_failure() {
        let verdict = |listen: &str, tls| admin("node1", listen.parse().unwrap(), tls).verdict;
        assert_eq!(verdict("127.0.0.1:8183", false), Verdict::Ok);
        assert_eq!(verdict("0.0.0.0:8183", false), Verdict::Fail);
        assert_eq!(verdict("0.0.0.0:8183", true), Verdict::Ok);
    }

    #[test]
    fn a_secret_in_the_file_is_named_by_its_field_and_not_shown() {
        let text = "[bus]\nurl = \"redis://:hunter2@redis/0\"\n# password = \"x\"\npassword_file = \"p\"\n";
        let check = plain_secrets("node1", text);
        assert_eq!(check.verdict, Verdict::Fail);
        assert!(check.what.ends_with("in url"), "{check:?}");
        assert!(!check.what.contains("hunter2"), "{check:?}");
        assert_eq!(plain_secret("password = \"x\""), Some("password"));
        assert_eq!(
            plain_secrets("node1", "password_file = \"p\"").verdict,
            Verdict::Ok
        );
    }

    #[test]
    fn the_face_of_zato_belongs_to_nobody_elses_network() {
        let everywhere: IpAddr = "0.0.0.0".parse().unwrap();
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        let verdict = |ip, zato, deploys| face("node1", ip, zato, deploys).verdict;
        let channels = ZatoFace::Channels;
        assert_eq!(verdict(everywhere, channels, false), Verdict::Warn);
        assert_eq!(verdict(everywhere, channels, true), Verdict::Fail);
        assert_eq!(verdict(loopback, channels, true), Verdict::Ok);
        assert_eq!(verdict(everywhere, ZatoFace::Admin, true), Verdict::Ok);
        assert_eq!(verdict(everywhere, ZatoFace::Off, false), Verdict::Ok);
    }

    #[test]
    fn another_machine_is_no_loopback_address() {
        assert!(is_elsewhere("postgresql://busker@db:5432/busker"));
        assert!(is_elsewhere("redis://10.0.0.4:6379/0"));
        for here in [
            "redis://127.0.0.1:6379/0",
            "redis://[::1]:6379",
            "sqlite:data/bus.db",
            "redis://localhost",
        ] {
            assert!(!is_elsewhere(here), "{here}");
        }
    }

    #[test]
    fn a_key_that_others_may_read_is_found_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("node1/certs");
        std::fs::create_dir_all(&folder).unwrap();
        let set = |name: &str, mode| {
            let path = folder.join(name);
            std::fs::write(&path, "x").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        set("node.pem", 0o644);
        set("ca.key", 0o600);
        let open = set("node.key", 0o640);
        let mut found = Vec::new();
        look(dir.path(), &mut LOOKED_AT.clone(), &mut found);
        assert_eq!(found, [open]);
    }
}
