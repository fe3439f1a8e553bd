//! What happened on a node beside the life of its actors: deploys, configuration, warnings.

use std::collections::VecDeque;
use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::event::{Event, Severity};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::sync::broadcast;

/// Events kept in memory; the oldest goes first.
pub const RECENT_EVENTS: usize = 1_000;
/// Events a slow listener may be behind before it loses the oldest.
pub const EVENT_BACKLOG: usize = 256;

#[derive(Debug)]
struct Inner {
    node: String,
    recent: Mutex<VecDeque<Event>>,
    live: broadcast::Sender<Arc<Event>>,
}

/// The events of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events(Arc<Inner>);

impl Events {
    /// None yet.
    #[must_use]
    pub fn new(node: &str) -> Self {
        Self(Arc::new(Inner {
            node: node.to_owned(),
            recent: Mutex::default(),
            live: broadcast::Sender::new(EVENT_BACKLOG),
        }))
    }

    /// Tells all that listen, and keeps it for those that ask later.
    ///
    /// `name` is stable, such as `package-deployed`; `message` is a sentence that stands alone.
    pub fn tell(
        &self,
        severity: Severity,
        name: &'static str,
        message: impl Into<String>,
        fields: Map<String, Value>,
    ) {
        let event = Event {
            at_ms: unix_ms(),
            node: self.0.node.clone(),
            name: name.to_owned(),
            severity,
            message: message.into(),
            fields,
        };
        let mut recent = self.0.recent.lock();
        if recent.len() == RECENT_EVENTS {
            recent.pop_front();
        }
        recent.push_back(event.clone());
        // Under the lock, so that listeners hear them in the order they are kept in.
        if self.0.live.send(Arc::new(event)).is_err() {
            tracing::trace!(name, "nobody listens to events");
        }
    }

    /// The latest, newest last, at most `limit`.
    #[must_use]
    pub fn recent(&self, limit: usize) -> Vec<Event> {
        let recent = self.0.recent.lock();
        let skip = recent.len().saturating_sub(limit);
        recent.iter().skip(skip).cloned().collect()
    }

    /// Events from now on; a listener that falls behind by [`EVENT_BACKLOG`] loses the oldest and is told how many.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.live.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_event_goes_when_there_are_too_many() {
        let events = Events::new("node1");
        for number in 0..=RECENT_EVENTS {
            events.tell(Severity::Info, "counted", number.to_string(), Map::new());
        }
        let recent = events.recent(usize::MAX);
        assert_eq!(recent.len(), RECENT_EVENTS);
        assert_eq!(recent[0].message, "1");
        assert_eq!(events.recent(1)[0].message, RECENT_EVENTS.to_string());
    }

    #[test]
    fn a_listener_hears_what_comes_after_it() {
        let events = Events::new("node1");
        events.tell(Severity::Info, "before", "before", Map::new());
        let mut heard = events.subscribe();
        events.tell(Severity::Warning, "after", "after", Map::new());
        assert_eq!(heard.try_recv().unwrap().name, "after");
        assert!(heard.try_recv().is_err());
    }
}
