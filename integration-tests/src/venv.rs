//! Virtual environments with clients from the Python package index, made once and kept under the target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder with the programs of a virtual environment that has these packages; `name` tells it from others.
#[must_use]
pub fn venv(name: &str, packages: &[&str]) -> PathBuf {
    let target = crate::environment::target();
    let folder = target.join(format!("venv-{name}"));
    let bin = folder.join("bin");
    // What is in it, written last: an environment that was cut off while it was made is made again.
    let made_of = folder.join("packages.txt");
    let wanted = packages.join("\n");
    // Two tests may come here at once; the lock ends with the process that holds it.
    let lock = std::fs::File::create(target.join(format!("venv-{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if std::fs::read_to_string(&made_of).is_ok_and(|there| there == wanted) {
        return bin;
    }
    let mut make = Command::new("/usr/bin/python3");
    succeeded(
        &make
            .args(["-m", "venv", "--clear"])
            .arg(&folder)
            .output()
            .unwrap(),
    );
    let mut pip = Command::new(bin.join("python3"));
    let pip = pip.args(["-m", "pip", "install", "--quiet"]).args(packages);
    succeeded(&pip.output().unwrap());
    std::fs::write(made_of, wanted).unwrap();
    bin
}

/// Standard output of a program that must have succeeded.
///
/// # Panics
/// When it has not.
pub fn succeeded(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}: {}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// A file of this crate.
#[must_use]
pub fn own_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
