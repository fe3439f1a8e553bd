//! CPU time and memory of a process and all below it, from `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// Length of a kernel tick in the times of `/proc/<pid>/stat`, in µs: `USER_HZ` is 100 on every Linux that runs wrk.
const TICK_US: f64 = 10_000.0;

/// One line of `/proc/<pid>/stat`: parent, ticks of CPU time, of itself and of children it has waited for.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Stat {
    parent: u32,
    ticks: u64,
}

/// CPU time so far of `root` and all below it, in µs.
pub(super) fn cpu_us(root: u32) -> f64 {
    let all = read_all();
    let ticks: u64 = tree(root, &all)
        .iter()
        .filter_map(|pid| all.get(pid))
        .map(|stat| stat.ticks)
        .sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 ticks are three million years"
    )]
    let ticks = ticks as f64;
    ticks * TICK_US
}

/// Memory of `root` and all below it, in MiB; pages shared by several processes are counted once (PSS).
pub(super) fn memory_mib(root: u32) -> f64 {
    let kib = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().trim_end_matches(" kB").parse::<f64>().ok()
    };
    tree(root, &read_all())
        .into_iter()
        .filter_map(kib)
        .sum::<f64>()
        / 1024.0
}

/// Resident memory of one process, in KiB; 0 when it is gone.
pub(super) fn rss_kib(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or_default()
}

fn read_all() -> BTreeMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse(&text)?))
    })
    .collect()
}

/// The name in parentheses may hold anything, so fields are counted from the last parenthesis (source: `man 5 proc`).
fn parse(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = fields
        .get(11..15)?
        .iter()
        .map(|field| field.parse::<u64>().unwrap_or(0))
        .sum();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks,
    })
}

fn tree(root: u32, all: &BTreeMap<u32, Stat>) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(
            all.iter()
                .filter(|(_, stat)| stat.parent == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Stat, cpu_us, memory_mib, parse, tree};

    #[test]
    fn a_line_is_read_whatever_the_name() {
        let text = "42 (a ) b) S 7 42 42 0 -1 4194304 100 0 0 0 10 5 2 1 20 0 1 0 100 0 0";
        assert_eq!(
            parse(text),
            Some(Stat {
                parent: 7,
                ticks: 18
            })
        );
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn children_of_children_belong_to_it() {
        let stat = |parent| Stat { parent, ticks: 1 };
        let all = [
            (1, stat(0)),
            (2, stat(1)),
            (3, stat(2)),
            (4, stat(1)),
            (9, stat(8)),
        ]
        .into();
        assert_eq!(tree(1, &all), [1, 2, 4, 3]);
    }

    #[test]
    fn this_process_has_time_and_memory() {
        let own = std::process::id();
        assert!(memory_mib(own) > 0.5);
        assert!(cpu_us(own) >= 0.0);
        assert!(memory_mib(u32::MAX) < f64::EPSILON);
    }
}
