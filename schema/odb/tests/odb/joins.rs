//! Invitations of new nodes: each is taken once, in its time, by who has its key.

use busker_kit::clock::unix_ms;
use busker_model::Secret;
use busker_odb::joins::{INVITATIONS, Invitation, Joins};
use busker_odb::{OdbError, Vault};
use futures::future::join_all;

use crate::fixture::{Bench, on_both};

on_both!(
    of_many_that_take_an_invitation_one_gets_it_and_opens_it_with_its_key,
    an_invitation_that_is_out_of_date_is_nobodys,
    only_so_many_are_open_at_once,
);

fn invitation(sealed: &str) -> Invitation {
    Invitation {
        node: "node4".to_owned(),
        sealed: sealed.to_owned(),
    }
}

async fn of_many_that_take_an_invitation_one_gets_it_and_opens_it_with_its_key(bench: Bench) {
    let (vault, key) = Vault::fresh().unwrap();
    let place = Joins::place("node4");
    let sealed = vault.seal(&place, &Secret::new("keys")).unwrap();
    let joins = bench.odb.joins();
    let id = joins
        .invite(invitation(&sealed), unix_ms() + 60_000)
        .await
        .unwrap();
    let tries = (0..8).map(|_| async { bench.odb.joins().take(&id).await });
    let mut taken: Vec<_> = join_all(tries).await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    let got = taken.remove(0);
    assert_eq!(got.node, "node4");
    let opened = Vault::of_text(key.expose()).unwrap();
    assert_eq!(
        opened.open_sealed(&place, &got.sealed).unwrap().expose(),
        "keys"
    );
    let (other, _) = Vault::fresh().unwrap();
    assert!(other.open_sealed(&place, &got.sealed).is_err());
    let again = joins.take(&id).await;
    assert!(matches!(again, Err(OdbError::NotFound(_))), "{again:?}");
}

async fn an_invitation_that_is_out_of_date_is_nobodys(bench: Bench) {
    let joins = bench.odb.joins();
    let id = joins.invite(invitation("s"), unix_ms() - 1).await.unwrap();
    let late = joins.take(&id).await;
    assert!(matches!(late, Err(OdbError::NotFound(_))), "{late:?}");
}

async fn only_so_many_are_open_at_once(bench: Bench) {
    let joins = bench.odb.joins();
    // The one that is out of date does not count.
    joins.invite(invitation("s"), unix_ms() - 1).await.unwrap();
    for _ in 0..INVITATIONS {
        joins
            .invite(invitation("s"), unix_ms() + 60_000)
            .await
            .unwrap();
    }
    let more = joins.invite(invitation("s"), unix_ms() + 60_000).await;
    assert!(matches!(more, Err(OdbError::Conflict(_))), "{more:?}");
}
