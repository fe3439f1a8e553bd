//! Archives: what is taken out of them, and what is not.

use std::io::{Cursor, Write};

use busker_model::{ErrorClass, Fault};
use busker_packages::{Deployed, PACKAGE_FILES, UNPACKED_BYTES};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::bench::Bench;
use crate::engine::Asked;

/// A zip archive of these files.
pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        writer
            .start_file(*path, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

async fn deploy(bench: &Bench, bytes: Vec<u8>) -> Result<Deployed, Fault> {
    bench
        .packages
        .deploy("crm.zip".to_owned(), bytes.into(), "ann".to_owned())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_a_tree_of_modules() {
    let bench = Bench::start().await;
    let bytes = archive(&[
        ("crm/__init__.py", ""),
        ("crm/api.py", "service crm.api\nneeds crm/base.py"),
        ("crm/base.py", "# classes"),
        ("crm/__pycache__/api.cpython-311.pyc", "compiled"),
        ("crm/old.pyc", "compiled"),
    ]);
    let deployed = deploy(&bench, bytes).await.unwrap();
    assert_eq!(deployed.services, ["crm.api"]);
    assert_eq!(bench.serving("crm.api"), Some(deployed.package));
    let asked = bench.engine.take_asked();
    let Some(Asked::Load(_, paths)) = asked.last() else {
        panic!("{asked:?}");
    };
    assert_eq!(paths, &["crm/__init__.py", "crm/api.py", "crm/base.py"]);
    // A node that starts anew unpacks what is stored.
    let bench = Bench::at(bench.stop().await, Vec::new()).await;
    assert_eq!(bench.serving("crm.api"), Some(deployed.package));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_stays_within_its_folder() {
    let bench = Bench::start().await;
    for path in ["../a.py", "/a.py", "a/../../b.py", "a\\b.py", "a//b.py"] {
        let fault = deploy(&bench, archive(&[(path, "service x")]))
            .await
            .unwrap_err();
        assert_eq!(fault.class, ErrorClass::Invalid, "{path}");
        assert!(fault.message.contains("crm.zip"), "{fault}");
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer.add_symlink("a.py", "/etc/passwd", options).unwrap();
    let fault = deploy(&bench, writer.finish().unwrap().into_inner())
        .await
        .unwrap_err();
    assert!(fault.message.contains("is a link"), "{fault}");
    for bytes in [
        b"not an archive".to_vec(),
        archive(&[]),
        archive(&[("a.pyc", "")]),
    ] {
        let fault = deploy(&bench, bytes).await.unwrap_err();
        assert_eq!(fault.class, ErrorClass::Invalid, "{fault}");
    }
    let mut cut = archive(&[("a.py", "service x"), ("b.py", "service y")]);
    cut.truncate(cut.len() - 30);
    assert_eq!(
        deploy(&bench, cut).await.unwrap_err().class,
        ErrorClass::Invalid
    );
    assert_eq!(bench.engine.take_asked(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_cannot_unpack_to_more_than_its_bounds() {
    let bench = Bench::start().await;
    let names: Vec<String> = (0..=PACKAGE_FILES)
        .map(|number| format!("m{number}.py"))
        .collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let fault = deploy(&bench, archive(&many)).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::TooLarge, "{fault}");
    assert!(fault.message.contains("2001 files"), "{fault}");

    let bomb = bomb();
    assert!(bomb.len() < 1_000_000, "{}", bomb.len());
    let fault = deploy(&bench, bomb.clone()).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::TooLarge, "{fault}");
    // One that lies about the size of what it holds is found out by unpacking.
    let fault = deploy(&bench, lying(bomb)).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::TooLarge, "{fault}");
    assert_eq!(bench.engine.take_asked(), []);
}

/// Sizes of two files that together are one byte too many; unlikely to be found in an archive by chance.
fn sizes() -> [u32; 2] {
    let half = u32::try_from(UNPACKED_BYTES / 2).unwrap();
    [half - 239_543, half + 239_544]
}

/// Zeros, which pack well.
fn bomb() -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (path, size) in ["a.py", "b.py"].into_iter().zip(sizes()) {
        writer.start_file(path, options).unwrap();
        let size = usize::try_from(size).unwrap();
        writer.write_all(&vec![0; size]).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same with an unpacked size of 1 in all its headers.
fn lying(mut bytes: Vec<u8>) -> Vec<u8> {
    for size in sizes() {
        let claim = size.to_le_bytes();
        let places: Vec<usize> = (0..bytes.len() - 4)
            .filter(|&at| bytes.get(at..at + 4) == Some(&claim))
            .collect();
        assert_eq!(places.len(), 2, "local and central header");
        for at in places {
            bytes.splice(at..at + 4, 1_u32.to_le_bytes());
        }
    }
    bytes
}
