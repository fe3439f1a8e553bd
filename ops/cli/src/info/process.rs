//! A process as Linux shows it under `/proc` (proc(5)).

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Uid, User};

/// Clock ticks of `/proc/PID/stat` in a second: fixed by the ABI on every architecture Rust has.
const TICKS_PER_SECOND: u64 = 100;
/// Most connections that are listed.
const CONNECTIONS: usize = 32;
/// Most worker processes that are listed.
const WORKERS: usize = 512;
/// `AF_INET` and `SOCK_STREAM`, as Python shows them.
const FAMILY_AND_TYPE: &str = "family=2, type=1";

/// A process.
#[derive(Debug)]
pub(super) struct Process {
    pid: u32,
    pub(super) name: String,
    pub(super) user: String,
    /// Unix milliseconds.
    pub(super) created_ms: i64,
    /// Pids of its children and theirs.
    pub(super) workers: Vec<u32>,
}

/// Reads a process; `None` when it is gone.
pub(super) fn read(pid: u32) -> Option<Process> {
    let stat = Stat::read(pid)?;
    let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    let millis = stat.start_ticks * 1000 / TICKS_PER_SECOND;
    Some(Process {
        pid,
        name: stat.name,
        user: user.map_or_else(|| uid.to_string(), |user| user.name),
        created_ms: boot_ms()? + i64::try_from(millis).ok()?,
        workers: descendants(pid),
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    start_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name is in parentheses and may hold some itself, so the last one ends it.
    fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Self {
            name: name.to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }
}

fn boot_ms() -> Option<i64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let seconds = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    seconds
        .trim()
        .parse::<i64>()
        .ok()
        .map(|seconds| seconds * 1000)
}

fn descendants(of: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for entry in entries {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some(pid) = pid
            && let Some(stat) = Stat::read(pid)
        {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![of];
    while let Some(parent) = next.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(child);
            next.push(child);
        }
    }
    found.sort_unstable();
    found.truncate(WORKERS);
    found
}

impl Process {
    /// TCP connections in the words of Python's psutil, listeners first.
    pub(super) fn connections(&self) -> String {
        let sockets = sockets(self.pid);
        let table = fs::read_to_string(format!("/proc/{}/net/tcp", self.pid)).unwrap_or_default();
        let mut found: Vec<Connection> = table.lines().filter_map(Connection::parse).collect();
        found.retain(|connection| sockets.contains_key(&connection.inode));
        found.sort_by_key(|connection| (connection.status != "LISTEN", connection.local));
        let more = found.len().saturating_sub(CONNECTIONS);
        let mut shown: Vec<String> = found
            .iter()
            .take(CONNECTIONS)
            .map(|connection| {
                connection.shown(sockets.get(&connection.inode).copied().unwrap_or(0))
            })
            .collect();
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        format!("[{}]", shown.join(", "))
    }
}

/// File descriptor of each socket, by inode.
fn sockets(pid: u32) -> BTreeMap<u64, u32> {
    let folder = format!("/proc/{pid}/fd");
    let mut sockets = BTreeMap::new();
    for entry in fs::read_dir(Path::new(&folder))
        .into_iter()
        .flatten()
        .flatten()
    {
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let inode = target.to_str().and_then(|text| {
            text.strip_prefix("socket:[")?
                .strip_suffix(']')?
                .parse()
                .ok()
        });
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let (Some(inode), Some(number)) = (inode, number) {
            sockets.insert(inode, number);
        }
    }
    sockets
}

/// One line of `/proc/net/tcp`.
#[derive(Debug, PartialEq, Eq)]
struct Connection {
    local: SocketAddrV4,
    remote: SocketAddrV4,
    status: &'static str,
    inode: u64,
}

impl Connection {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        Some(Self {
            local: address(fields.get(1)?)?,
            remote: address(fields.get(2)?)?,
            status: status(fields.get(3)?),
            inode: fields.get(9)?.parse().ok()?,
        })
    }

    fn shown(&self, descriptor: u32) -> String {
        let place = |address: SocketAddrV4| format!("('{}', {})", address.ip(), address.port());
        let local = place(self.local);
        let remote = if self.remote.port() == 0 {
            "()".to_owned()
        } else {
            place(self.remote)
        };
        let status = self.status;
        format!(
            "connection(fd={descriptor}, {FAMILY_AND_TYPE}, local_address={local}, remote_address={remote}, status='{status}')"
        )
    }
}

/// `0100007F:4272`: the address in the byte order of the machine, the port in hexadecimal.
fn address(text: &str) -> Option<SocketAddrV4> {
    let (address, port) = text.split_once(':')?;
    let number = u32::from_str_radix(address, 16).ok()?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(SocketAddrV4::new(
        Ipv4Addr::from(number.to_ne_bytes()),
        port,
    ))
}

/// States of `net/tcp_states.h`.
fn status(code: &str) -> &'static str {
    match code {
        "01" => "ESTABLISHED",
        "02" => "SYN_SENT",
        "03" => "SYN_RECV",
        "04" => "FIN_WAIT1",
        "05" => "FIN_WAIT2",
        "06" => "TIME_WAIT",
        "07" => "CLOSE",
        "08" => "CLOSE_WAIT",
        "09" => "LAST_ACK",
        "0A" => "LISTEN",
        "0B" => "CLOSING",
        _ => "NONE",
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) b (c)) S 7 1 1 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 1 0 123456 1 1";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(
            (stat.name.as_str(), stat.parent, stat.start_ticks),
            ("a) b (c)", 7, 123_456)
        );
    }

    #[test]
    fn this_process_is_seen_with_its_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let process = read(std::process::id()).unwrap();
        let shown = process.connections();
        let expected =
            format!("local_address=('127.0.0.1', {port}), remote_address=(), status='LISTEN')");
        assert!(shown.contains(&expected), "{shown}");
        let age = busker_kit::clock::unix_ms() - process.created_ms;
        assert!((-2000..86_400_000).contains(&age), "{age} ms");
    }

    #[test]
    fn a_child_is_a_worker() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let workers = read(std::process::id()).unwrap().workers;
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(workers.contains(&child.id()), "{workers:?}");
    }
}
