//! A steady, low load on one channel, and what became of each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::{Answer, Environment};

/// Longest wait for one answer: beyond it the request counts as failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Idle connections are given up before the node closes them, so that no request meets a closing one.
const IDLE: Duration = Duration::from_secs(2);

/// One request of a load.
#[derive(Debug, Clone)]
pub struct Hit {
    /// When it was sent.
    pub sent: Instant,
    /// When its answer was there.
    pub ended: Instant,
    /// The answer, or why there is none.
    pub outcome: Result<Answer, String>,
}

impl Hit {
    /// Status; 0 when there was no answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.outcome.as_ref().map_or(0, |answer| answer.status)
    }
}

/// Callers that go on until [`Load::end`].
#[derive(Debug)]
pub struct Load {
    path: String,
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Vec<Hit>>>,
}

impl Load {
    /// `callers` clients post `body`, each again `pause` after its answer.
    #[must_use]
    pub fn start(
        environment: &Environment,
        (path, body): (&str, &str),
        callers: usize,
        pause: Duration,
    ) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWER_WITHIN)
            .pool_idle_timeout(IDLE)
            .build()
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let url = environment.channel(path);
        let callers = (0..callers).map(|_| {
            let request = client.post(&url).body(body.to_owned());
            tokio::spawn(call_until(Arc::clone(&stop), request, pause))
        });
        Self {
            path: path.to_owned(),
            callers: callers.collect(),
            stop,
        }
    }

    /// Ends it; answers every request in the order they ended.
    pub async fn end(self) -> Vec<Hit> {
        self.stop.store(true, Ordering::Release);
        let mut hits = Vec::new();
        for caller in self.callers {
            hits.extend(caller.await.unwrap());
        }
        hits.sort_by_key(|hit| hit.ended);
        hits
    }

    /// The same, when each answer must have been 200; says how slow the slow ones were.
    pub async fn end_unharmed(self) -> Vec<Hit> {
        let path = self.path.clone();
        let hits = self.end().await;
        let failed: Vec<&Hit> = hits.iter().filter(|hit| hit.status() != 200).collect();
        assert!(
            failed.is_empty(),
            "{path}: {} of {} failed, first {:?}",
            failed.len(),
            hits.len(),
            failed.first()
        );
        assert!(!hits.is_empty(), "{path}: there was no load");
        let times: Vec<Duration> = hits.iter().map(|hit| hit.ended - hit.sent).collect();
        println!(
            "{path}: {} answers, p50 {:?}, p99 {:?}",
            hits.len(),
            percentile(&times, 50),
            percentile(&times, 99)
        );
        hits
    }
}

async fn call_until(
    stop: Arc<AtomicBool>,
    request: reqwest::RequestBuilder,
    pause: Duration,
) -> Vec<Hit> {
    let mut hits = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let sent = Instant::now();
        let outcome = match request.try_clone().unwrap().send().await {
            Ok(response) => Answer::try_of(response).await,
            Err(error) => Err(error),
        };
        hits.push(Hit {
            sent,
            ended: Instant::now(),
            outcome: outcome.map_err(|error| format!("{error:?}")),
        });
        tokio::time::sleep(pause).await;
    }
    hits
}

/// The time that `percent` of them do not exceed; zero of none.
#[must_use]
pub fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}
