//! A deploy: what goes live, what is refused, and that a refusal changes nothing.

use busker_model::event::Severity;
use busker_model::{ErrorClass, Side};
use busker_odb::packages::PACKAGE_BYTES;

use crate::archives::archive;
use crate::bench::{Bench, Home};
use crate::engine::Asked;

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_is_live_when_it_is_answered() {
    let bench = Bench::start().await;
    let deployed = bench
        .deploy("a.py", "service a.two\nservice a.one")
        .await
        .unwrap();
    assert_eq!((deployed.name.as_str(), deployed.generation), ("a.py", 1));
    assert_eq!(
        (deployed.state.as_str(), deployed.services.len()),
        ("active", 2)
    );
    assert_eq!(bench.serving("a.one"), Some(deployed.package));
    assert_eq!(bench.told(deployed.package).await.0, "live");
    let active = bench.odb.packages().active().await.unwrap();
    assert_eq!(active[0].services, ["a.one", "a.two"]);
    assert_eq!(active[0].uploaded_by, "ann");
    let event = bench.events("package-deployed").pop().unwrap();
    assert_eq!(event.severity, Severity::Info);
    assert_eq!(
        event.fields["services"],
        serde_json::json!(["a.one", "a.two"])
    );
    assert_eq!(bench.shown("a.py")["state"], "live");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_takes_the_place_of_the_old_one() {
    let bench = Bench::start().await;
    let first = bench
        .deploy("a.py", "service a.one\nservice a.two")
        .await
        .unwrap();
    bench.deploy("b.py", "service b.one").await.unwrap();
    let second = bench
        .deploy("a.py", "service a.one\n# newer")
        .await
        .unwrap();
    assert_eq!(second.generation, 2);
    assert_eq!(bench.serving("a.one"), Some(second.package));
    assert!(bench.serving("b.one").is_some());
    assert_eq!(bench.serving("a.two"), None);
    assert_eq!(bench.told(first.package).await.0, "drained");
    // The old generations end, each once; the newest stays.
    bench
        .until("retired", async || bench.engine.loaded() == [3])
        .await;
    let missing = bench.events("missing-service").pop().unwrap();
    assert_eq!(missing.severity, Severity::Warning);
    assert_eq!(missing.fields["services"], serde_json::json!(["a.two"]));
    assert_eq!(missing.fields["name"], "a.py");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_and_says_why() {
    let bench = Bench::start().await;
    let good = bench.deploy("a.py", "service a.one").await.unwrap();
    bench.engine.take_asked();
    let fault = bench
        .deploy("a.py", "service a.one\nbroken no colon")
        .await
        .unwrap_err();
    assert_eq!(
        (fault.class, fault.side),
        (ErrorClass::Invalid, Side::Caller)
    );
    assert_eq!(&*fault.message, "a.py: line 2: no colon");
    let exception = fault.detail.unwrap().exception.unwrap();
    assert_eq!(exception.frames[0].line, 2);
    assert_eq!(bench.serving("a.one"), Some(good.package));
    let asked = bench.engine.take_asked();
    assert!(matches!(asked.as_slice(), [Asked::Verify(_)]), "{asked:?}");
    let active = bench.odb.packages().active().await.unwrap();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0].id, good.package);
    let event = bench.events("package-rejected").pop().unwrap();
    assert_eq!(event.fields["reason"], "a.py: line 2: no colon");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_breaks_another_is_refused_and_the_other_is_named() {
    let bench = Bench::start().await;
    let library = |files: &[(&str, &str)]| {
        let bytes = archive(files).into();
        let (name, who) = ("library.zip".to_owned(), "ann".to_owned());
        bench.packages.deploy(name, bytes, who)
    };
    // A module without services is a package like others.
    let first = library(&[("base.py", "# classes")]).await.unwrap();
    assert_eq!(first.services, [""; 0]);
    bench
        .deploy("a.py", "service a.one\nneeds base.py")
        .await
        .unwrap();
    let fault = library(&[("moved.py", "# classes")]).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Invalid);
    let told = "with library.zip, package a.py can no longer be loaded";
    assert!(fault.message.starts_with(told), "{fault}");
    let active = bench.odb.packages().active().await.unwrap();
    assert_eq!(active[1].id, first.package);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_again_are_no_new_generation() {
    let bench = Bench::start().await;
    let first = bench.deploy("a.py", "service a.one").await.unwrap();
    bench.engine.take_asked();
    let again = bench.deploy("a.py", "service a.one").await.unwrap();
    assert_eq!(again, first);
    assert_eq!(bench.engine.take_asked(), []);
    assert_eq!(bench.odb.packages().history("a.py").await.unwrap().len(), 1);
    assert_eq!(bench.events("package-deployed").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_others_have_are_a_conflict_that_names_both() {
    let bench = Bench::start().await;
    bench.deploy("a.py", "service shared").await.unwrap();
    let fault = bench.deploy("b.py", "service shared").await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Conflict);
    for named in ["b.py", "taken"] {
        assert!(fault.message.contains(named), "{fault}");
    }
    let fault = bench.deploy("c.py", "service own.ping").await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Conflict);
    for named in ["own.ping", "c.py", "rust"] {
        assert!(fault.message.contains(named), "{fault}");
    }
    let zip = archive(&[("a.py", "service other")]);
    let fault = bench
        .packages
        .deploy("z.zip".to_owned(), zip.into(), "ann".to_owned())
        .await
        .unwrap_err();
    assert_eq!(fault.class, ErrorClass::Conflict);
    for named in ["package a.py", "package z.zip"] {
        assert!(fault.message.contains(named), "{fault}");
    }
    assert_eq!(bench.odb.packages().active().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_sizes_are_checked_before_anything_else() {
    let bench = Bench::start().await;
    for name in ["a.txt", "../a.py", "1a.py", "a-b.py", ""] {
        let fault = bench.deploy(name, "service x").await.unwrap_err();
        assert_eq!(fault.class, ErrorClass::Invalid, "{name}");
    }
    let huge = "#".repeat(PACKAGE_BYTES + 1);
    let fault = bench.deploy("huge.py", &huge).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::TooLarge);
    assert_eq!(bench.engine.take_asked(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_serves_what_is_stored_and_its_static_sources() {
    let bench = Bench::start().await;
    let a = bench.deploy("a.py", "service a.one").await.unwrap();
    let home = bench.stop().await;
    let sources = home.path().join("own");
    std::fs::create_dir_all(sources.join("lib/__pycache__")).unwrap();
    std::fs::write(
        sources.join("own.py"),
        "service own.here\nneeds lib/base.py",
    )
    .unwrap();
    std::fs::write(sources.join("lib/base.py"), "# classes").unwrap();
    std::fs::write(sources.join("lib/__pycache__/x.py"), "broken never read").unwrap();
    std::fs::write(sources.join("bad.py"), "broken always").unwrap();
    let bench = Bench::at(home, vec![sources, "/nowhere/x.py".into()]).await;
    assert_eq!(bench.serving("a.one"), Some(a.package));
    assert_eq!(bench.serving("own.here"), Some(0));
    let faults = bench.packages.status()["static_faults"].to_string();
    for named in ["bad.py", "/nowhere/x.py"] {
        assert!(faults.contains(named), "{faults}");
    }
    // What does not work is not in the way of what does.
    bench
        .deploy("b.py", "service b.one\nneeds own.py")
        .await
        .unwrap();
    let fault = bench.deploy("c.py", "service own.here").await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Conflict, "{fault}");
    let fault = bench.delete("own.here").await.unwrap_err();
    assert!(fault.message.contains("services.static_sources"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_deploys_at_once_are_done_one_by_one_or_refused_as_busy() {
    let bench = Bench::start().await;
    let deploys = (0..100).map(|number| {
        let bench = &bench;
        async move {
            let name = format!("a{number}.py");
            bench.deploy(&name, &format!("service a.{number}")).await
        }
    });
    let outcomes = futures::future::join_all(deploys).await;
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let busy = |fault: &busker_model::Fault| fault.class == ErrorClass::Busy && fault.retry;
    let refused = outcomes
        .iter()
        .filter(|outcome| outcome.as_ref().is_err_and(busy))
        .count();
    assert_eq!(done + refused, 100, "{outcomes:?}");
    assert!(done >= busker_packages::DEPLOYS_WAITING, "{done}");
    assert!(refused > 0, "{done}");
    assert_eq!(bench.odb.packages().active().await.unwrap().len(), done);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_deploy_reads_no_payload_of_the_others() {
    let home = std::sync::Arc::new(Home::new());
    let bench = Bench::at(home, Vec::new()).await;
    for number in 0..5 {
        let text = format!("service a.{number}");
        bench.deploy(&format!("a{number}.py"), &text).await.unwrap();
    }
    // Payloads that are gone from the database are not missed: they are in memory.
    let raw = rusqlite::Connection::open(bench.home.path().join("odb.db")).unwrap();
    raw.execute("UPDATE package SET payload = x'00'", [])
        .unwrap();
    bench.deploy("b.py", "service b.one").await.unwrap();
    bench.deploy("a0.py", "service a.0\n# newer").await.unwrap();
    for number in 0..5 {
        assert!(bench.serving(&format!("a.{number}")).is_some());
    }
}
