//! One entry of a log: a line with time and level, and the indented lines that belong to it.

use crate::args::Level;

/// Length of `2026-11-24 05:10:01,115`.
const TIME: usize = 23;
/// Longest entry, in bytes; what is longer is cut. A node writes no line that is longer.
const ENTRY_BYTES: usize = 256 * 1024;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) node: String,
    /// As it is in the log, in UTC; sorts by time.
    pub(super) at: String,
    pub(super) level: Level,
    /// The word of the level, as it is in the log.
    pub(super) word: String,
    /// All of it, without the last line end.
    pub(super) text: String,
}

/// Puts entries together from lines.
#[derive(Debug)]
pub(super) struct Reader {
    node: String,
    open: Option<Entry>,
}

impl Reader {
    pub(super) fn new(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            open: None,
        }
    }

    /// Takes a line in; answers the entry that it shows to be whole.
    pub(super) fn line(&mut self, line: &str) -> Option<Entry> {
        let line = line.trim_end_matches(['\r', '\n']);
        if let Some(entry) = self.head(line) {
            return self.open.replace(entry);
        }
        // What comes before the first head belongs to an entry in a file that is gone.
        if let Some(open) = &mut self.open
            && open.text.len() + line.len() < ENTRY_BYTES
        {
            open.text.push('\n');
            open.text.push_str(line);
        }
        None
    }

    /// The entry that is still open.
    pub(super) fn end(&mut self) -> Option<Entry> {
        self.open.take()
    }

    fn head(&self, line: &str) -> Option<Entry> {
        let at = line.get(..TIME)?;
        let digits = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21, 22];
        let bytes = at.as_bytes();
        if !digits.iter().all(|&place| bytes[place].is_ascii_digit()) || bytes[19] != b',' {
            return None;
        }
        let (word, _) = line.get(TIME..)?.strip_prefix(" - ")?.split_once(" - ")?;
        Some(Entry {
            node: self.node.clone(),
            at: at.to_owned(),
            level: level(word)?,
            word: word.to_owned(),
            text: line.to_owned(),
        })
    }
}

fn level(word: &str) -> Option<Level> {
    Some(match word {
        "ERROR" | "CRITICAL" => Level::Error,
        "WARNING" => Level::Warning,
        "INFO" => Level::Info,
        "DEBUG" => Level::Debug,
        "TRACE" => Level::Trace,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_its_line_and_those_below_it() {
        let text = "\
  left over from another file
2026-11-24 05:10:01,115 - INFO - one
2026-11-24 05:10:01,116 - ERROR - two cid=K1
  Traceback
  - INFO - not a head
2026-11-24 nonsense - INFO - nor this
";
        let mut reader = Reader::new("node1");
        let mut found: Vec<Entry> = text.lines().filter_map(|line| reader.line(line)).collect();
        found.extend(reader.end());
        let levels: Vec<Level> = found.iter().map(|entry| entry.level).collect();
        assert_eq!(levels, [Level::Info, Level::Error]);
        assert_eq!(found[0].text, "2026-11-24 05:10:01,115 - INFO - one");
        assert_eq!(found[1].text.lines().count(), 4, "{found:?}");
        assert_eq!(found[1].at, "2026-11-24 05:10:01,116");
    }
}
