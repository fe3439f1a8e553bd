//! What every store must do, run against SQLite and against a real Redis.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod access;
mod durable;
mod fixture;
mod flushed;
mod ledger;
mod letters;
mod lives;
mod losses;
mod order;
mod redis_only;
mod speed;
mod sqlite_only;
mod traffic;
mod under_load;
mod world;

/// Each case once per backend.
macro_rules! conformance {
    ($($module:ident::$case:ident,)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                crate::$module::$case(&crate::fixture::sqlite().await).await;
            })*
        }
        mod redis {
            $(#[tokio::test]
            async fn $case() {
                crate::$module::$case(&crate::fixture::redis().await).await;
            })*
        }
        /// One server of PostgreSQL for all of them: to start one takes seconds.
        #[tokio::test]
        async fn redis_and_postgresql_as_redis_and_sqlite() {
            let postgres = busker_odb::testing::PostgresServer::start().await.unwrap();
            $(println!(stringify!($case));
            crate::$module::$case(&crate::fixture::redis_on_postgres(&postgres).await).await;)*
        }
    };
}

conformance! {
    traffic::what_is_claimed_is_what_was_published,
    traffic::the_same_cid_is_kept_once,
    traffic::a_claim_takes_no_more_than_the_permits_and_no_other_service,
    traffic::a_full_service_is_refused_and_others_are_not,
    traffic::the_bell_rings_for_new_work,
    traffic::many_publishers_and_claimers_lose_and_double_nothing,
    lives::a_status_follows_an_invocation_to_its_result,
    lives::a_result_that_is_too_long_is_not_kept,
    lives::a_delayed_one_is_not_claimed_before_its_time,
    lives::a_failed_one_comes_back_after_its_wait_with_its_failure,
    lives::what_is_given_back_was_not_started,
    lives::one_past_its_deadline_is_expired,
    lives::what_is_held_too_long_comes_back_and_the_old_lease_is_refused,
    lives::a_renewed_lease_does_not_run_out,
    lives::what_loses_its_nodes_too_often_is_dead,
    order::one_key_runs_one_after_another_in_order,
    order::a_retry_keeps_its_place,
    order::a_dead_one_lets_the_next_go,
    letters::a_dead_letter_is_listed_edited_and_replayed,
    letters::a_discarded_one_is_accounted_for,
    letters::lists_are_filtered_and_paged,
    letters::what_is_not_old_is_not_swept,
    ledger::it_balances_after_every_step_of_a_random_life,
}
