//! What is added to a log file from now on, also across its rotation.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::exit::Failure;

use super::entry::{Entry, Reader};

/// Most that is read at once, in bytes; the next look goes on.
const READ_BYTES: u64 = 8 * 1024 * 1024;

/// A place in a log.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: Option<File>,
    position: u64,
    /// The line that has no end yet.
    rest: Vec<u8>,
    reader: Reader,
}

impl Tail {
    /// Its end now; a log that is not there yet is read from its start.
    pub(super) fn at_end(node: &str, path: PathBuf) -> Self {
        let mut file = File::open(&path).ok();
        let end = file.as_mut().map(|file| file.seek(SeekFrom::End(0)));
        Self {
            position: end.and_then(Result::ok).unwrap_or(0),
            path,
            file,
            rest: Vec::new(),
            reader: Reader::new(node),
        }
    }

    /// Where in the file it is, in bytes.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// What was added since the last time. A node writes an entry at once, so the last one is whole.
    pub(super) fn read(&mut self) -> Result<Vec<Entry>, Failure> {
        let mut entries = self.rest_of_file()?;
        if self.is_rotated() {
            self.file = File::open(&self.path).ok();
            self.position = 0;
            entries.extend(self.rest_of_file()?);
        }
        entries.extend(self.reader.end());
        Ok(entries)
    }

    fn rest_of_file(&mut self) -> Result<Vec<Entry>, Failure> {
        let Some(file) = &mut self.file else {
            return Ok(Vec::new());
        };
        let mut bytes = Vec::new();
        let read = file.take(READ_BYTES).read_to_end(&mut bytes);
        let read = read.map_err(|error| Failure::file(&self.path, &error))?;
        self.position += u64::try_from(read).unwrap_or_default();
        self.rest.extend_from_slice(&bytes);
        let Some(end) = self.rest.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(Vec::new());
        };
        let unfinished = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, unfinished);
        let whole = String::from_utf8_lossy(&whole);
        Ok(whole
            .lines()
            .filter_map(|line| self.reader.line(line))
            .collect())
    }

    /// Whether another file has the name by now, or this one was emptied.
    fn is_rotated(&self) -> bool {
        let Ok(now) = std::fs::metadata(&self.path) else {
            return false;
        };
        let ours = self.file.as_ref().and_then(|file| file.metadata().ok());
        ours.is_none_or(|ours| ours.ino() != now.ino()) || now.len() < self.position
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_added_is_seen_once_also_when_the_file_is_rotated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.log");
        let line = |number: u8| format!("2026-11-24 05:10:0{number},000 - INFO - line {number}\n");
        std::fs::write(&path, line(0)).unwrap();
        let mut tail = Tail::at_end("node1", path.clone());
        let texts = |tail: &mut Tail| -> Vec<String> {
            let entries = tail.read().unwrap();
            entries.into_iter().map(|entry| entry.text + "\n").collect()
        };
        assert!(texts(&mut tail).is_empty());
        let mut file = File::options().append(true).open(&path).unwrap();
        writeln!(file, "{}  more of it", line(1)).unwrap();
        assert_eq!(texts(&mut tail), [line(1) + "  more of it\n"]);
        file.write_all(line(2).as_bytes()).unwrap();
        std::fs::rename(&path, folder.path().join("node.log.1")).unwrap();
        std::fs::write(&path, line(3)).unwrap();
        assert_eq!(texts(&mut tail), [line(2), line(3)]);
        assert!(texts(&mut tail).is_empty());
    }
}
