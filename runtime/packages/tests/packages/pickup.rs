//! The pickup folder, with real files and real notices of the kernel.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use busker_kit::clock;
use busker_model::ActorState;
use busker_model::event::Severity;
use busker_packages::{PICKUP_USER, STABLE_FOR};

use crate::bench::Bench;

/// Long enough for a file to be found whole and deployed, if it were going to be.
const A_WHILE: Duration = Duration::from_millis(700);

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_dropped_is_deployed() {
    let bench = Bench::start().await;
    let dropped = clock::now();
    bench.drop_file("a.py", "service a.one");
    bench.until_serving("a.one").await;
    let took = dropped.elapsed();
    assert!(took >= STABLE_FOR, "{took:?}");
    assert!(
        took < Duration::from_secs(5),
        "a notice led to it, not the rescan: {took:?}"
    );
    let active = bench.odb.packages().active().await.unwrap();
    assert_eq!(active[0].uploaded_by, PICKUP_USER);
    // A newer one replaces it; taking it away undeploys nothing.
    bench.drop_file("a.py", "service a.one\nservice a.two");
    bench.until_serving("a.two").await;
    fs::remove_file(bench.home.pickup().join("a.py")).unwrap();
    tokio::time::sleep(A_WHILE).await;
    assert!(bench.serving("a.two").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_written_in_two_halves_is_deployed_once_and_whole() {
    let bench = Bench::start().await;
    let path = bench.home.pickup().join("a.py");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"service a.one\n").unwrap();
    tokio::time::sleep(STABLE_FOR / 2).await;
    file.write_all(b"service a.two\n").unwrap();
    drop(file);
    bench.until_serving("a.two").await;
    let history = bench.odb.packages().history("a.py").await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].services, ["a.one", "a.two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_is_named_once_and_not_tried_again_until_it_changes() {
    let bench = Bench::start().await;
    bench.drop_file("a.py", "service a.one\nbroken no colon");
    bench
        .until("refused", async || {
            !bench.events("package-rejected").is_empty()
        })
        .await;
    let event = bench.events("package-rejected").pop().unwrap();
    assert_eq!(event.severity, Severity::Error);
    assert_eq!(event.fields["reason"], "a.py: line 2: no colon");
    assert_eq!(event.fields["who"], PICKUP_USER);
    bench.engine.take_asked();
    // A look at the folder for another file does not try it again.
    bench.drop_file("b.py", "service b.one");
    bench.until_serving("b.one").await;
    assert_eq!(bench.events("package-rejected").len(), 1);
    bench.drop_file("a.py", "service a.one");
    bench.until_serving("a.one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_need_each_other_may_be_dropped_in_any_order() {
    let bench = Bench::start().await;
    bench.drop_file("a.py", "service a.one\nneeds b.py");
    bench.drop_file("b.py", "service b.one\nneeds c.py");
    bench.drop_file("bad.py", "broken for ever");
    bench.drop_file("c.py", "service c.one");
    for service in ["a.one", "b.one", "c.one"] {
        bench.until_serving(service).await;
    }
    bench
        .until("refused", async || {
            !bench.events("package-rejected").is_empty()
        })
        .await;
    let refused = bench.events("package-rejected");
    assert_eq!(
        refused.len(),
        1,
        "those that got in later were not refused: {refused:?}"
    );
    assert_eq!(refused[0].fields["name"], "bad.py");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_plain_files_with_the_right_ending_are_taken() {
    let bench = Bench::start().await;
    let pickup = bench.home.pickup();
    for name in [".a.py", "a.py~", "a.py.partial", "a.txt"] {
        bench.drop_file(name, "service hidden.one");
    }
    fs::create_dir(pickup.join("folder.py")).unwrap();
    let outside = bench.home.path().join("outside.py");
    fs::write(&outside, "service outside.one").unwrap();
    std::os::unix::fs::symlink(&outside, pickup.join("link.py")).unwrap();
    bench.drop_file("b.py", "service b.one");
    bench.until_serving("b.one").await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(bench.odb.packages().active().await.unwrap().len(), 1);
    // A rename is how a careful writer finishes.
    fs::rename(pickup.join("a.py.partial"), pickup.join("a.py")).unwrap();
    bench.until_serving("hidden.one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_deploys_nothing_again() {
    let bench = Bench::start().await;
    bench.drop_file("a.py", "service a.one");
    bench.until_serving("a.one").await;
    let bench = Bench::at(bench.stop().await, Vec::new()).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(bench.odb.packages().history("a.py").await.unwrap().len(), 1);
    // A newer version by the API is not undone by the file that still lies there, nor is a delete.
    let newer = bench
        .deploy("a.py", "service a.one\n# by hand")
        .await
        .unwrap();
    let bench = Bench::at(bench.stop().await, Vec::new()).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(bench.serving("a.one"), Some(newer.package));
    bench.delete("a.one").await.unwrap();
    let bench = Bench::at(bench.stop().await, Vec::new()).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(bench.serving("a.one"), None);
    // Dropped anew, it is meant.
    bench.drop_file("a.py", "service a.one");
    bench.until_serving("a.one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_dropped_while_the_node_was_down_is_deployed_at_boot() {
    let bench = Bench::start().await;
    bench.drop_file("a.py", "service a.one");
    bench.until_serving("a.one").await;
    bench.deploy("a.py", "service a.two").await.unwrap();
    let home = bench.stop().await;
    let path = home.pickup().join("a.py");
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    // The same bytes, but touched: whoever did it wants them.
    let later = UNIX_EPOCH + Duration::from_millis(u64::try_from(clock::unix_ms()).unwrap() + 1000);
    file.set_times(FileTimes::new().set_modified(later))
        .unwrap();
    fs::write(home.pickup().join("b.py"), "service b.one").unwrap();
    let bench = Bench::at(home, Vec::new()).await;
    bench.until_serving("a.one").await;
    bench.until_serving("b.one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_and_comes_back_is_watched_again() {
    let bench = Bench::start().await;
    let pickup = bench.home.pickup();
    fs::remove_dir(&pickup).unwrap();
    bench
        .until("degraded", async || {
            bench.actor("pickup").state == ActorState::Degraded
        })
        .await;
    fs::create_dir(&pickup).unwrap();
    bench
        .until("running", async || {
            bench.actor("pickup").state == ActorState::Running
        })
        .await;
    bench.drop_file("a.py", "service a.one");
    bench.until_serving("a.one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_waits_while_the_node_cannot_take_it() {
    let bench = Bench::start().await;
    bench.engine.set_away(true);
    bench.drop_file("a.py", "service a.one");
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(
        bench.events("package-rejected"),
        [],
        "nothing is wrong with the file"
    );
    bench.engine.set_away(false);
    // Nothing in the folder changes: it is tried again by itself, some seconds later.
    let end = clock::now() + Duration::from_secs(15);
    while bench.serving("a.one").is_none() {
        assert!(clock::now() < end);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
