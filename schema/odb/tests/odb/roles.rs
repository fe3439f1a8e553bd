//! Roles: who takes one, from which epoch, and what is remembered of it.

use busker_odb::roles::{SCHEDULER, TERMS_KEPT};
use futures::future::join_all;

use crate::fixture::{Bench, on_both};

on_both!(
    a_role_is_taken_only_from_the_epoch_that_was_read,
    of_many_that_take_a_role_at_once_one_gets_it,
    each_holder_leaves_a_term_with_its_end,
    old_terms_are_forgotten,
);

async fn a_role_is_taken_only_from_the_epoch_that_was_read(bench: Bench) {
    let roles = bench.odb.roles();
    assert_eq!(roles.epoch(SCHEDULER).await, Ok(0));
    assert_eq!(roles.take_from(SCHEDULER, "node1", 3).await, Ok(None));
    assert_eq!(roles.take_from(SCHEDULER, "node1", 0).await, Ok(Some(1)));
    assert_eq!(roles.take_from(SCHEDULER, "node2", 0).await, Ok(None));
    assert_eq!(roles.take_from(SCHEDULER, "node2", 1).await, Ok(Some(2)));
    // What node1 asked while it still held the role comes too late.
    assert_eq!(roles.take_from(SCHEDULER, "node1", 1).await, Ok(None));
    assert_eq!(roles.epoch(SCHEDULER).await, Ok(2));
    assert_eq!(roles.get(SCHEDULER).await.unwrap().holder, "node2");
}

async fn of_many_that_take_a_role_at_once_one_gets_it(bench: Bench) {
    for from in 0..3 {
        let tries = (0..8).map(|number| {
            let odb = bench.odb.clone();
            async move {
                let holder = format!("node{number}");
                odb.roles().take_from(SCHEDULER, &holder, from).await
            }
        });
        let taken = join_all(tries).await;
        let winners = taken.iter().filter(|taken| **taken == Ok(Some(from + 1)));
        assert_eq!(winners.count(), 1, "{taken:?}");
        let losers = taken.iter().filter(|taken| **taken == Ok(None));
        assert_eq!(losers.count(), 7, "{taken:?}");
    }
}

async fn each_holder_leaves_a_term_with_its_end(bench: Bench) {
    let roles = bench.odb.roles();
    roles.take_from(SCHEDULER, "node1", 0).await.unwrap();
    roles.ended(SCHEDULER, 1, "released").await.unwrap();
    roles.take_from(SCHEDULER, "node2", 1).await.unwrap();
    roles.take_from(SCHEDULER, "node3", 2).await.unwrap();
    // It is too late to say how it ended: the next one said so.
    roles.ended(SCHEDULER, 2, "fenced").await.unwrap();
    let terms = roles.terms(SCHEDULER, 10).await.unwrap();
    let told: Vec<(i64, &str, Option<&str>)> = terms
        .iter()
        .map(|term| (term.epoch, term.holder.as_str(), term.how.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (3, "node3", None),
            (2, "node2", Some("taken")),
            (1, "node1", Some("released")),
        ]
    );
    assert!(terms[1].ended_ms >= Some(terms[1].since_ms));
    assert_eq!(terms[0].ended_ms, None);
}

async fn old_terms_are_forgotten(bench: Bench) {
    let roles = bench.odb.roles();
    for _ in 0..TERMS_KEPT + 5 {
        roles.take(SCHEDULER, "node1").await.unwrap();
    }
    let terms = roles.terms(SCHEDULER, 5_000).await.unwrap();
    assert_eq!(i64::try_from(terms.len()), Ok(TERMS_KEPT));
    assert_eq!(terms[0].epoch, TERMS_KEPT + 5);
}
