use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use busker_connector::Per;
use busker_model::ErrorClass;

use super::*;
use crate::LocalTokens;

/// A bucket of the process that counts how often it is asked.
#[derive(Debug, Default)]
struct Counted {
    tokens: LocalTokens,
    asked: AtomicU32,
}

impl TokenSource for Counted {
    fn take<'a>(
        &'a self,
        bucket: &'a str,
        limit: RateLimit,
        wanted: u32,
    ) -> Pin<Box<dyn Future<Output = Grant> + Send + 'a>> {
        self.asked.fetch_add(1, Relaxed);
        self.tokens.take(bucket, limit, wanted)
    }
}

fn limit(requests: u32, per: Per) -> RateLimit {
    RateLimit { requests, per }
}

/// The limiters of that many nodes over one bucket, and the bucket.
fn nodes(count: usize, limit: RateLimit) -> (Vec<Arc<Limiter>>, Arc<Counted>) {
    let source = Arc::new(Counted::default());
    let shared: Arc<dyn TokenSource> = Arc::clone(&source) as Arc<dyn TokenSource>;
    let limiters = (0..count).map(|_| Limiter::of(None, "channel:crm".into(), limit, &shared));
    (limiters.collect(), source)
}

/// How many of so many requests are let in, at once, in turns over the nodes.
async fn admitted(nodes: &[Arc<Limiter>], requests: usize) -> usize {
    let mut count = 0;
    for node in nodes.iter().cycle().take(requests) {
        count += usize::from(node.admit().await.is_ok());
    }
    count
}

#[tokio::test(start_paused = true)]
async fn so_many_are_let_in_and_the_next_is_told_when_to_come_again() {
    let (nodes, _) = nodes(1, limit(10, Per::Minute));
    assert_eq!(admitted(&nodes, 15).await, 10);
    let fault = nodes[0].admit().await.unwrap_err();
    assert_eq!(
        (fault.class, fault.code_str()),
        (ErrorClass::Busy, Some("rate-limited"))
    );
    assert_eq!(fault.detail.unwrap().retry_after_s, Some(6));
    tokio::time::advance(Duration::from_millis(5_990)).await;
    assert_eq!(admitted(&nodes, 5).await, 0);
    tokio::time::advance(Duration::from_millis(10)).await;
    assert_eq!(admitted(&nodes, 5).await, 1);
    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(
        admitted(&nodes, 15).await,
        10,
        "no more than the limit is saved up"
    );
}

#[tokio::test(start_paused = true)]
async fn all_nodes_together_never_pass_the_limit_and_lack_no_more_than_a_batch_each() {
    let (nodes, _) = nodes(3, limit(100, Per::Second));
    let first = admitted(&nodes, 200).await;
    assert!((80..=100).contains(&first), "{first}");
    // A token each 10 ms, taken by whoever asks.
    let mut later = 0;
    for _ in 0..100 {
        tokio::time::advance(Duration::from_millis(10)).await;
        later += admitted(&nodes, 6).await;
    }
    assert!((80..=120).contains(&later), "{later}");
    assert!(first + later <= 200, "{first} and {later}");
}

#[tokio::test(start_paused = true)]
async fn the_bucket_is_asked_once_per_batch() {
    let (nodes, source) = nodes(1, limit(1_000, Per::Second));
    assert_eq!(admitted(&nodes, 950).await, 950);
    assert_eq!(source.asked.load(Relaxed), 10);
    assert_eq!(admitted(&nodes, 100).await, 50);
    let asked = source.asked.load(Relaxed);
    assert_eq!(admitted(&nodes, 1_000).await, 0);
    assert_eq!(
        source.asked.load(Relaxed),
        asked,
        "an empty bucket is left alone"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_held_too_long_is_gone() {
    let (nodes, _) = nodes(2, limit(100, Per::Second));
    assert_eq!(admitted(&nodes[..1], 1).await, 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(admitted(&nodes[1..], 100).await, 100);
    assert_eq!(
        admitted(&nodes[..1], 10).await,
        0,
        "nine of them were of a second ago"
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_limit_keeps_its_limiter_and_another_begins_anew() {
    let (nodes, source) = nodes(1, limit(2, Per::Hour));
    assert_eq!(admitted(&nodes, 5).await, 2);
    let shared: Arc<dyn TokenSource> = source;
    let again = |requests| {
        let before = Some(Arc::clone(&nodes[0]));
        Limiter::of(
            before,
            "channel:crm".into(),
            limit(requests, Per::Hour),
            &shared,
        )
    };
    assert!(again(2).admit().await.is_err());
    assert!(again(3).admit().await.is_ok());
}
