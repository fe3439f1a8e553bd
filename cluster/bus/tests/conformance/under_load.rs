//! Redis is killed under load and comes back empty.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use busker_bus::{Claimed, End, RedisStore, Store, Want};
use busker_model::invocation::ReplyBody;
use busker_model::{Cid, Delivery};
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::fixture::{envelope, name};
use crate::world::{World, on_both, only_loss, row};

on_both!(a_redis_killed_under_load_loses_no_durable_one_and_each_fast_one_it_loses_is_counted,);

/// Invocations of one run, of both classes.
const COUNT: usize = 3_000;
/// Publishers.
const AT_ONCE: usize = 64;
/// Longest wait for the end.
const LIMIT: Duration = Duration::from_secs(60);

/// What callers were told, and what had its effect.
#[derive(Default)]
struct Book {
    durable: HashSet<Cid>,
    fast: HashSet<Cid>,
    ran: HashSet<Cid>,
    twice: u32,
    /// Fast ones whose end was answered for.
    settled: usize,
}

struct Run {
    node: RedisStore,
    book: Mutex<Book>,
    /// Starts a claim brings; few at first, so that many wait when Redis dies.
    permits: AtomicU32,
    over: AtomicBool,
}

async fn a_redis_killed_under_load_loses_no_durable_one_and_each_fast_one_it_loses_is_counted(
    mut world: World,
) {
    let run = Run {
        node: world.node("node1").await,
        book: Mutex::default(),
        permits: AtomicU32::new(10),
        over: AtomicBool::new(false),
    };
    let fault = async {
        while run.book.lock().fast.len() < COUNT / 6 {
            sleep(Duration::from_millis(5)).await;
        }
        world.server.kill().unwrap();
        sleep(Duration::from_millis(300)).await;
        run.permits.store(200, Ordering::Relaxed);
        world.server.run().await.unwrap();
    };
    let all = async {
        tokio::join!(run.publish(), fault);
        run.wait().await;
        run.over.store(true, Ordering::Relaxed);
    };
    tokio::join!(run.keep(), run.work(), all);
    let loss = only_loss(&run.node).await;
    let book = run.book.into_inner();
    let lost = u64::try_from(book.fast.len() - book.settled).unwrap();
    println!(
        "{} durable, {} started twice; {} fast, {lost} never settled, the ledger says {}",
        book.durable.len(),
        book.twice,
        book.fast.len(),
        loss.lost
    );
    assert_eq!(book.durable.difference(&book.ran).count(), 0);
    assert!(lost > 0, "Redis had nothing to lose");
    // One whose publisher was refused while Redis died may have been seen by a checkpoint.
    let doubtful = u64::try_from(AT_ONCE).unwrap();
    assert!(
        loss.lost >= lost && loss.lost <= lost + doubtful,
        "{lost}: {loss:?}"
    );
    let row = row(&run.node, Delivery::Durable).await;
    assert_eq!(row.accepted, u64::try_from(book.durable.len()).unwrap());
    assert_eq!(row.done, row.accepted);
}

impl Run {
    async fn publish(&self) {
        let all = futures::stream::iter(0..COUNT);
        all.for_each_concurrent(AT_ONCE, |number| self.publish_one(number))
            .await;
    }

    async fn publish_one(&self, number: usize) {
        let delivery = if number.is_multiple_of(2) {
            Delivery::Durable
        } else {
            Delivery::Fast
        };
        let sent = envelope("a", delivery);
        let cid = sent.cid;
        if self.node.publish(sent).await.is_err() {
            // Refused, so its caller knows; a caller waits before the next one.
            sleep(Duration::from_millis(20)).await;
            return;
        }
        let mut book = self.book.lock();
        match delivery {
            Delivery::Durable => book.durable.insert(cid),
            Delivery::Fast => book.fast.insert(cid),
        };
    }

    /// What a keeper does.
    async fn keep(&self) {
        while !self.over.load(Ordering::Relaxed) {
            drop(self.node.checkpoint().await);
            drop(self.node.relay().await);
            drop(self.node.reclaim().await);
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What an intake does.
    async fn work(&self) {
        while !self.over.load(Ordering::Relaxed) {
            let want = Want {
                service: name("a"),
                permits: self.permits.load(Ordering::Relaxed),
            };
            let claimed = self.node.claim(vec![want], u32::MAX).await;
            let settle = claimed.unwrap_or_default().into_iter();
            futures::future::join_all(settle.map(|one| self.run_one(one))).await;
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn run_one(&self, claimed: Claimed) {
        let lease = claimed.lease;
        {
            let mut book = self.book.lock();
            if !book.ran.insert(lease.cid) {
                book.twice += 1;
            }
        }
        let fast = lease.delivery == Delivery::Fast;
        let end = End::Done(ReplyBody::Empty);
        if self.node.settle(lease, end).await.is_ok() && fast {
            self.book.lock().settled += 1;
        }
    }

    /// Waits until nothing is pending.
    async fn wait(&self) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < LIMIT, "{:?}", self.node.ledger().await);
            let rows = self.node.ledger().await.unwrap_or_default();
            let quiet = !rows.is_empty() && rows.iter().all(|row| row.pending == 0);
            let told = self.node.losses().await.is_ok_and(|all| !all.is_empty());
            if quiet && told {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}
