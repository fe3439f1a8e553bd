//! The Python package inside the binary, and where it is unpacked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Path inside the package and contents of each file.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/package.rs"));

/// Writes the package below `root` and returns its folder; a folder that is there already is taken as it is.
///
/// The folder is named by a hash of all files, so that nodes of two versions may share a data directory.
///
/// # Errors
/// Whatever the file system says.
pub(crate) fn unpack(root: &Path) -> io::Result<PathBuf> {
    let home = root.join(digest());
    if home.is_dir() {
        return Ok(home);
    }
    // A half-written package must never be taken for a whole one: write aside, then rename.
    let aside = root.join(format!(".{}-{}", digest(), std::process::id()));
    for (name, bytes) in FILES {
        let path = aside.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    match fs::rename(&aside, &home) {
        Ok(()) => Ok(home),
        // Another node was faster; its files are the same.
        Err(_) if home.is_dir() => fs::remove_dir_all(&aside).map(|()| home),
        Err(error) => Err(error),
    }
}

fn digest() -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in FILES {
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_holds_the_zygote_and_no_tests() {
        assert!(
            FILES
                .iter()
                .any(|(name, _)| *name == "busker/_host/zygote.py")
        );
        assert!(
            FILES
                .iter()
                .any(|(name, _)| *name == "zato/server/service/__init__.py"
                    || *name == "zato/server/service.py")
        );
        assert!(
            FILES
                .iter()
                .all(|(name, _)| !name.contains("__pycache__") && !name.starts_with("tests/"))
        );
    }

    #[test]
    fn unpacking_twice_gives_the_same_folder() {
        let root = tempfile::tempdir().unwrap();
        let first = unpack(root.path()).unwrap();
        assert!(first.join("busker/_host/zygote.py").is_file());
        assert_eq!(unpack(root.path()).unwrap(), first);
    }
}
