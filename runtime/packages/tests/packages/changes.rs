//! Rollback, delete, and changes made by other nodes.

use std::time::Duration;

use busker_model::ErrorClass;
use busker_odb::packages::{PackageKind, PackageState, PackageWrite};

use crate::bench::Bench;

fn write(name: &str, text: &str, services: &[&str]) -> PackageWrite {
    PackageWrite {
        name: name.to_owned(),
        kind: PackageKind::Py,
        payload: text.into(),
        services: services.iter().map(ToString::to_string).collect(),
        uploaded_by: "another node".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_serves_the_version_before() {
    let bench = Bench::start().await;
    let first = bench.deploy("a.py", "service a.one").await.unwrap();
    let second = bench.deploy("a.py", "service a.two").await.unwrap();
    let back = bench.rollback("a.py", None).await.unwrap();
    assert_eq!(
        (back.generation, back.services.as_slice()),
        (3, ["a.one".to_owned()].as_slice())
    );
    assert_eq!(bench.serving("a.one"), Some(back.package));
    assert_eq!(bench.serving("a.two"), None);
    assert_eq!(bench.events("package-rolled-back").len(), 1);
    let forth = bench.rollback("a.py", Some(second.package)).await.unwrap();
    assert_eq!(bench.serving("a.two"), Some(forth.package));
    assert!(forth.package > back.package && back.package > first.package);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_to_what_is_not_there_says_what_is() {
    let bench = Bench::start().await;
    let only = bench.deploy("a.py", "service a.one").await.unwrap();
    let fault = bench.rollback("b.py", None).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::NotFound);
    let fault = bench.rollback("a.py", None).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::NotFound);
    assert!(fault.message.contains(&only.package.to_string()), "{fault}");
    let fault = bench.rollback("a.py", Some(9_999)).await.unwrap_err();
    assert!(fault.message.contains("9999"), "{fault}");
    let fault = bench
        .rollback("a.py", Some(only.package))
        .await
        .unwrap_err();
    assert_eq!(fault.class, ErrorClass::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_cannot_be_loaded_is_put_back() {
    let bench = Bench::start().await;
    bench
        .deploy("a.py", "service a.one\n# library of last year")
        .await
        .unwrap();
    let second = bench.deploy("a.py", "service a.two").await.unwrap();
    bench.engine.fail_to_load("library of last year");
    let fault = bench.rollback("a.py", None).await.unwrap_err();
    assert!(fault.message.contains("is active again"), "{fault}");
    assert!(fault.message.contains("library of last year"), "{fault}");
    let active = bench.odb.packages().active().await.unwrap();
    assert_eq!((active.len(), active[0].generation), (1, 4));
    assert_eq!(active[0].services, ["a.two"]);
    assert_eq!(bench.serving("a.two"), Some(active[0].id));
    assert!(active[0].id > second.package);
    assert_eq!(bench.events("package-rolled-back"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_withdraws_the_package_of_the_service() {
    let bench = Bench::start().await;
    let a = bench
        .deploy("a.py", "service a.one\nservice a.two")
        .await
        .unwrap();
    bench.deploy("b.py", "service b.one").await.unwrap();
    let deleted = bench.delete("a.two").await.unwrap();
    assert_eq!(
        (deleted.package, deleted.state.as_str()),
        (a.package, "withdrawn")
    );
    assert_eq!(bench.serving("a.one"), None);
    assert!(bench.serving("b.one").is_some());
    assert_eq!(bench.told(a.package).await.0, "drained");
    assert_eq!(bench.events("package-withdrawn").len(), 1);
    assert_eq!(bench.events("missing-service"), [], "it was asked for");
    let fault = bench.delete("a.one").await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::NotFound);
    let fault = bench.delete("own.ping").await.unwrap_err();
    assert!(fault.message.contains("built into the node"), "{fault}");
    // The last one leaves nothing to load.
    bench.delete("b.one").await.unwrap();
    bench
        .until("retired", async || bench.engine.loaded().is_empty())
        .await;
    // And a rollback brings it back.
    let back = bench.rollback("a.py", None).await.unwrap();
    assert_eq!(bench.serving("a.one"), Some(back.package));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_others_need_is_not_deleted() {
    let bench = Bench::start().await;
    let base = bench.deploy("base.py", "service base.one").await.unwrap();
    bench
        .deploy("a.py", "service a.one\nneeds base.py")
        .await
        .unwrap();
    let fault = bench.delete("base.one").await.unwrap_err();
    assert_eq!(
        (fault.class, fault.code_str()),
        (ErrorClass::Conflict, Some("in-use"))
    );
    assert!(fault.message.contains("a.py"), "{fault}");
    assert_eq!(bench.serving("base.one"), Some(base.package));
    let kept = bench.odb.packages().get(base.package).await.unwrap();
    assert_eq!(kept.state, PackageState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_deploys_is_served_here_without_being_verified() {
    let bench = Bench::start().await;
    bench.deploy("a.py", "service a.one").await.unwrap();
    bench.engine.take_asked();
    let theirs = write("b.py", "service b.one", &["b.one"]);
    let theirs = bench.odb.packages().insert(theirs).await.unwrap().package;
    bench.until_serving("b.one").await;
    assert_eq!(bench.serving("b.one"), Some(theirs.id));
    let asked = bench.engine.take_asked();
    assert!(
        !asked
            .iter()
            .any(|asked| matches!(asked, crate::engine::Asked::Verify(_)))
    );
    bench
        .until("told", async || {
            let told = bench.odb.packages().statuses(theirs.id).await.unwrap();
            told.first().is_some_and(|status| status.state == "live")
        })
        .await;
    bench.odb.packages().withdraw("b.py").await.unwrap();
    bench
        .until("withdrawn", async || bench.serving("b.one").is_none())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_about_other_things_load_nothing() {
    let bench = Bench::start().await;
    let a = bench.deploy("a.py", "service a.one").await.unwrap();
    bench.engine.take_asked();
    let mut hints = bench.odb.subscribe();
    // The same bytes again take a revision, and change nothing else.
    let same = write("a.py", "service a.one", &["a.one"]);
    let inserted = bench.odb.packages().insert(same).await.unwrap();
    assert!(!inserted.fresh);
    hints.changed().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.engine.take_asked(), []);
    assert_eq!(bench.serving("a.one"), Some(a.package));
}
