//! What a file needs from where it lies: the files it includes, and variables.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::node::{Data, Node, find};
use crate::parse::parse;
use crate::{FILES_MAX, NODES_MAX, TEXT_BYTES, variables};

/// What stands before the path of a file in a list of objects.
pub(crate) const FILE_SCHEME: &str = "file://";
/// Key of the list of files to include.
pub(crate) const INCLUDE: &str = "include";

/// What a file needs.
pub struct Gathered {
    /// Texts of the files it includes, and those that they include, by path; or why one cannot be read.
    pub files: BTreeMap<String, Result<String, String>>,
    /// Names of the variables in all of them.
    pub variables: BTreeSet<String>,
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered")
            .field("files", &self.files.keys())
            .field("variables", &self.variables)
            .finish()
    }
}

/// Finds what a file needs; `open` reads a file by its path, which is [`beside`] the file that names it. What is wrong with
/// the files themselves is for [`crate::Document::read`] to say.
pub fn gather(
    name: &str,
    text: &str,
    mut open: impl FnMut(&str) -> Result<String, String>,
) -> Gathered {
    let mut gathered = Gathered {
        files: BTreeMap::new(),
        variables: BTreeSet::new(),
    };
    let mut bytes = text.len();
    let mut next = VecDeque::from([(name.to_owned(), text.to_owned())]);
    while let Some((name, text)) = next.pop_front() {
        let (mut room, mut ignored) = (NODES_MAX, Vec::new());
        let Ok(Some(node)) = parse(&text, 0, &mut room, &mut ignored) else {
            continue;
        };
        variables::names(&node, &mut gathered.variables);
        for path in includes(&node) {
            let path = beside(&name, path);
            if gathered.files.contains_key(&path) || gathered.files.len() == FILES_MAX {
                continue;
            }
            let read = open(&path).and_then(|text| {
                bytes = bytes.saturating_add(text.len());
                if bytes > TEXT_BYTES {
                    return Err(format!(
                        "all files together are longer than {TEXT_BYTES} bytes"
                    ));
                }
                Ok(text)
            });
            if let Ok(text) = &read {
                next.push_back((path.clone(), text.clone()));
            }
            gathered.files.insert(path, read);
        }
    }
    gathered
}

/// Paths that a file includes, as they are written.
fn includes(node: &Node) -> Vec<&str> {
    let mut found = Vec::new();
    for entry in node.entries().unwrap_or_default() {
        let is_list = entry.key == INCLUDE;
        let items = match &entry.value.data {
            Data::List(items) => items.as_slice(),
            Data::Scalar { .. } if is_list => std::slice::from_ref(&entry.value),
            Data::Scalar { .. } | Data::Map(_) => &[],
        };
        let texts = items.iter().filter_map(Node::text);
        if is_list {
            found.extend(texts);
        } else {
            found.extend(texts.filter_map(|text| text.strip_prefix(FILE_SCHEME)));
        }
    }
    found
}

/// The included files of one list or word.
pub(crate) fn included(node: &Node) -> Vec<&Node> {
    let entry = node.entries().and_then(|entries| find(entries, INCLUDE));
    match entry.map(|entry| (&entry.value, &entry.value.data)) {
        Some((_, Data::List(items))) => items.iter().collect(),
        Some((value, Data::Scalar { .. } | Data::Map(_))) => vec![value],
        None => Vec::new(),
    }
}

/// The path of a file that another one names: relative to the folder of the one that names it, without `.` and `..` where
/// they can be resolved.
#[must_use]
pub fn beside(file: &str, path: &str) -> String {
    let folder = match file.rsplit_once('/') {
        Some((folder, _)) if !path.starts_with('/') => folder,
        Some(_) | None => "",
    };
    let absolute = path.starts_with('/') || folder.starts_with('/') || file.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let root = if absolute { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_beside_the_file_that_names_it() {
        for (file, path, found) in [
            ("main.yaml", "crm.yaml", "crm.yaml"),
            ("a/main.yaml", "./b//crm.yaml", "a/b/crm.yaml"),
            ("a/main.yaml", "../crm.yaml", "crm.yaml"),
            ("a/main.yaml", "../../crm.yaml", "../crm.yaml"),
            ("main.yaml", "../../crm.yaml", "../../crm.yaml"),
            ("a/main.yaml", "/etc/crm.yaml", "/etc/crm.yaml"),
            ("/etc/main.yaml", "../../crm.yaml", "/crm.yaml"),
        ] {
            assert_eq!(beside(file, path), found, "{path} beside {file}");
        }
    }

    #[test]
    fn files_are_followed_once_and_a_missing_one_is_remembered() {
        let text =
            "include: [a.yaml, sub/b.yaml]\nchannel.http: ['file://one.yaml', {name: '${X}'}]\n";
        let mut opened = Vec::new();
        let gathered = gather("main.yaml", text, |path| {
            opened.push(path.to_owned());
            match path {
                "a.yaml" => Ok("include: main2.yaml\nx.y: ${A}".to_owned()),
                "sub/b.yaml" => Ok("include: ../a.yaml\nx.y: ${B:-c}".to_owned()),
                "one.yaml" => Ok("name: [broken".to_owned()),
                _ => Err("it is not there".to_owned()),
            }
        });
        assert_eq!(opened, ["a.yaml", "sub/b.yaml", "one.yaml", "main2.yaml"]);
        let variables: Vec<&str> = gathered.variables.iter().map(String::as_str).collect();
        assert_eq!(variables, ["A", "B", "X"]);
        assert_eq!(
            gathered.files["main2.yaml"],
            Err("it is not there".to_owned())
        );
    }
}
