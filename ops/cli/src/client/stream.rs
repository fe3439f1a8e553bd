//! Server-sent events, read as they come. Format: WHATWG HTML, section 9.2.

/// Longest event, in bytes; a longer one is skipped.
const EVENT_BYTES: usize = 16 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SseEvent {
    pub(crate) name: String,
    pub(crate) data: String,
}

/// Puts events together from chunks of any size.
#[derive(Debug, Default)]
pub(crate) struct SseReader {
    line: Vec<u8>,
    event: SseEvent,
    size: usize,
}

impl SseReader {
    /// Takes a chunk in; answers the events it completes.
    pub(crate) fn take(&mut self, chunk: &[u8]) -> Vec<SseEvent> {
        let mut done = Vec::new();
        for &byte in chunk {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                done.extend(self.end_of_line(&line));
            } else if self.size < EVENT_BYTES {
                self.size += 1;
                self.line.push(byte);
            }
        }
        done
    }

    fn end_of_line(&mut self, line: &[u8]) -> Option<SseEvent> {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        if text.is_empty() {
            let whole = self.size < EVENT_BYTES;
            self.size = 0;
            let event = std::mem::take(&mut self.event);
            return (whole && !event.data.is_empty()).then_some(event);
        }
        let (field, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments keep the connection open; ids and retries are for browsers.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_across_chunks() {
        let text = ": alive\n\nevent: event\ndata: {\"a\":\ndata: 1}\r\n\nid: 7\ndata: x\n\n";
        for size in [1, 3, 7, 1000] {
            let mut reader = SseReader::default();
            let events: Vec<SseEvent> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|chunk| reader.take(chunk))
                .collect();
            let first = SseEvent {
                name: "event".to_owned(),
                data: "{\"a\":\n1}".to_owned(),
            };
            let second = SseEvent {
                name: String::new(),
                data: "x".to_owned(),
            };
            assert_eq!(events, [first, second], "chunks of {size}");
        }
    }

    #[test]
    fn an_endless_event_is_skipped_and_not_kept() {
        let mut reader = SseReader::default();
        let huge = vec![b'x'; EVENT_BYTES + 10];
        assert!(reader.take(b"data: ").is_empty());
        assert!(reader.take(&huge).is_empty());
        assert!(reader.line.len() <= EVENT_BYTES);
        assert!(reader.take(b"\n\n").is_empty());
        assert_eq!(reader.take(b"data: y\n\n").len(), 1);
    }
}
