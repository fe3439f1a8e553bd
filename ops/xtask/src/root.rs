//! Where the checkout and its build products are.

use std::path::{Path, PathBuf};

/// The root of the repository: this crate sits two folders below it.
pub(crate) fn path() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The target directory, as Cargo itself would choose it.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => path().join(dir),
        None => path().join("target"),
    }
}

/// The `busker` binary of a profile.
pub(crate) fn busker(release: bool) -> PathBuf {
    let profile = if release { "release" } else { "debug" };
    target().join(profile).join("busker")
}
