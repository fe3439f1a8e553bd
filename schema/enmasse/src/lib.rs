//! Configuration as text: YAML or JSON in, declarations of objects out, each with its place in the file; and back.
//!
//! It opens no file, knows no kind of object and asks no database: who reads brings the texts and the variables, and what
//! the settings of a kind may be is the catalog's to say. It never panics, whatever the bytes, and what is wrong is listed
//! with file, line and column, all at once. Start with [`Document::read`] and [`write()`]; the format is described in
//! `ops/docs/enmasse.md`.

mod declare;
mod document;
mod gather;
mod mark;
mod node;
mod parse;
mod scalar;
mod variables;
mod write;
mod zato;

#[cfg(test)]
mod tests;

pub use declare::{Declared, Title};
pub use document::{Document, Sources};
pub use gather::{Gathered, beside, gather};
pub use mark::{Mark, Problem};
pub use node::{Data, Entry, Node};
pub use write::{Exported, Format, WriteError, write};

/// Version of the format.
pub const VERSION: i64 = 1;
/// Longest texts of all files together, in bytes.
pub const TEXT_BYTES: usize = 32 * 1024 * 1024;
/// Most files of one document.
pub const FILES_MAX: usize = 1_000;
/// Files that may include one another in a row.
pub const INCLUDE_DEPTH: usize = 16;
/// Most values of all files together, what aliases repeat among them.
pub const NODES_MAX: usize = 2_000_000;
/// How deep values may be nested in one another.
pub const NESTING_MAX: usize = 64;
/// Longest text of one value, in bytes.
pub const VALUE_BYTES: usize = 1024 * 1024;
/// Faults that are listed; with more, the rest is counted.
pub const PROBLEMS_MAX: usize = 1_000;
