//! Where in the files something is, and what is wrong there.

/// A place in one of the files of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark {
    /// Which file, as an index of [`crate::Document::files`].
    pub file: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Mark {
    /// The beginning of a file.
    #[must_use]
    pub const fn start(file: usize) -> Self {
        Self {
            file,
            line: 1,
            column: 1,
        }
    }
}

/// One thing that is wrong. The message never repeats a value, since any value may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub mark: Mark,
    /// What, and what is accepted.
    pub message: String,
}

impl Problem {
    /// Something wrong at a place.
    #[must_use]
    pub fn new(mark: Mark, message: impl Into<String>) -> Self {
        Self {
            mark,
            message: message.into(),
        }
    }
}
