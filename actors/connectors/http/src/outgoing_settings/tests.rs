use serde_json::Value;

use super::*;

fn read(settings: &Value) -> Result<OutgoingSettings, Vec<Violation>> {
    Kind::read(settings)
}

fn fields(settings: &Value) -> Vec<String> {
    let faults = read(settings).unwrap_err();
    faults.into_iter().map(|fault| fault.field).collect()
}

#[test]
fn an_address_is_enough() {
    let read = read(&json!({"address": "https://crm.example.com:8443/base"})).unwrap();
    assert_eq!(
        (read.timeout_ms, read.connect_timeout_ms, read.pool_size),
        (10_000, 3_000, 64)
    );
    assert_eq!(
        (read.max_response_bytes, read.retries),
        (16 * 1024 * 1024, 2)
    );
    assert_eq!(
        (read.follow_redirects, read.allow_link_local),
        (false, false)
    );
    assert_eq!((read.breaker.failures, read.breaker.open_ms), (5, 10_000));
    assert_eq!(
        (read.group(), read.format()),
        ("plain_http", DataFormat::Json)
    );
}

#[test]
fn every_fault_is_listed_with_its_field() {
    let wrong = json!({
        "address": "ftp://me:secret@host?x=1", "ca_pem": "no", "url_path": "a b", "method": "get", "ping_method": "",
        "soap_action": "x", "timeout_ms": 0, "connect_timeout_ms": 3_600_001, "pool_size": 0,
        "max_response_bytes": 0, "retries": 11, "breaker": {"failures": 0, "open_ms": 0, "window_ms": 0},
    });
    let expected = [
        "address",
        "address",
        "address",
        "ca_pem",
        "url_path",
        "url_path",
        "method",
        "ping_method",
        "soap_action",
        "timeout_ms",
        "connect_timeout_ms",
        "pool_size",
        "max_response_bytes",
        "retries",
        "breaker.failures",
        "breaker.open_ms",
        "breaker.window_ms",
    ];
    assert_eq!(
        fields(&wrong),
        expected.map(|field| format!("settings.{field}"))
    );
}

#[test]
fn soap_is_xml_and_its_own_group() {
    let soap = json!({"address": "http://h", "transport": "soap", "soap_action": "urn:get", "soap_version": "1.2"});
    let read = read(&soap).unwrap();
    assert_eq!(
        (read.group(), read.format(), read.soap_version),
        ("soap", DataFormat::Xml, SoapVersion::V12)
    );
    let json = json!({"address": "http://h", "transport": "soap", "data_format": "json"});
    assert_eq!(fields(&json), ["settings.data_format"]);
}

#[test]
fn a_link_local_address_needs_to_be_allowed() {
    let mut settings = json!({"address": "http://169.254.169.254"});
    assert_eq!(fields(&settings), ["settings.address"]);
    settings["allow_link_local"] = json!(true);
    assert!(read(&settings).is_ok());
}

#[test]
fn credentials_in_an_address_are_not_repeated_in_the_fault() {
    let faults = read(&json!({"address": "http://me:hunter2@host"})).unwrap_err();
    assert!(!format!("{faults:?}").contains("hunter2"), "{faults:?}");
}

#[test]
fn the_security_definition_must_exist() {
    let read = read(&json!({"address": "http://h", "security": "crm"})).unwrap();
    let references = read.references();
    assert_eq!(
        (references[0].name.as_str(), references[0].required),
        ("crm", true)
    );
}
