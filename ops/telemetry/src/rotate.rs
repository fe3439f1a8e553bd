//! The log file: one write per line, rotated by size, and no lock.
//!
//! A line is one `write` on a file opened for appending, which the kernel keeps whole; so threads need not take turns.
//! The thread whose line passes the limit moves the files along, and the others go on into the file they hold.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use busker_kit::Slot;
use tracing_subscriber::fmt::MakeWriter;

/// Size in bytes at which the log file is rotated.
pub const LOG_FILE_BYTES: u64 = 20 * 1024 * 1024;
/// Rotated files kept beside the current one: `node.log.1` is the newest.
pub const LOG_FILES_KEPT: usize = 10;

/// A log file that rotates itself. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RotatingFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    limit: u64,
    file: Slot<File>,
    written: AtomicU64,
    rotating: AtomicBool,
}

impl RotatingFile {
    /// Opens the file for appending, with mode 0640.
    pub(crate) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let file = append(path)?;
        let written = file.metadata()?.len();
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            limit,
            file: Slot::new(file),
            written: AtomicU64::new(written),
            rotating: AtomicBool::new(false),
        })))
    }
}

impl Inner {
    fn line(&self, line: &[u8]) -> io::Result<()> {
        (&*self.file.load_full()).write_all(line)?;
        let length = line.len() as u64;
        let before = self.written.fetch_add(length, Ordering::Relaxed);
        if before + length >= self.limit && !self.rotating.swap(true, Ordering::AcqRel) {
            let rotated = self.rotate();
            self.rotating.store(false, Ordering::Release);
            rotated?;
        }
        Ok(())
    }

    fn rotate(&self) -> io::Result<()> {
        for number in (1..LOG_FILES_KEPT).rev() {
            let from = self.numbered(number);
            if from.exists() {
                std::fs::rename(from, self.numbered(number + 1))?;
            }
        }
        std::fs::rename(&self.path, self.numbered(1))?;
        self.file.store(append(&self.path)?);
        self.written.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .open(path)
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.line(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for RotatingFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_moved_along_and_no_line_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.log");
        let mut log = RotatingFile::open(&path, 30).unwrap();
        for number in 0..9 {
            log.write_all(format!("line {number} ..\n").as_bytes())
                .unwrap();
        }
        let mut all = String::new();
        for number in (1..=3).rev() {
            let file = dir.path().join(format!("node.log.{number}"));
            all += &std::fs::read_to_string(file).unwrap();
        }
        all += &std::fs::read_to_string(&path).unwrap();
        let expected: String = (0..9).map(|number| format!("line {number} ..\n")).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn only_ten_rotated_files_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.log");
        let mut log = RotatingFile::open(&path, 1).unwrap();
        for _ in 0..30 {
            log.write_all(b"x\n").unwrap();
        }
        let files = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, LOG_FILES_KEPT + 1);
    }

    #[test]
    fn threads_never_tear_each_others_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.log");
        let log = RotatingFile::open(&path, LOG_FILE_BYTES).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let mut log = log.clone();
                scope.spawn(move || {
                    let line = format!("{}\n", thread.to_string().repeat(200));
                    for _ in 0..100 {
                        log.write_all(line.as_bytes()).unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 400);
        assert!(text.lines().all(|line| line.len() == 200));
    }
}
