//! From text to values with their places.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::mark::{Mark, Problem};
use crate::node::{Data, Entry, Node};
use crate::{NESTING_MAX, NODES_MAX};

/// Reads one file; JSON is read as the YAML it is. `None` when it holds nothing. `room` is how many values there may yet be.
///
/// # Errors
/// The first place that is not YAML, or not of the part of it that is taken.
pub(crate) fn parse(
    text: &str,
    file: usize,
    room: &mut usize,
    problems: &mut Vec<Problem>,
) -> Result<Option<Node>, Problem> {
    let options = granit_parser::options! {
        disallow_directives: true,
        flow_nesting_limit: NESTING_MAX,
        block_nesting_limit: NESTING_MAX,
    };
    let mut reader = Reader {
        file,
        room,
        problems,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        documents: 0,
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) =
            next.map_err(|error| Problem::new(mark(file, error.marker()), error.info()))?;
        reader.take(event, span)?;
    }
    Ok(reader.root)
}

fn mark(file: usize, marker: &Marker) -> Mark {
    Mark {
        file,
        line: marker.line(),
        column: marker.col() + 1,
    }
}

struct Reader<'p> {
    file: usize,
    room: &'p mut usize,
    problems: &'p mut Vec<Problem>,
    /// Lists and maps that are not closed yet.
    open: Vec<Open>,
    /// Values that aliases may repeat, with how many values each is.
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
    documents: usize,
}

/// A list or map that is being read.
struct Open {
    mark: Mark,
    anchor: usize,
    /// Values there was room for when it began.
    room: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        seen: HashSet<String>,
        key: Option<(String, Mark)>,
    },
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let at = mark(self.file, &span.start);
        if event.tag().is_some() {
            return Err(Problem::new(at, "tags (!...) are not taken here"));
        }
        match event {
            Event::Scalar(text, style, anchor, _) => {
                self.room_for(at, 1)?;
                let data = Data::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.value(Node { mark: at, data }, anchor, 1)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(at, anchor, Inside::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let inside = Inside::Map {
                    entries: Vec::new(),
                    seen: HashSet::new(),
                    key: None,
                };
                self.begin(at, anchor, inside)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Problem::new(at, "an alias inside of what it repeats"));
                };
                self.room_for(at, size)?;
                self.value(node, 0, size)
            }
            Event::DocumentStart(..) if self.documents == 1 => Err(Problem::new(
                at,
                "a second document begins here; one file holds one",
            )),
            Event::DocumentStart(..) => {
                self.documents += 1;
                Ok(())
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_)
            | _ => Ok(()),
        }
    }

    fn room_for(&mut self, at: Mark, values: usize) -> Result<(), Problem> {
        match self.room.checked_sub(values) {
            Some(left) => {
                *self.room = left;
                Ok(())
            }
            None => Err(Problem::new(
                at,
                format!("more than {NODES_MAX} values in all; import it in parts"),
            )),
        }
    }

    fn begin(&mut self, mark: Mark, anchor: usize, inside: Inside) -> Result<(), Problem> {
        if let Some(Open {
            inside: Inside::Map { key: None, .. },
            ..
        }) = self.open.last()
        {
            return Err(Problem::new(mark, "a key must be text"));
        }
        if self.open.len() == NESTING_MAX {
            let message = format!("nested deeper than {NESTING_MAX} levels");
            return Err(Problem::new(mark, message));
        }
        let room = *self.room;
        self.room_for(mark, 1)?;
        self.open.push(Open {
            mark,
            anchor,
            room,
            inside,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let data = match open.inside {
            Inside::List(items) => Data::List(items),
            Inside::Map { entries, .. } => Data::Map(entries),
        };
        let size = open.room - *self.room;
        let mark = open.mark;
        self.value(Node { mark, data }, open.anchor, size)
    }

    /// Puts a value that is complete where it belongs.
    fn value(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Problem> {
        if anchor != 0 {
            // What an anchor keeps counts as well, or many of them would hold more than there is room for.
            self.room_for(node.mark, size)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.inside {
            Inside::List(items) => items.push(node),
            Inside::Map { entries, seen, key } => match key.take() {
                Some((key, mark)) if seen.insert(key.clone()) => entries.push(Entry {
                    key,
                    mark,
                    value: node,
                }),
                Some((key, mark)) => {
                    let message = format!("{key:?} is given twice");
                    self.problems.push(Problem::new(mark, message));
                }
                None => match node.data {
                    Data::Scalar { text, .. } => *key = Some((text, node.mark)),
                    Data::List(_) | Data::Map(_) => {
                        return Err(Problem::new(node.mark, "a key must be text"));
                    }
                },
            },
        }
        Ok(())
    }
}
