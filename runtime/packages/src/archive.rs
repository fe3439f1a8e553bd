//! From the bytes of a package to its files, within bounds: an archive comes from outside and says of itself what it
//! likes.

use std::io::{Cursor, Read};

use busker_model::{ErrorClass, Fault};
use busker_odb::packages::PackageKind;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::read::ZipFile;

/// Most files in one archive.
pub const PACKAGE_FILES: usize = 2_000;
/// Most bytes of all files of one archive, unpacked.
pub const UNPACKED_BYTES: u64 = 64 * 1024 * 1024;

/// The files of a package.
#[derive(Debug)]
pub(crate) struct Content {
    /// Name of the package.
    pub(crate) name: String,
    /// SHA-256 of the package as it was uploaded, hexadecimal.
    pub(crate) sha256: String,
    /// Path and bytes of each file.
    pub(crate) files: Vec<(String, Bytes)>,
}

/// Unpacks a package on a thread that may be busy for a while.
///
/// # Errors
/// `Invalid` or `TooLarge`; the message names the package, the file in it and the bound.
pub(crate) async fn unpack(
    name: String,
    kind: PackageKind,
    bytes: Bytes,
) -> Result<Content, Fault> {
    let work = move || unpack_now(name, kind, bytes);
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(Fault::internal("unpacking a package failed").operator(error.to_string()))
        })
}

fn unpack_now(name: String, kind: PackageKind, bytes: Bytes) -> Result<Content, Fault> {
    let sha256 = sha256(&bytes);
    let files = match kind {
        PackageKind::Py => vec![(name.clone(), bytes)],
        PackageKind::Zip => unzip(&name, &bytes)?,
    };
    Ok(Content {
        name,
        sha256,
        files,
    })
}

/// SHA-256 in hexadecimal, as the database has it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn unzip(name: &str, bytes: &Bytes) -> Result<Vec<(String, Bytes)>, Fault> {
    let broken = |error: &dyn std::fmt::Display| {
        Fault::invalid(format!(
            "{name} is not a zip archive that can be read: {error}"
        ))
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    if archive.len() > PACKAGE_FILES {
        let count = archive.len();
        return Err(too_large(format!(
            "{name} holds {count} files, more than {PACKAGE_FILES}: split it"
        )));
    }
    let mut files = Vec::new();
    let mut left = UNPACKED_BYTES;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| broken(&error))?;
        let Some(path) = wanted(name, &entry)? else {
            continue;
        };
        // What the archive says of the size is only a claim, so one byte more than is left is read.
        let mut contents = Vec::new();
        let read = (&mut entry).take(left + 1).read_to_end(&mut contents);
        let read = read.map_err(|error| {
            Fault::invalid(format!("{path} in {name} cannot be unpacked: {error}"))
        })?;
        left = u64::try_from(read)
            .ok()
            .and_then(|read| left.checked_sub(read))
            .ok_or_else(|| {
                too_large(format!(
                    "{name} unpacks to more than {UNPACKED_BYTES} bytes: split it"
                ))
            })?;
        files.push((path, Bytes::from(contents)));
    }
    if files.is_empty() {
        return Err(Fault::invalid(format!("{name} holds no files")));
    }
    Ok(files)
}

fn too_large(message: String) -> Fault {
    Fault::new(ErrorClass::TooLarge, message)
}

/// The path of an entry that is to be taken; `None` for folders and for what an interpreter left behind.
fn wanted<R: Read>(name: &str, entry: &ZipFile<'_, R>) -> Result<Option<String>, Fault> {
    let path = entry.name();
    if let Some(why) = refused(path) {
        return Err(Fault::invalid(format!("{name}: the path {path:?} {why}")));
    }
    if entry.is_dir() || is_left_behind(path) {
        return Ok(None);
    }
    if !entry.is_file() {
        return Err(Fault::invalid(format!(
            "{name}: {path:?} is a link: put the file itself into the archive"
        )));
    }
    if entry.encrypted() {
        return Err(Fault::invalid(format!(
            "{name}: {path:?} is encrypted: pack it without a password"
        )));
    }
    Ok(Some(path.to_owned()))
}

/// Why a path may not be in an archive.
fn refused(path: &str) -> Option<&'static str> {
    if path.contains('\\') {
        return Some("has a backslash: use forward slashes");
    }
    if path.contains(|character: char| character.is_control()) {
        return Some("has a control character");
    }
    let folder = path.strip_suffix('/').unwrap_or(path);
    let mut parts = folder.split('/');
    if folder.starts_with('/') {
        return Some("is absolute: pack relative paths");
    }
    parts
        .any(|part| matches!(part, "" | "." | ".."))
        .then_some("has an empty, \".\" or \"..\" part: pack plain relative paths")
}

/// Compiled code belongs to the interpreter that made it.
fn is_left_behind(path: &str) -> bool {
    path.split('/').any(|part| part == "__pycache__") || path.to_lowercase().ends_with(".pyc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_taken() {
        for fine in ["a.py", "crm/api.py", "crm/", "a b.py", "..a/b..py"] {
            assert_eq!(refused(fine), None, "{fine}");
        }
        for bad in [
            "/a.py",
            "//a.py",
            "../a.py",
            "a/../b.py",
            "a//b.py",
            "./a.py",
            "a\\b.py",
            "a\0.py",
            "",
            "C:\\a.py",
            "..",
            "/",
        ] {
            assert!(refused(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn compiled_code_is_left_out() {
        assert!(is_left_behind("__pycache__/a.cpython-311.pyc"));
        assert!(is_left_behind("crm/__pycache__/a.txt"));
        assert!(is_left_behind("a.PYC"));
        assert!(!is_left_behind("pycache/a.py"));
    }
}
