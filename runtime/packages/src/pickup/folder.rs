//! Which files of a folder are whole, and which were dealt with. A file says neither when its writer is done: it counts
//! as whole when it has not changed for a while.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{RESCAN_EVERY, STABLE_FOR};

/// Most files of the folder that are looked at.
const FOLDER_FILES: usize = 10_000;
/// Most files waiting to be whole; others wait until some of them are.
const PENDING_FILES: usize = 1_000;
/// Longest time a whole file waits for others that are being written: they may be meant to come together.
const TOGETHER_WITHIN: Duration = Duration::from_secs(1);
/// Wait before a file is tried again that the node could not take.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    inode: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
        }
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Unix milliseconds of its last change.
    pub(super) const fn modified_ms(&self) -> i64 {
        let (seconds, nanoseconds) = self.modified;
        seconds
            .saturating_mul(1000)
            .saturating_add(nanoseconds / 1_000_000)
    }
}

/// Plain files of a folder with one of these endings, by name. Names that start with a dot are left out; those of
/// unfinished copies (`a.py.partial`, `a.py~`) have another ending.
pub(super) async fn scan(folder: &Path, endings: &[&str]) -> io::Result<BTreeMap<String, Stamp>> {
    let mut files = BTreeMap::new();
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let Some(name) = entry.file_name().to_str().map(ToOwned::to_owned) else {
            continue;
        };
        let ending = Path::new(&name)
            .extension()
            .and_then(|ending| ending.to_str());
        if name.starts_with('.') || !ending.is_some_and(|ending| endings.contains(&ending)) {
            continue;
        }
        if files.len() == FOLDER_FILES {
            tracing::warn!(
                "the pickup folder has more than {FOLDER_FILES} files: the others are not looked at"
            );
            break;
        }
        match entry.metadata().await {
            Ok(metadata) if metadata.is_file() => drop(files.insert(name, Stamp::of(&metadata))),
            // Links and folders are not taken, and what is gone is gone.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(files)
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    stamp: Stamp,
    /// Since when it is as it is; in the future for one that is to be tried later.
    since: Instant,
}

/// What is known of the files.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// As the first look found them: they may have been deployed by an earlier life of this node.
    first: Option<HashMap<String, Stamp>>,
    pending: BTreeMap<String, Pending>,
    /// Deployed, known or refused, and not to be touched until they change.
    done: HashMap<String, Stamp>,
}

impl Folder {
    /// Takes in what a look found.
    pub(super) fn saw(&mut self, files: BTreeMap<String, Stamp>, now: Instant) {
        if self.first.is_none() {
            self.first = Some(files.clone().into_iter().collect());
        }
        self.done.retain(|name, _| files.contains_key(name));
        self.pending.retain(|name, _| files.contains_key(name));
        for (name, stamp) in files {
            let full = self.pending.len() >= PENDING_FILES;
            if self.done.get(&name) == Some(&stamp) {
                self.pending.remove(&name);
                continue;
            }
            match self.pending.get_mut(&name) {
                Some(pending) if pending.stamp == stamp => {}
                Some(pending) => *pending = Pending { stamp, since: now },
                None if full => {}
                None => drop(self.pending.insert(name, Pending { stamp, since: now })),
            }
        }
    }

    /// Files that are whole, by name. None while others are being written, for a while.
    pub(super) fn ready(&self, now: Instant) -> Vec<(String, Stamp)> {
        let awake = || self.pending.iter().filter(|(_, file)| file.since <= now);
        let age = |file: &Pending| now.saturating_duration_since(file.since);
        let whole = |file: &Pending| age(file) >= STABLE_FOR;
        let oldest = awake().map(|(_, file)| age(file)).max().unwrap_or_default();
        let writing = awake().any(|(_, file)| !whole(file));
        if writing && oldest < TOGETHER_WITHIN {
            return Vec::new();
        }
        awake()
            .filter(|(_, file)| whole(file))
            .map(|(name, file)| (name.clone(), file.stamp))
            .collect()
    }

    /// Time until a file may be whole.
    pub(super) fn next_look(&self, now: Instant) -> Duration {
        let due = self.pending.values().map(|file| file.since + STABLE_FOR);
        due.min().map_or(RESCAN_EVERY, |due| {
            due.saturating_duration_since(now).min(RESCAN_EVERY)
        })
    }

    /// Whether the first look found it just so.
    pub(super) fn was_there_at_start(&self, name: &str, stamp: Stamp) -> bool {
        let first = self.first.as_ref().and_then(|first| first.get(name));
        first == Some(&stamp)
    }

    /// It is not to be touched until it changes.
    pub(super) fn done(&mut self, name: String, stamp: Stamp) {
        self.pending.remove(&name);
        self.done.insert(name, stamp);
    }

    /// It is to be tried again, though it does not change.
    pub(super) fn try_later(&mut self, name: &str, now: Instant) {
        if let Some(pending) = self.pending.get_mut(name) {
            pending.since = now + RETRY_AFTER;
        }
    }

    /// It changed while it was read.
    pub(super) fn changed(&mut self, name: &str) {
        self.pending.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(size: u64) -> Stamp {
        Stamp {
            size,
            modified: (1, 2_000_000),
            inode: 1,
        }
    }

    fn look(folder: &mut Folder, files: &[(&str, u64)], now: Instant) -> Vec<String> {
        let files = files
            .iter()
            .map(|(name, size)| ((*name).to_owned(), stamp(*size)));
        folder.saw(files.collect(), now);
        folder
            .ready(now)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    fn start() -> (Folder, Instant) {
        (Folder::default(), busker_kit::clock::now())
    }

    const NONE: [String; 0] = [];

    #[tokio::test]
    async fn a_file_is_whole_when_it_has_not_changed_for_a_while() {
        let (mut folder, now) = start();
        assert_eq!(look(&mut folder, &[("a.py", 1)], now), NONE);
        assert_eq!(folder.next_look(now), STABLE_FOR);
        let now = now + STABLE_FOR / 2;
        assert_eq!(look(&mut folder, &[("a.py", 2)], now), NONE);
        let now = now + STABLE_FOR * 3 / 4;
        assert_eq!(
            look(&mut folder, &[("a.py", 2)], now),
            NONE,
            "it grew since"
        );
        let now = now + STABLE_FOR / 4;
        assert_eq!(look(&mut folder, &[("a.py", 2)], now), ["a.py"]);
        folder.done("a.py".to_owned(), stamp(2));
        assert_eq!(look(&mut folder, &[("a.py", 2)], now + STABLE_FOR), NONE);
        assert_eq!(folder.next_look(now), RESCAN_EVERY);
        assert!(folder.was_there_at_start("a.py", stamp(1)));
        assert!(!folder.was_there_at_start("a.py", stamp(2)));
    }

    #[tokio::test]
    async fn whole_files_wait_for_others_but_not_for_ever() {
        let (mut folder, start) = start();
        look(&mut folder, &[("a.py", 1)], start);
        let mut now = start;
        let mut size = 0;
        while now < start + TOGETHER_WITHIN {
            size += 1;
            assert_eq!(look(&mut folder, &[("a.py", 1), ("b.py", size)], now), NONE);
            now += STABLE_FOR / 2;
        }
        assert_eq!(
            look(&mut folder, &[("a.py", 1), ("b.py", size + 1)], now),
            ["a.py"]
        );
        now += STABLE_FOR;
        assert_eq!(
            look(&mut folder, &[("a.py", 1), ("b.py", size + 1)], now),
            ["a.py", "b.py"]
        );
    }

    #[tokio::test]
    async fn a_file_to_be_tried_later_holds_up_nobody() {
        let (mut folder, now) = start();
        look(&mut folder, &[("a.py", 1)], now);
        let now = now + STABLE_FOR;
        assert_eq!(look(&mut folder, &[("a.py", 1)], now), ["a.py"]);
        folder.try_later("a.py", now);
        assert_eq!(look(&mut folder, &[("a.py", 1), ("b.py", 1)], now), NONE);
        let later = now + STABLE_FOR;
        assert_eq!(
            look(&mut folder, &[("a.py", 1), ("b.py", 1)], later),
            ["b.py"]
        );
        let later = now + RETRY_AFTER + STABLE_FOR;
        assert_eq!(look(&mut folder, &[("a.py", 1)], later), ["a.py"]);
    }

    #[test]
    fn a_stamp_knows_milliseconds() {
        assert_eq!(stamp(1).modified_ms(), 1002);
    }
}
