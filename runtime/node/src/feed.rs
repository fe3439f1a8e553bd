//! What happens on a node as one numbered stream, for dashboards: supervision reports and events.
//!
//! The contract is that of server-sent events: a reader that comes back with the id of the last frame it saw gets what
//! it missed, or is told to start over.

use std::collections::VecDeque;
use std::sync::Arc;

use busker_kit::{Pump, Tree};
use busker_telemetry::Events;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Frames kept for readers that come back.
const FRAMES_KEPT: usize = 4_096;
/// Frames a slow reader may be behind before it is told to start over.
const FRAME_BACKLOG: usize = 1_024;

/// What frames are about; a reader may ask for some of them.
pub(crate) const TOPICS: [&str; 3] = ["tree", "event", "rates"];

/// One frame of the stream.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Number within this boot of the node, from 1; 0 for one that is not kept.
    seq: u64,
    /// What it is about: one of [`TOPICS`], or `lost`.
    pub(crate) topic: &'static str,
    /// The frame as it goes over the wire.
    pub(crate) text: Bytes,
}

#[derive(Debug, Default)]
struct Kept {
    seq: u64,
    frames: VecDeque<Frame>,
}

#[derive(Debug)]
struct Inner {
    /// Tells this boot of the node from others.
    epoch: String,
    kept: Mutex<Kept>,
    live: broadcast::Sender<Frame>,
}

/// The stream. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Feed(Arc<Inner>);

impl Feed {
    pub(crate) fn new(epoch: &str) -> Self {
        Self(Arc::new(Inner {
            epoch: epoch.to_owned(),
            kept: Mutex::default(),
            live: broadcast::Sender::new(FRAME_BACKLOG),
        }))
    }

    /// Takes in what the tree and the events tell, as long as the pump lives.
    pub(crate) fn fill(&self, tree: &Tree, events: &Events) -> Pump {
        let (mut reports, mut told) = (tree.subscribe(), events.subscribe());
        let feed = self.clone();
        Pump::spawn("feed", async move {
            loop {
                let open = tokio::select! {
                    report = reports.recv() => feed.take("tree", report),
                    event = told.recv() => feed.take("event", event),
                };
                if !open {
                    return;
                }
            }
        })
    }

    fn take<T: Serialize>(&self, topic: &'static str, heard: Result<Arc<T>, RecvError>) -> bool {
        match heard {
            Ok(value) => self.push(topic, &json!(*value)),
            Err(RecvError::Lagged(lost)) => {
                self.push("lost", &json!({ "topic": topic, "count": lost }))
            }
            Err(RecvError::Closed) => return false,
        }
        true
    }

    fn push(&self, topic: &'static str, data: &serde_json::Value) {
        let mut kept = self.0.kept.lock();
        kept.seq += 1;
        let (seq, epoch) = (kept.seq, &self.0.epoch);
        let text = format!("id: {epoch}-{seq}\nevent: {topic}\ndata: {data}\n\n");
        let frame = Frame {
            seq,
            topic,
            text: text.into(),
        };
        if kept.frames.len() == FRAMES_KEPT {
            kept.frames.pop_front();
        }
        kept.frames.push_back(frame.clone());
        // Under the lock: a reader that joins sees each frame once, kept or live.
        if self.0.live.send(frame).is_err() {
            tracing::trace!("nobody reads the feed");
        }
    }

    /// Tells those who read now; it has no id and is not kept, since the next one takes its place.
    pub(crate) fn tell_once(&self, topic: &'static str, data: &serde_json::Value) {
        let frame = Frame {
            seq: 0,
            topic,
            text: format!("event: {topic}\ndata: {data}\n\n").into(),
        };
        drop(self.0.live.send(frame));
    }

    /// Whether anybody reads.
    pub(crate) fn has_readers(&self) -> bool {
        self.0.live.receiver_count() > 0
    }

    /// Id of the newest frame that is kept: a reader that has seen what is true now goes on from there.
    pub(crate) fn position(&self) -> String {
        format!("{}-{}", self.0.epoch, self.0.kept.lock().seq)
    }

    /// What a reader missed since the frame of that id, and what comes from now on. `None` instead of frames when they
    /// are not kept any more, or the id is of another boot; a reader without an id missed nothing.
    pub(crate) fn join(
        &self,
        last: Option<&str>,
    ) -> (Option<Vec<Frame>>, broadcast::Receiver<Frame>) {
        let kept = self.0.kept.lock();
        let live = self.0.live.subscribe();
        let Some(last) = last else {
            return (Some(Vec::new()), live);
        };
        let seq = last
            .rsplit_once('-')
            .filter(|(epoch, _)| *epoch == self.0.epoch);
        let seq = seq.and_then(|(_, seq)| seq.parse::<u64>().ok());
        let missed = seq.filter(|&seq| seq <= kept.seq).and_then(|seq| {
            let oldest = kept.frames.front().map_or(kept.seq + 1, |frame| frame.seq);
            let newer = kept.frames.iter().filter(|frame| frame.seq > seq);
            (seq + 1 >= oldest).then(|| newer.cloned().collect())
        });
        (missed, live)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(frames: Option<Vec<Frame>>) -> Option<Vec<u64>> {
        frames.map(|frames| frames.iter().map(|frame| frame.seq).collect())
    }

    #[test]
    fn a_reader_that_comes_back_gets_what_it_missed_or_is_told_to_start_over() {
        let feed = Feed::new("boot");
        for number in 0..5 {
            feed.push("event", &json!(number));
        }
        assert_eq!(texts(feed.join(None).0), Some(vec![]));
        assert_eq!(texts(feed.join(Some("boot-3")).0), Some(vec![4, 5]));
        assert_eq!(texts(feed.join(Some("boot-5")).0), Some(vec![]));
        for gone in ["boot-9", "other-3", "boot-x", ""] {
            assert_eq!(texts(feed.join(Some(gone)).0), None, "{gone}");
        }
        for number in 0..FRAMES_KEPT {
            feed.push("event", &json!(number));
        }
        assert_eq!(texts(feed.join(Some("boot-4")).0), None);
        assert_eq!(
            texts(feed.join(Some("boot-5")).0).map(|all| all.len()),
            Some(FRAMES_KEPT)
        );
    }

    #[tokio::test]
    async fn a_frame_carries_its_id_and_topic() {
        let feed = Feed::new("boot");
        let (_, mut live) = feed.join(None);
        assert_eq!(feed.position(), "boot-0");
        feed.push("tree", &json!({"a": 1}));
        let frame = live.recv().await.unwrap();
        assert_eq!(frame.text, "id: boot-1\nevent: tree\ndata: {\"a\":1}\n\n");
        feed.tell_once("rates", &json!({}));
        let frame = live.recv().await.unwrap();
        assert_eq!(frame.text, "event: rates\ndata: {}\n\n");
        assert_eq!(feed.position(), "boot-1");
    }
}
