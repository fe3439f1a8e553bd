//! Completions that a shell takes, and pages of a manual.

use std::process::{Command, Stdio};

use busker_integration_tests::{binary, busker};

#[test]
fn bash_takes_the_completions_and_completes_with_them() {
    let script = busker(&["completions", "bash"]);
    assert_eq!(script.code, 0, "{script:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("busker.bash");
    std::fs::write(&file, &script.stdout).unwrap();
    let ask = "source \"$1\"; COMP_WORDS=(busker cry); COMP_CWORD=1; _busker busker cry busker; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["--norc", "-c", ask, "bash", file.to_str().unwrap()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), "crypto", "{output:?}");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = busker(&["completions", shell]);
        assert!(
            script.code == 0 && script.stdout.contains("crypto"),
            "{shell}: {script:?}"
        );
    }
}

#[test]
fn the_manual_is_one_page_or_a_folder_of_them() {
    let page = busker(&["man"]);
    assert!(
        page.code == 0 && page.stdout.contains(".TH busker"),
        "{page:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let ran = busker(&["man", "--dir", folder.path().to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let page = std::fs::read_to_string(folder.path().join("busker-crypto-rotate.1")).unwrap();
    assert!(page.contains("Example"), "{page}");
}

#[test]
fn a_command_line_that_was_kept_is_run_again_where_it_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(binary())
        .args([
            "--store-config",
            "kept.json",
            "ca",
            "create",
            "authority",
            "pki",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let kept = folder.path().join("kept.json");
    let again = busker(&["from-config", kept.to_str().unwrap()]);
    assert_eq!(again.code, 7, "it is there already: {again:?}");
    std::fs::remove_dir_all(folder.path().join("pki")).unwrap();
    let again = busker(&["from-config", kept.to_str().unwrap()]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(folder.path().join("pki/ca/ca.pem").is_file());
}
