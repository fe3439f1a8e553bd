//! Hot-deployed code.

use busker_odb::OdbError;
use busker_odb::packages::{
    GENERATIONS_KEPT, PACKAGE_BYTES, PackageKind, PackageState, PackageWrite, StatusWrite,
};

use crate::fixture::{Bench, on_both};

on_both!(
    an_upload_replaces_the_one_before_it,
    the_same_bytes_again_change_nothing,
    two_files_that_define_one_service_are_a_conflict,
    a_rollback_is_a_new_generation_with_old_bytes,
    a_withdrawn_package_is_seen_to_go,
    only_so_many_generations_are_kept,
    each_node_says_how_a_package_fares,
);

fn package(name: &str, payload: &[u8], services: &[&str]) -> PackageWrite {
    PackageWrite {
        name: name.into(),
        kind: PackageKind::Py,
        payload: payload.into(),
        services: services.iter().map(ToString::to_string).collect(),
        uploaded_by: "ann".into(),
    }
}

async fn an_upload_replaces_the_one_before_it(bench: Bench) {
    let packages = bench.odb.packages();
    let first = packages
        .insert(package("a.py", b"\x00\xffone", &["a.one"]))
        .await
        .unwrap()
        .package;
    let second = packages
        .insert(package("a.py", b"two", &["a.one", "a.two"]))
        .await
        .unwrap();
    assert!(second.fresh);
    let second = second.package;
    assert_eq!((first.generation, second.generation), (1, 2));
    assert_eq!((first.size, first.uploaded_by.as_str()), (5, "ann"));
    assert_eq!(packages.payload(first.id).await.unwrap(), b"\x00\xffone");
    assert_eq!(packages.payload(second.id).await.unwrap(), b"two");
    let replaced = packages.get(first.id).await.unwrap();
    assert_eq!(
        (replaced.state, replaced.replaced_by),
        (PackageState::Replaced, Some(second.id))
    );
    assert_eq!(
        packages.active().await.unwrap(),
        std::slice::from_ref(&second)
    );
    assert_eq!(
        packages.history("a.py").await.unwrap(),
        [second.clone(), replaced.clone()]
    );
    let changed = packages.changed_since(first.revision).await.unwrap();
    assert_eq!(changed, [replaced, second]);
    let huge = packages
        .insert(package("b.py", &vec![0; PACKAGE_BYTES + 1], &[]))
        .await;
    assert!(matches!(huge, Err(OdbError::Invalid(_))));
    assert!(matches!(
        packages.payload(99_999).await,
        Err(OdbError::NotFound(_))
    ));
}

async fn the_same_bytes_again_change_nothing(bench: Bench) {
    let packages = bench.odb.packages();
    let first = packages
        .insert(package("a.py", b"one", &["a.one"]))
        .await
        .unwrap();
    let again = packages
        .insert(package("a.py", b"one", &["a.one"]))
        .await
        .unwrap();
    assert!(!again.fresh);
    assert_eq!(again.package, first.package);
    assert_eq!(packages.history("a.py").await.unwrap().len(), 1);
}

async fn two_files_that_define_one_service_are_a_conflict(bench: Bench) {
    let packages = bench.odb.packages();
    packages
        .insert(package("a.py", b"one", &["x", "shared"]))
        .await
        .unwrap();
    let refused = packages
        .insert(package("b.py", b"two", &["shared"]))
        .await
        .unwrap_err();
    let message = refused.to_string();
    for named in ["a.py", "b.py", "shared"] {
        assert!(message.contains(named), "{message}");
    }
    // Once the first no longer defines it, the second may.
    packages
        .insert(package("a.py", b"three", &["x"]))
        .await
        .unwrap();
    packages
        .insert(package("b.py", b"two", &["shared"]))
        .await
        .unwrap();
}

async fn a_rollback_is_a_new_generation_with_old_bytes(bench: Bench) {
    let packages = bench.odb.packages();
    let first = packages
        .insert(package("a.py", b"one", &["a.one"]))
        .await
        .unwrap()
        .package;
    packages
        .insert(package("a.py", b"two", &["a.one"]))
        .await
        .unwrap();
    let back = packages.reinstate(first.id, "bob").await.unwrap().package;
    assert!(back.id > first.id);
    assert_eq!((back.generation, back.uploaded_by.as_str()), (3, "bob"));
    assert_eq!(
        (back.sha256.as_str(), back.services.clone()),
        (first.sha256.as_str(), first.services)
    );
    assert_eq!(packages.payload(back.id).await.unwrap(), b"one");
    assert_eq!(packages.active().await.unwrap(), [back]);
}

async fn a_withdrawn_package_is_seen_to_go(bench: Bench) {
    let packages = bench.odb.packages();
    let inserted = packages
        .insert(package("a.py", b"one", &["a.one"]))
        .await
        .unwrap()
        .package;
    packages.withdraw("a.py").await.unwrap();
    assert_eq!(packages.active().await.unwrap(), []);
    let changed = packages.changed_since(inserted.revision).await.unwrap();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].state, PackageState::Withdrawn);
    assert!(matches!(
        packages.withdraw("a.py").await,
        Err(OdbError::NotFound(_))
    ));
    let again = packages
        .insert(package("a.py", b"one", &["a.one"]))
        .await
        .unwrap();
    assert_eq!((again.fresh, again.package.generation), (true, 2));
}

async fn only_so_many_generations_are_kept(bench: Bench) {
    let packages = bench.odb.packages();
    packages
        .insert(package("other.py", b"x", &[]))
        .await
        .unwrap();
    for number in 0..GENERATIONS_KEPT + 5 {
        let payload = number.to_string();
        packages
            .insert(package("a.py", payload.as_bytes(), &[]))
            .await
            .unwrap();
    }
    let kept = packages.history("a.py").await.unwrap();
    assert_eq!(i64::try_from(kept.len()).unwrap(), GENERATIONS_KEPT);
    assert_eq!(kept[0].generation, GENERATIONS_KEPT + 5);
    assert_eq!(packages.history("other.py").await.unwrap().len(), 1);
}

async fn each_node_says_how_a_package_fares(bench: Bench) {
    let packages = bench.odb.packages();
    let id = packages
        .insert(package("a.py", b"one", &[]))
        .await
        .unwrap()
        .package
        .id;
    let status = |package: i64, node: &str, state: &str, message: &str| StatusWrite {
        package,
        node: node.into(),
        state: state.into(),
        message: message.into(),
    };
    packages
        .set_status(status(id, "node2", "loading", ""))
        .await
        .unwrap();
    packages
        .set_status(status(id, "node1", "live", ""))
        .await
        .unwrap();
    packages
        .set_status(status(id, "node2", "failed", "SyntaxError"))
        .await
        .unwrap();
    packages
        .set_status(status(id + 1, "node1", "live", ""))
        .await
        .unwrap();
    let statuses = packages.statuses(id).await.unwrap();
    let told: Vec<_> = statuses
        .iter()
        .map(|s| (s.node.as_str(), s.state.as_str(), s.message.as_str()))
        .collect();
    assert_eq!(
        told,
        [("node1", "live", ""), ("node2", "failed", "SyntaxError")]
    );
    assert_eq!(
        packages.statuses(id + 1).await.unwrap(),
        [],
        "there is no such package"
    );
}
