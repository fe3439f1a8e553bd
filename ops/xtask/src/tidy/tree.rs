//! Which files are ours: sources, manifests, scripts and prose; not build products, not what editors and tools leave.

use std::path::Path;

use anyhow::{Context, Result};

use super::Source;

/// Folders that hold nothing written by a person.
const SKIPPED: &[&str] = &[
    "target",
    "node_modules",
    "__pycache__",
    "var",
    "dist",
    ".git",
    ".mypy_cache",
];
/// What is read. A file without an extension counts when it is a script: it opens with `#!`.
const EXTENSIONS: &[&str] = &[
    "rs", "toml", "py", "pyi", "sh", "sql", "ts", "svelte", "md", "yaml", "yml", "json",
];

/// All our files below `root`, sorted by path.
pub(super) fn read(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    walk(root, "", &mut sources)?;
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

fn walk(dir: &Path, prefix: &str, sources: &mut Vec<Source>) -> Result<()> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), sources)?;
        } else if kind.is_file() {
            sources.extend(source(&entry.path(), path));
        }
    }
    Ok(())
}

fn source(file: &Path, path: String) -> Option<Source> {
    let extension = Path::new(&path)
        .extension()
        .and_then(|extension| extension.to_str());
    if extension.is_some_and(|extension| !EXTENSIONS.contains(&extension)) {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    let wanted = extension.is_some() || text.starts_with("#!");
    wanted.then_some(Source { path, text })
}
