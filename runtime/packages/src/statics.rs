//! Static sources: modules of a node's own, named in its configuration and loaded with every generation.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use busker_service::PackageFile;

/// Most files of all static sources.
const STATIC_FILES: usize = 2_000;
/// Largest file, in bytes.
const STATIC_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Folders in folders that are looked into.
const STATIC_DEPTH: usize = 16;
/// Ending of the files taken.
const ENDING: &str = "py";

/// What was read, and what could not be: each with its reason.
#[derive(Debug, Default)]
pub(crate) struct Statics {
    pub(crate) files: Vec<PackageFile>,
    pub(crate) faults: Vec<String>,
}

/// Reads files, and folders with all that is in them, on a thread that may wait for a disk.
pub(crate) async fn read(sources: Vec<PathBuf>) -> Statics {
    if sources.is_empty() {
        return Statics::default();
    }
    tokio::task::spawn_blocking(move || read_now(&sources))
        .await
        .unwrap_or_else(|error| Statics {
            files: Vec::new(),
            faults: vec![error.to_string()],
        })
}

fn read_now(sources: &[PathBuf]) -> Statics {
    let mut statics = Statics::default();
    for source in sources {
        let read = match source.is_dir() {
            true => statics.folder(source, "", STATIC_DEPTH),
            false => statics.file(source, &file_name(source)),
        };
        if let Err(error) = read {
            let path = source.display();
            statics
                .faults
                .push(format!("services.static_sources {path}: {error}"));
        }
    }
    statics
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

impl Statics {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> io::Result<()> {
        if depth == 0 {
            return Err(io::Error::other(format!(
                "more than {STATIC_DEPTH} folders in each other"
            )));
        }
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            // Links to folders are not followed: they may lead back.
            let is_folder = entry.file_type()?.is_dir();
            if name.starts_with('.') || name == "__pycache__" {
                continue;
            }
            if is_folder {
                self.folder(&entry.path(), &format!("{path}/"), depth - 1)?;
            } else if Path::new(&name)
                .extension()
                .is_some_and(|end| end == ENDING)
            {
                self.file(&entry.path(), &path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, file: &Path, path: &str) -> io::Result<()> {
        let size = fs::metadata(file)?.len();
        if size > STATIC_FILE_BYTES {
            return Err(io::Error::other(format!(
                "{path}: {size} bytes, more than {STATIC_FILE_BYTES}"
            )));
        }
        if self.files.len() == STATIC_FILES {
            return Err(io::Error::other(format!("more than {STATIC_FILES} files")));
        }
        self.files.push(PackageFile {
            package: 0,
            package_name: path.to_owned(),
            path: path.to_owned(),
            bytes: fs::read(file)?.into(),
            is_static: true,
        });
        Ok(())
    }
}
