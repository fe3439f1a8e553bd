//! What fails after it was stored, engines that are away, and panics.

use std::sync::Arc;

use busker_model::event::Severity;
use busker_model::{ActorState, ErrorClass};
use busker_odb::packages::{PackageKind, PackageWrite};

use crate::bench::{Bench, Home};
use crate::engine::StandIn;

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_charged_to_its_package_and_the_others_go_on() {
    let bench = Bench::start().await;
    let good = bench.deploy("a.py", "service a.one").await.unwrap();
    bench.deploy("b.py", "service b.one").await.unwrap();
    let bad = "service a.one\nbreaks-when-loaded no such device";
    let fault = bench.deploy("a.py", bad).await.unwrap_err();
    let stored = bench.odb.packages().active().await.unwrap();
    let id = stored
        .iter()
        .find(|package| package.name == "a.py")
        .unwrap()
        .id;
    assert!(id > good.package, "it is stored");
    for said in ["is stored as package", "no such device", &id.to_string()] {
        assert!(fault.message.contains(said), "{fault}");
    }
    // Its last version that worked goes on.
    assert_eq!(bench.serving("a.one"), Some(good.package));
    let (state, message) = bench.told(id).await;
    assert_eq!(state, "failed");
    assert!(
        message.contains("Traceback") && message.contains("no such device"),
        "{message}"
    );
    let event = bench.events("package-failed").pop().unwrap();
    assert_eq!(
        (event.severity, &event.fields["instead"]),
        (Severity::Error, &good.package.into())
    );
    let shown = bench.shown("a.py");
    assert_eq!(
        (&shown["state"], &shown["instead"]),
        (&"failed".into(), &good.package.into())
    );
    // Others are deployed as before, and the failure is not told twice.
    let c = bench.deploy("c.py", "service c.one").await.unwrap();
    assert_eq!(bench.serving("c.one"), Some(c.package));
    assert_eq!(bench.serving("a.one"), Some(good.package));
    assert_eq!(bench.events("package-failed").len(), 1);
    let mended = bench
        .deploy("a.py", "service a.one\n# mended")
        .await
        .unwrap();
    assert_eq!(bench.serving("a.one"), Some(mended.package));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_never_worked_here_is_left_out_at_boot() {
    let bench = Bench::start().await;
    bench.deploy("b.py", "service b.one").await.unwrap();
    for (name, text) in [
        ("a.py", "broken here"),
        ("c.py", "service c.one\nneeds a.py\nneeds none.py"),
    ] {
        let write = PackageWrite {
            name: name.to_owned(),
            kind: PackageKind::Py,
            payload: text.into(),
            services: vec![format!("{name} service")],
            uploaded_by: "another node".to_owned(),
        };
        bench.odb.packages().insert(write).await.unwrap();
    }
    let bench = Bench::at(bench.stop().await, Vec::new()).await;
    assert!(bench.serving("b.one").is_some());
    for name in ["a.py", "c.py"] {
        assert_eq!(bench.shown(name)["state"], "failed");
        assert_eq!(bench.shown(name)["instead"], serde_json::Value::Null);
    }
    assert_eq!(bench.actor("deployer").state, ActorState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_archive_that_cannot_be_read_fails_alone() {
    let bench = Bench::start().await;
    bench.deploy("b.py", "service b.one").await.unwrap();
    let write = PackageWrite {
        name: "z.zip".to_owned(),
        kind: PackageKind::Zip,
        payload: b"no archive".to_vec(),
        services: Vec::new(),
        uploaded_by: "another node".to_owned(),
    };
    let id = bench.odb.packages().insert(write).await.unwrap().package.id;
    bench
        .until("failed", async || bench.shown("z.zip")["state"] == "failed")
        .await;
    bench
        .until("told", async || {
            let told = bench.odb.packages().statuses(id).await.unwrap();
            told.first().is_some_and(|status| status.state == "failed")
        })
        .await;
    bench.deploy("c.py", "service c.one").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_wait_for_an_engine_that_is_away() {
    let bench = Bench::start().await;
    let a = bench.deploy("a.py", "service a.one").await.unwrap();
    let home = bench.stop().await;
    let engine = StandIn::default();
    engine.set_away(true);
    let bench = Bench::with(home, Vec::new(), engine).await;
    assert_eq!(bench.serving("a.one"), None);
    assert_eq!(bench.actor("deployer").state, ActorState::Degraded);
    assert_eq!(
        bench.actor("deployer").note.as_deref(),
        Some("python-missing")
    );
    bench
        .until("told", async || bench.told(a.package).await.0 == "waiting")
        .await;
    let (_, message) = bench.told(a.package).await;
    assert!(message.contains("install one"), "{message}");
    assert_eq!(
        bench.events("package-failed"),
        [],
        "the package is not at fault"
    );
    let fault = bench.deploy("b.py", "service b.one").await.unwrap_err();
    assert_eq!(
        (fault.class, fault.code_str()),
        (ErrorClass::Unavailable, Some("python-missing"))
    );
    bench.engine.set_away(false);
    // Nobody says so: it is found by trying again.
    bench.until_serving("a.one").await;
    bench
        .until("running", async || {
            bench.actor("deployer").state == ActorState::Running
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_serves_goes_on_while_the_engine_cannot_load() {
    let bench = Bench::start().await;
    let a = bench.deploy("a.py", "service a.one").await.unwrap();
    bench.engine.set_away(true);
    let write = PackageWrite {
        name: "a.py".to_owned(),
        kind: PackageKind::Py,
        payload: b"service a.two".to_vec(),
        services: vec!["a.two".to_owned()],
        uploaded_by: "another node".to_owned(),
    };
    bench.odb.packages().insert(write).await.unwrap();
    bench
        .until("degraded", async || {
            bench.actor("deployer").state == ActorState::Degraded
        })
        .await;
    assert_eq!(bench.serving("a.one"), Some(a.package));
    assert_eq!(bench.shown("a.py")["instead"], a.package);
    bench.engine.set_away(false);
    bench.until_serving("a.two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_restarts_the_deployer_and_loses_nothing() {
    let bench = Bench::start().await;
    bench.deploy("a.py", "service a.one").await.unwrap();
    bench.engine.panic_once();
    let fault = bench.deploy("b.py", "service b.one").await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Unavailable);
    assert!(
        fault.message.contains("ended before it answered"),
        "{fault}"
    );
    assert!(bench.serving("a.one").is_some(), "services go on");
    bench
        .until("restarted", async || bench.actor("deployer").restarts == 1)
        .await;
    bench
        .until("up", async || {
            bench.deploy("b.py", "service b.one").await.is_ok()
        })
        .await;
    // The new deployer retired what the old one had loaded, and used no number twice.
    bench
        .until("retired", async || bench.engine.loaded().len() == 1)
        .await;
    assert!(bench.serving("a.one").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_tried_again_when_they_failed_before() {
    let home = Arc::new(Home::new());
    let bench = Bench::at(home, Vec::new()).await;
    bench.engine.set_away(true);
    let write = PackageWrite {
        name: "a.py".to_owned(),
        kind: PackageKind::Py,
        payload: b"service a.one".to_vec(),
        services: vec!["a.one".to_owned()],
        uploaded_by: "another node".to_owned(),
    };
    let id = bench.odb.packages().insert(write).await.unwrap().package.id;
    bench
        .until("degraded", async || {
            bench.actor("deployer").state == ActorState::Degraded
        })
        .await;
    bench.engine.set_away(false);
    let deployed = bench.deploy("a.py", "service a.one").await.unwrap();
    assert_eq!(deployed.package, id);
    assert_eq!(bench.serving("a.one"), Some(id));
}
