//! The ledger.

use std::time::Duration;

use busker_bus::{Claimed, DeadFilter, End};
use busker_kit::clock::unix_ms;
use busker_model::Delivery;
use busker_model::invocation::ReplyBody;

use crate::fixture::{Fixture, LEASE, envelope, failure};

const SERVICES: [&str; 3] = ["a", "b", "c"];
const STEPS: u32 = 400;

pub(crate) async fn it_balances_after_every_step_of_a_random_life(on: &Fixture) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut held: Vec<Claimed> = Vec::new();
    for step in 0..STEPS {
        take_step(on, &mut random, &mut held).await;
        for row in on.store.ledger().await.unwrap() {
            assert!(row.balances(), "seed {seed}, step {step}: {row:?}");
        }
    }
    let rows = on.store.ledger().await.unwrap();
    let accepted: u64 = rows.iter().map(|row| row.accepted).sum();
    assert!(accepted > 50, "seed {seed}: {rows:?}");
}

async fn take_step(on: &Fixture, random: &mut fastrand::Rng, held: &mut Vec<Claimed>) {
    let service = SERVICES[random.usize(..SERVICES.len())];
    match random.u8(..12) {
        0..=3 => {
            let delivery = if random.bool() {
                Delivery::Fast
            } else {
                Delivery::Durable
            };
            let mut sent = envelope(service, delivery);
            if random.bool() {
                sent.head.key = Some(format!("k{}", random.u8(..2)));
            }
            if random.u8(..4) == 0 {
                sent.head.not_before_ms = Some(unix_ms() + i64::from(random.u8(..50)));
            }
            on.publish(sent).await;
        }
        4..=5 => held.extend(on.claim(service, random.u32(1..4)).await),
        6..=9 => {
            if let Some(place) = (!held.is_empty()).then(|| random.usize(..held.len())) {
                let claimed = held.swap_remove(place);
                // A lease that ran out is refused, and that is what the ledger has to bear.
                drop(on.store.settle(claimed.lease, end(random)).await);
            }
        }
        10 => {
            on.store.promote().await.unwrap();
            if random.u8(..20) == 0 {
                tokio::time::sleep(LEASE).await;
            }
            on.store.reclaim().await.unwrap();
        }
        _ => letters(on, random).await,
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn end(random: &mut fastrand::Rng) -> End {
    match random.u8(..6) {
        0 => End::Retry {
            at_ms: unix_ms() + 10,
            failure: failure("no luck"),
        },
        1 => End::Dead {
            failure: failure("bug"),
            version: String::new(),
        },
        2 => End::Expired,
        3 => End::GiveBack { at_ms: unix_ms() },
        _ => End::Done(ReplyBody::Empty),
    }
}

async fn letters(on: &Fixture, random: &mut fastrand::Rng) {
    let filter = DeadFilter {
        service: None,
        offset: 0,
        limit: 1,
    };
    let page = on.store.dead_list(filter).await.unwrap();
    let Some(letter) = page.letters.first() else {
        return;
    };
    if random.bool() {
        on.store.dead_replay(letter.cid).await.unwrap();
    } else {
        on.store.dead_discard(letter.cid).await.unwrap();
    }
}
