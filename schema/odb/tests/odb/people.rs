//! Users, tokens, nodes and the audit log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use busker_model::Secret;
use busker_model::invocation::Role;
use busker_odb::audit::AuditWrite;
use busker_odb::nodes::NodeRecord;
use busker_odb::tokens::{TOKENS_PER_PRINCIPAL, TokenKind, TokenWrite};
use busker_odb::users::UserWrite;
use busker_odb::{OdbError, PasswordCost, Passwords};
use serde_json::json;

use crate::fixture::{Bench, on_both};

on_both!(
    users_are_created_edited_and_deleted,
    a_password_is_checked_against_the_stored_hash,
    a_token_is_known_by_its_text_until_it_ends,
    a_token_never_does_more_than_its_user_may,
    tokens_of_one_principal_are_bounded,
    a_node_is_what_it_last_reported,
    the_audit_log_pages_backwards,
);

fn user(name: &str, role: Role) -> UserWrite {
    UserWrite {
        name: name.into(),
        active: true,
        role,
    }
}

async fn users_are_created_edited_and_deleted(bench: Bench) {
    let users = bench.odb.users();
    let ann = users
        .create(user("ann", Role::Admin), "hash-a".into())
        .await
        .unwrap();
    let bob = users
        .create(user("bob", Role::Viewer), "hash-b".into())
        .await
        .unwrap();
    assert_ne!(ann.number, bob.number);
    let taken = users.create(user("ann", Role::Viewer), "x".into()).await;
    assert!(matches!(taken, Err(OdbError::Conflict(_))), "{taken:?}");
    let colon = users.create(user("a:b", Role::Viewer), "x".into()).await;
    assert!(matches!(colon, Err(OdbError::Invalid(_))));
    assert_eq!(users.list().await.unwrap(), [ann.clone(), bob.clone()]);
    let edited = users.edit(user("bob", Role::Operator)).await.unwrap();
    assert_eq!((edited.role, edited.number), (Role::Operator, bob.number));
    users.set_password("bob", "hash-c".into()).await.unwrap();
    assert_eq!(
        users.password_hash("bob").await.unwrap().as_deref(),
        Some("hash-c")
    );
    assert_eq!(
        users.password_hash("ann").await.unwrap().as_deref(),
        Some("hash-a")
    );
    let mut away = user("bob", Role::Operator);
    away.active = false;
    users.edit(away).await.unwrap();
    assert_eq!(
        users.password_hash("bob").await.unwrap(),
        None,
        "an inactive user has no way in"
    );
    users.delete("bob").await.unwrap();
    for missing in [
        users.delete("bob").await,
        users.set_password("bob", "x".into()).await,
    ] {
        assert!(matches!(missing, Err(OdbError::NotFound(_))));
    }
    assert!(matches!(users.get("bob").await, Err(OdbError::NotFound(_))));
    assert_eq!(users.get("ann").await.unwrap(), ann);
}

async fn a_password_is_checked_against_the_stored_hash(bench: Bench) {
    let passwords = Passwords::new(PasswordCost::Test).unwrap();
    let hash = passwords.hash(&Secret::new("hunter2")).await.unwrap();
    bench
        .odb
        .users()
        .create(user("ann", Role::Admin), hash)
        .await
        .unwrap();
    let verify = async |name: &str, text: &str| {
        let stored = bench.odb.users().password_hash(name).await.unwrap();
        passwords
            .verify(name, &Secret::new(text), stored.as_deref())
            .await
            .unwrap()
    };
    assert!(verify("ann", "hunter2").await);
    assert!(!verify("ann", "hunter3").await);
    assert!(!verify("bob", "hunter2").await);
    let changed = passwords.hash(&Secret::new("other")).await.unwrap();
    bench
        .odb
        .users()
        .set_password("ann", changed)
        .await
        .unwrap();
    assert!(
        !verify("ann", "hunter2").await,
        "a remembered credential ends with its hash"
    );
    assert!(verify("ann", "other").await);
}

fn token(principal: &str, role: Role, expires_ms: Option<i64>) -> TokenWrite {
    TokenWrite {
        kind: TokenKind::Bearer,
        principal: principal.into(),
        role,
        name: "for tests".into(),
        expires_ms,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "expiry is compared with the wall clock"
)]
fn in_the_future(after: Duration) -> i64 {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + after;
    i64::try_from(at.as_millis()).unwrap()
}

async fn a_token_is_known_by_its_text_until_it_ends(bench: Bench) {
    let tokens = bench.odb.tokens();
    let (minted, text) = tokens.mint(token("cli", Role::Admin, None)).await.unwrap();
    assert!(text.expose().starts_with("bsk_"));
    assert_eq!(tokens.verify(&text).await.unwrap().as_ref(), Some(&minted));
    for wrong in ["bsk_wrong", "", "hunter2"] {
        assert_eq!(tokens.verify(&Secret::new(wrong)).await.unwrap(), None);
    }
    let expiry = in_the_future(Duration::from_millis(1_500));
    let (_, short) = tokens
        .mint(token("cli", Role::Admin, Some(expiry)))
        .await
        .unwrap();
    assert!(tokens.verify(&short).await.unwrap().is_some());
    let mut session = token("cli", Role::Admin, None);
    session.kind = TokenKind::Session;
    let (_, session) = tokens.mint(session).await.unwrap();
    assert_eq!(
        tokens
            .list(TokenKind::Bearer, Some("cli"))
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        tokens.list(TokenKind::Session, None).await.unwrap().len(),
        1
    );
    assert_eq!(
        tokens.list(TokenKind::Bearer, Some("ann")).await.unwrap(),
        []
    );
    tokens.revoke(&minted.id).await.unwrap();
    assert_eq!(tokens.verify(&text).await.unwrap(), None);
    assert!(matches!(
        tokens.revoke(&minted.id).await,
        Err(OdbError::NotFound(_))
    ));
    assert_eq!(
        tokens.revoke_all(TokenKind::Session, "cli").await.unwrap(),
        1
    );
    assert_eq!(tokens.verify(&session).await.unwrap(), None);
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    assert_eq!(tokens.verify(&short).await.unwrap(), None);
}

async fn a_token_never_does_more_than_its_user_may(bench: Bench) {
    let (users, tokens) = (bench.odb.users(), bench.odb.tokens());
    users
        .create(user("ann", Role::Operator), "hash".into())
        .await
        .unwrap();
    let (_, text) = tokens.mint(token("ann", Role::Admin, None)).await.unwrap();
    let role = async || tokens.verify(&text).await.unwrap().map(|token| token.role);
    assert_eq!(role().await, Some(Role::Operator));
    let mut away = user("ann", Role::Operator);
    away.active = false;
    users.edit(away).await.unwrap();
    assert_eq!(role().await, None);
    users.edit(user("ann", Role::Admin)).await.unwrap();
    assert_eq!(role().await, Some(Role::Admin));
    users.delete("ann").await.unwrap();
    assert_eq!(role().await, None, "tokens go with their user");
}

async fn tokens_of_one_principal_are_bounded(bench: Bench) {
    let tokens = bench.odb.tokens();
    let (first, _) = tokens.mint(token("cli", Role::Viewer, None)).await.unwrap();
    for _ in 1..TOKENS_PER_PRINCIPAL {
        tokens.mint(token("cli", Role::Viewer, None)).await.unwrap();
    }
    let full = tokens.mint(token("cli", Role::Viewer, None)).await;
    assert!(matches!(full, Err(OdbError::Conflict(_))));
    tokens
        .mint(token("other", Role::Viewer, None))
        .await
        .unwrap();
    tokens.revoke(&first.id).await.unwrap();
    tokens.mint(token("cli", Role::Viewer, None)).await.unwrap();
}

async fn a_node_is_what_it_last_reported(bench: Bench) {
    let nodes = bench.odb.nodes();
    let mut node = NodeRecord {
        name: "node1".into(),
        incarnation: "a".into(),
        address: "127.0.0.1:17010".into(),
        admin_address: "127.0.0.1:8183".into(),
        state: "starting".into(),
        revision: 3,
        seen_ms: 1_000,
        info: json!({"version": "0.1.0"}),
    };
    nodes.heartbeat(&node).await.unwrap();
    (node.state, node.revision, node.seen_ms) = ("running".into(), 7, 2_000);
    nodes.heartbeat(&node).await.unwrap();
    let other = NodeRecord {
        name: "node2".into(),
        ..node.clone()
    };
    nodes.heartbeat(&other).await.unwrap();
    assert_eq!(nodes.list().await.unwrap(), [node.clone(), other]);
    nodes.delete("node2").await.unwrap();
    assert!(matches!(
        nodes.delete("node2").await,
        Err(OdbError::NotFound(_))
    ));
    assert_eq!(nodes.list().await.unwrap(), [node]);
}

async fn the_audit_log_pages_backwards(bench: Bench) {
    let audit = bench.odb.audit();
    for number in 0..5 {
        let write = AuditWrite {
            who: "ann".into(),
            service: "busker.channel.http.create".into(),
            object: format!("crm{number}"),
            result: "ok".into(),
            cid: "K1".into(),
        };
        audit.append(write).await.unwrap();
    }
    let first = audit.list(3, None).await.unwrap();
    let objects: Vec<_> = first.iter().map(|entry| entry.object.as_str()).collect();
    assert_eq!(objects, ["crm4", "crm3", "crm2"]);
    assert_eq!(
        (first[0].who.as_str(), first[0].cid.as_str()),
        ("ann", "K1")
    );
    assert_eq!(
        (first[0].service.as_str(), first[0].result.as_str()),
        ("busker.channel.http.create", "ok")
    );
    let rest = audit.list(3, Some(&first[2].id)).await.unwrap();
    let objects: Vec<_> = rest.iter().map(|entry| entry.object.as_str()).collect();
    assert_eq!(objects, ["crm1", "crm0"]);
}
