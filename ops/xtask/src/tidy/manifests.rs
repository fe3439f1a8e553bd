//! Each crate inherits the lints of the workspace, and takes each dependency's version from it.

use super::{Fault, Source};

pub(super) fn faults(source: &Source) -> Vec<Fault> {
    let is_root = source.text.lines().any(|line| line == "[workspace]");
    if is_root {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let mut section = "";
    let mut inherits = false;
    for (index, line) in source.text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            continue;
        }
        let entry = !line.is_empty() && !line.starts_with('#') && line.contains('=');
        if section == "lints" && line.replace(' ', "") == "workspace=true" {
            inherits = true;
        }
        if entry && section.ends_with("dependencies") && !from_workspace(line) {
            let rule = "dependencies come from the workspace: write `name.workspace = true`";
            faults.push(source.fault(index + 1, rule));
        }
    }
    if !inherits {
        faults.push(source.fault(
            1,
            "does not inherit the lints: add [lints] workspace = true",
        ));
    }
    faults
}

/// `x.workspace = true` or `x = { workspace = true, ... }`; a line inside such a table is neither. A crate may name itself
/// by `path = "."`, which is how its own tests turn a feature on.
fn from_workspace(line: &str) -> bool {
    let packed = line.replace(' ', "");
    let itself = packed.contains("path=\".\"");
    itself || packed.contains("workspace=true") || packed.starts_with(['"', ']', '}'])
}

#[cfg(test)]
mod tests {
    use super::super::tests::source;
    use super::faults;

    #[test]
    fn lints_and_versions_are_those_of_the_workspace() {
        let good = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n[dependencies]\n# why\nserde.workspace = true\nsyn = { workspace = true, features = [\"full\"] }\na = { path = \".\", features = [\"testing\"] }\n";
        assert_eq!(faults(&source("a/Cargo.toml", good)), []);
        let bad = "[package]\nname = \"a\"\n[dev-dependencies]\nserde = \"1\"\n";
        let faults: Vec<_> = faults(&source("a/Cargo.toml", bad))
            .iter()
            .map(|f| f.line)
            .collect();
        assert_eq!(faults, [4, 1]);
    }

    #[test]
    fn the_root_defines_them() {
        assert_eq!(
            faults(&source(
                "Cargo.toml",
                "[workspace]\n[workspace.dependencies]\na = \"1\""
            )),
            []
        );
    }
}
