//! A document: one file, with those it includes.

use std::collections::BTreeMap;
use std::fmt;

use crate::declare::{self, Declared, Title};
use crate::gather::{FILE_SCHEME, INCLUDE, beside, included};
use crate::mark::{Mark, Problem};
use crate::node::{Data, Entry, Node, find};
use crate::parse::parse;
use crate::{
    FILES_MAX, INCLUDE_DEPTH, NODES_MAX, PROBLEMS_MAX, TEXT_BYTES, VERSION, variables, zato,
};

/// What a document is read from.
pub struct Sources<'s> {
    /// Name of the file, as faults show it; paths of included files are relative to its folder.
    pub name: &'s str,
    /// Text of the file.
    pub text: &'s str,
    /// Texts of included files by path, or why one cannot be read.
    pub files: &'s BTreeMap<String, Result<String, String>>,
    /// Values of variables.
    pub variables: &'s BTreeMap<String, String>,
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("name", &self.name)
            .field("files", &self.files.keys())
            .field("variables", &self.variables.keys())
            .finish_non_exhaustive()
    }
}

/// What a file and those it includes declare.
#[derive(Debug, Default)]
pub struct Document {
    /// Names of the files, the first one first.
    pub files: Vec<String>,
    /// Kinds that have a list, empty or not.
    pub titles: Vec<Title>,
    /// Objects in the order of the files.
    pub declared: Vec<Declared>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What was left out, since it has no meaning here.
    pub notes: Vec<Problem>,
}

impl Document {
    /// Reads it. What is wrong is in [`Self::problems`]; what could be read is there all the same.
    #[must_use]
    pub fn read(sources: &Sources<'_>) -> Self {
        let mut reader = Reader {
            sources,
            document: Self::default(),
            open: Vec::new(),
            room: NODES_MAX,
        };
        let bytes: usize = sources.files.values().flatten().map(String::len).sum();
        reader.document.files.push(sources.name.to_owned());
        if bytes.saturating_add(sources.text.len()) > TEXT_BYTES {
            let message = format!("all files together are longer than {TEXT_BYTES} bytes");
            reader.problem(Mark::start(0), message);
            return reader.document;
        }
        reader.open.push(sources.name.to_owned());
        if let Some(root) = reader.parse(sources.text, 0) {
            reader.root(root, 0);
        } else if reader.document.problems.is_empty() {
            reader.problem(Mark::start(0), "the file is empty");
        }
        let document = reader.document;
        Self {
            problems: bounded(document.problems),
            ..document
        }
    }
}

fn bounded(mut problems: Vec<Problem>) -> Vec<Problem> {
    let more = problems.len().saturating_sub(PROBLEMS_MAX);
    problems.truncate(PROBLEMS_MAX);
    if more > 0
        && let Some(last) = problems.last_mut()
    {
        last.message.push_str(&format!(" (and {more} more faults)"));
    }
    problems
}

struct Reader<'s> {
    sources: &'s Sources<'s>,
    document: Document,
    /// Files that are being read, the outermost first.
    open: Vec<String>,
    room: usize,
}

impl Reader<'_> {
    fn problem(&mut self, mark: Mark, message: impl Into<String>) {
        self.document.problems.push(Problem::new(mark, message));
    }

    fn parse(&mut self, text: &str, file: usize) -> Option<Node> {
        match parse(text, file, &mut self.room, &mut self.document.problems) {
            Ok(root) => root,
            Err(problem) => {
                self.document.problems.push(problem);
                None
            }
        }
    }

    /// Takes in what a whole file says.
    fn root(&mut self, mut root: Node, file: usize) {
        // Paths are taken as they are written: whoever brings the files has read them before any variable was known.
        let paths: Vec<Node> = included(&root).into_iter().cloned().collect();
        let items = item_files(&root);
        variables::fill(
            &mut root,
            self.sources.variables,
            &mut self.document.problems,
        );
        let Data::Map(entries) = root.data else {
            self.problem(
                root.mark,
                "must be keys with values: version, and kinds with lists of objects",
            );
            return;
        };
        self.version(&entries, file);
        for path in paths {
            self.include(&path);
        }
        for (number, entry) in entries.into_iter().enumerate() {
            if entry.key != INCLUDE && entry.key != "version" {
                let files = items.get(number).map_or(&[][..], Vec::as_slice);
                self.list(entry, files);
            }
        }
    }

    fn version(&mut self, entries: &[Entry], file: usize) {
        match find(entries, "version") {
            Some(entry) if entry.value.json() == VERSION => {}
            Some(entry) => {
                let message = format!("version: this version of Busker reads version {VERSION}");
                self.problem(entry.value.mark, message);
            }
            // An export of Zato has none.
            None if file == 0 && !entries.iter().any(|entry| zato::is_key(&entry.key)) => {
                let message = format!("version: is required; write version: {VERSION}");
                self.problem(Mark::start(file), message);
            }
            None => {}
        }
    }

    /// Takes in an included file as a whole.
    fn include(&mut self, path: &Node) {
        let Some(text) = path.text() else {
            self.problem(path.mark, "include: must be a path, or a list of paths");
            return;
        };
        if let Some((root, file)) = self.opened(text, path.mark) {
            self.root(root, file);
            self.open.pop();
        }
    }

    /// Opens a file that another one names; whoever asked for it closes it.
    fn opened(&mut self, path: &str, mark: Mark) -> Option<(Node, usize)> {
        let here = self.open.last().map_or("", String::as_str);
        let name = beside(here, path);
        let refusal = if self.open.contains(&name) {
            Some("it includes itself, by way of others or not".to_owned())
        } else if self.document.files.contains(&name) {
            Some("it is included already".to_owned())
        } else if self.open.len() == INCLUDE_DEPTH {
            Some(format!(
                "more than {INCLUDE_DEPTH} files include one another"
            ))
        } else if self.document.files.len() > FILES_MAX {
            Some(format!("more than {FILES_MAX} files"))
        } else {
            None
        };
        let found = match (refusal, self.sources.files.get(&name)) {
            (Some(reason), _) => Err(reason),
            (None, Some(found)) => found.clone(),
            (None, None) => Err("it was not given".to_owned()),
        };
        match found {
            Err(reason) => {
                self.problem(mark, format!("{name:?} cannot be included: {reason}"));
                None
            }
            Ok(text) => {
                let file = self.document.files.len();
                self.document.files.push(name.clone());
                self.open.push(name);
                let root = self.parse(&text, file);
                if root.is_none() {
                    self.open.pop();
                }
                root.map(|root| (root, file))
            }
        }
    }

    /// Takes in the list of one kind; `files` says which of its items are files.
    fn list(&mut self, entry: Entry, files: &[Option<String>]) {
        let is_zato = zato::is_key(&entry.key);
        if !is_zato && !entry.key.contains('.') {
            let message = format!(
                "{:?} is not a kind; kinds are written such as channel.http",
                entry.key
            );
            self.problem(entry.mark, message);
            return;
        }
        if !is_zato {
            self.document.titles.push(Title {
                title: entry.key.clone(),
                mark: entry.mark,
            });
        }
        let items = match entry.value.data {
            Data::List(items) => items,
            Data::Scalar { .. } if entry.value.is_null() => return,
            Data::Scalar { .. } | Data::Map(_) => {
                self.problem(
                    entry.value.mark,
                    format!("{}: must be a list of objects", entry.key),
                );
                return;
            }
        };
        for (number, item) in items.into_iter().enumerate() {
            match files.get(number).and_then(Option::as_deref) {
                None => self.item(&entry.key, &item),
                Some(path) => {
                    if let Some((mut root, _)) = self.opened(path, item.mark) {
                        variables::fill(
                            &mut root,
                            self.sources.variables,
                            &mut self.document.problems,
                        );
                        self.item(&entry.key, &root);
                        self.open.pop();
                    }
                }
            }
        }
    }

    fn item(&mut self, key: &str, item: &Node) {
        let Document {
            declared,
            problems,
            notes,
            ..
        } = &mut self.document;
        if zato::is_key(key) {
            declared.extend(zato::item(key, item, problems, notes));
        } else {
            declared.extend(declare::item(key, item, problems));
        }
    }
}

/// Of each list of a file, which items are paths of files with one object each.
fn item_files(root: &Node) -> Vec<Vec<Option<String>>> {
    let path = |item: &Node| {
        let path = item.text()?.strip_prefix(FILE_SCHEME)?;
        Some(path.to_owned())
    };
    let entries = root.entries().unwrap_or_default();
    let lists = entries.iter().map(|entry| match &entry.value.data {
        Data::List(items) => items.iter().map(path).collect(),
        Data::Scalar { .. } | Data::Map(_) => Vec::new(),
    });
    lists.collect()
}
