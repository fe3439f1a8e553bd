//! A reader of a node's event stream, as a dashboard has one.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::Environment;

/// What the stream has brought since it was opened.
#[derive(Debug)]
pub struct Feed {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Feed {
    /// Opens the stream; what happens from now on is in it.
    pub async fn open(environment: &Environment) -> Self {
        let request = environment.http.get(environment.api("/api/v1/events"));
        let request = request.bearer_auth(environment.token());
        // It stays open longer than any request may take.
        let request = request.timeout(std::time::Duration::from_secs(3600));
        let mut response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let first = response.chunk().await.unwrap().unwrap();
        let text = Arc::new(Mutex::new(String::from_utf8_lossy(&first).into_owned()));
        let sink = Arc::clone(&text);
        let reader = tokio::spawn(async move {
            while let Ok(Some(chunk)) = response.chunk().await {
                sink.lock().push_str(&String::from_utf8_lossy(&chunk));
            }
        });
        Self { text, reader }
    }

    /// The data of the frames of a topic so far, such as `tree`.
    #[must_use]
    pub fn frames(&self, topic: &str) -> Vec<Value> {
        let wanted = format!("event: {topic}");
        let text = self.text.lock();
        let frames = text.split("\n\n").filter(|frame| frame.contains(&wanted));
        frames
            .filter_map(|frame| frame.lines().find_map(|line| line.strip_prefix("data: ")))
            // The last one may not be here in full yet.
            .filter_map(|data| serde_json::from_str(data).ok())
            .collect()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
