//! Many callers, few round trips: what is submitted while one flush is on its way goes with the next.

use std::future::Future;
use std::sync::Arc;

use busker_kit::Pump;
use tokio::sync::{mpsc, oneshot};

use crate::error::{BusError, Result};

/// Items that may wait for the next flush; more wait outside, where their own bounds apply.
const QUEUE: usize = 4_096;
/// Most items of one flush.
const FLUSH_MAX: usize = 256;

type Item<T, R> = (T, oneshot::Sender<Result<R>>);

/// Collects items and flushes them one batch after another. Nobody waits for company: the linger is the time of the flush
/// before. Cheap to clone; the pump ends with the last one.
#[derive(Debug)]
pub(crate) struct Batcher<T, R> {
    queue: mpsc::Sender<Item<T, R>>,
    pump: Arc<Pump>,
}

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            pump: Arc::clone(&self.pump),
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// `flush` answers one result per item, in their order, or one error for all.
    pub(crate) fn start<F>(
        name: &'static str,
        flush: impl Fn(Vec<T>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<Result<R>>>> + Send,
    {
        let (queue, mut waiting) = mpsc::channel::<Item<T, R>>(QUEUE);
        let pump = Pump::spawn(name, async move {
            let mut batch = Vec::with_capacity(FLUSH_MAX);
            while waiting.recv_many(&mut batch, FLUSH_MAX).await > 0 {
                let (items, replies): (Vec<T>, Vec<_>) = batch.drain(..).unzip();
                answer(replies, flush(items).await);
            }
        });
        Self {
            queue,
            pump: Arc::new(pump),
        }
    }

    /// Hands an item in and waits for what became of it.
    pub(crate) async fn submit(self, item: T) -> Result<R> {
        let (reply, answer) = oneshot::channel();
        self.queue.send((item, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn answer<R>(replies: Vec<oneshot::Sender<Result<R>>>, outcome: Result<Vec<Result<R>>>) {
    match outcome {
        Ok(results) => {
            for (reply, result) in replies.into_iter().zip(results) {
                // Who went away does not want to know.
                drop(reply.send(result));
            }
        }
        Err(error) => {
            for reply in replies {
                drop(reply.send(Err(error.clone())));
            }
        }
    }
}

fn gone() -> BusError {
    BusError::unavailable("the node is stopping")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_comes_during_a_flush_goes_together_with_the_next() {
        let flushes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&flushes);
        let batcher = Batcher::start("test", move |items: Vec<u32>| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                Ok(items.into_iter().map(|item| Ok(item * 2)).collect())
            }
        });
        let all = (0..100).map(|item| batcher.clone().submit(item));
        let answers = futures::future::try_join_all(all).await.unwrap();
        assert_eq!(answers[99], 198);
        assert!(flushes.load(Ordering::Relaxed) <= 3);
    }

    #[tokio::test]
    async fn one_error_reaches_all_of_its_batch_and_the_next_goes_on() {
        let batcher = Batcher::start("test", |items: Vec<u32>| async move {
            if items.contains(&1) {
                return Err(BusError::unavailable("cut"));
            }
            Ok(items.into_iter().map(Ok).collect())
        });
        assert!(batcher.clone().submit(1).await.is_err());
        assert_eq!(batcher.clone().submit(2).await, Ok(2));
    }
}
