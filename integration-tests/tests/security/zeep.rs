//! zeep, with a UsernameToken.

use std::process::Command;

use busker_integration_tests::{own_file, succeeded, venv};
use serde_json::{Value, json};

/// A definition for zeep, whose tokens in clear text have no nonce.
pub(crate) fn settings(mode: &str) -> Value {
    let is_digest = mode == "digest";
    json!({
        "username": "trader", "password": "s3cret & more", "reject_empty_nonce_creat": is_digest,
        "password_type": if is_digest { "digest" } else { "clear_text" },
    })
}

/// The channel that the WSDL is about.
pub(crate) fn channel() -> Value {
    json!({
        "url_path": "/market", "service": "market.quote", "transport": "soap", "security": "bank",
        "soap_action": "urn:market:quote",
    })
}

/// What zeep got of the channel at that address.
pub(crate) async fn calls(address: &str, port: &str, mode: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let wsdl = folder.path().join("market.wsdl");
    let text = include_str!("../clients/market.wsdl").replace("ADDRESS", address);
    std::fs::write(&wsdl, text).unwrap();
    let script = own_file("tests/security/zeep_wss.py");
    let arguments = [port, "trader", "s3cret & more", mode].map(str::to_owned);
    let run = move || {
        let mut command = Command::new(venv("zeep", &["zeep"]).join("python3"));
        command.arg(script).arg(wsdl).args(arguments).output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    serde_json::from_str(&succeeded(&output)).unwrap()
}
