//! With SimpleIO: one declaration is all it takes for every format.

use busker_integration_tests::{Answer, Environment};
use serde_json::json;

use crate::formats::{inside, open, post};

const SOURCE: &str = include_str!("declared.py");
const ALL: [&str; 3] = ["json", "xml", "soap"];
const ORDER_JSON: &str = r#"{"symbol": "GOOG", "customer_id": "0042", "is_new": "yes", "quantity": 3, "price": "1.50",
    "tags": "a,b", "lines": ["x", "y"], "parts": [{"sku": "p", "n": "1"}, {"sku": "q"}], "address": {"city": "K"},
    "since": "2013-06-20T13:05:12+00:00", "order_id": "A7", "ref_id": "R8", "paid": "off", "needs_receipt": "t",
    "undeclared": "left out"}"#;
const ORDER_XML: &str = "<order><symbol>GOOG</symbol><customer_id>0042</customer_id><is_new>yes</is_new>
    <quantity>3</quantity><price>1.50</price><tags>a,b</tags><lines><item>x</item><item>y</item></lines>
    <parts><item_dict><item><key>sku</key><value>p</value></item><item><key>n</key><value>1</value></item></item_dict>
    <item_dict><item><key>sku</key><value>q</value></item></item_dict></parts>
    <address><item><key>city</key><value>K</value></item></address><since>2013-06-20T13:05:12+00:00</since>
    <order_id>A7</order_id><ref_id>R8</ref_id><paid>off</paid><needs_receipt>t</needs_receipt>
    <undeclared>left out</undeclared></order>";
/// Values as Python prints them: every type is what the declaration says.
const SEEN: &str = "address=Bag({'city': 'K'}); copies=1; customer_id=42; is_new=True; lines=['x', 'y']; \
    needs_receipt=True; note=None; order_id='A7'; page_size=None; paid=False; \
    parts=[Bag({'sku': 'p', 'n': '1'}), Bag({'sku': 'q'})]; price=1.5; quantity=3; ref_id='R8'; \
    since='2013-06-20T13:05:12'; symbol='GOOG'; tags=['a', 'b']";

async fn declared(service: &str) -> Environment {
    let environment = Environment::start().await;
    environment.deploy("declared.py", SOURCE).await;
    open(&environment, service, &ALL).await;
    environment
}

/// The content of a response element without `zato_env`, which must be right.
fn content<'a>(format: &str, answer: &'a Answer, element: &str) -> &'a str {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = if format == "soap" {
        inside(answer)
    } else {
        &answer.body
    };
    let cid = answer.header("x-zato-cid");
    let env = format!("<{element}><zato_env><cid>{cid}</cid><result>ZATO_OK</result></zato_env>");
    let end = format!("</{element}>");
    let content = body
        .strip_prefix(&env)
        .and_then(|rest| rest.strip_suffix(&end));
    content.unwrap_or_else(|| panic!("not inside {element}: {answer:?}"))
}

#[tokio::test]
async fn one_declaration_reads_every_type_from_json_xml_and_soap() {
    let environment = declared("declared.read").await;
    let json = post(&environment, "json", "declared.read", ORDER_JSON).await;
    assert_eq!(json.json(), json!({"receipt": {"seen": SEEN}}), "{json:?}");
    for format in ["xml", "soap"] {
        let answer = post(&environment, format, "declared.read", ORDER_XML).await;
        let item = format!("<item><seen>{SEEN}</seen></item>");
        assert_eq!(content(format, &answer, "receipt"), item);
    }
}

#[tokio::test]
async fn what_is_missing_or_of_a_wrong_type_is_named_in_every_format() {
    let environment = declared("declared.read").await;
    let bad = [
        (
            "json",
            r#"{"symbol": "GOOG", "customer_id": "x", "is_new": 1, "price": 1}"#,
        ),
        (
            "xml",
            "<order><symbol>GOOG</symbol><customer_id>x</customer_id><is_new>1</is_new><price>1</price></order>",
        ),
        (
            "soap",
            "<order><symbol>GOOG</symbol><customer_id>x</customer_id><is_new>1</is_new><price>1</price></order>",
        ),
    ];
    for (format, body) in bad {
        let answer = post(&environment, format, "declared.read", body).await;
        // SOAP 1.1 has one status for all faults.
        let status = if format == "soap" { 500 } else { 400 };
        assert_eq!(answer.status, status, "{answer:?}");
        for field in ["customer_id", "quantity"] {
            assert!(answer.body.contains(field), "{field}: {answer:?}");
        }
        assert!(!answer.body.contains("is_new"), "{answer:?}");
        let cid = answer.header("x-zato-cid");
        assert!(answer.body.contains(cid), "{answer:?}");
    }
}

#[tokio::test]
async fn one_declaration_writes_every_type_to_json_xml_and_soap() {
    let environment = declared("declared.write").await;
    let json = post(&environment, "json", "declared.write", "{}").await;
    let receipt = json!({
        "symbol": "GOOG & Söhne", "customer_id": 42, "is_new": true, "tags": "a,b", "lines": ["x", "y"],
        "parts": [{"sku": "p"}, {"sku": "q"}], "address": {"city": "Köln"}, "price": 1.5, "missing": ""
    });
    assert_eq!(json.json(), json!({"receipt": receipt}), "{json:?}");
    let item = "<item><symbol>GOOG &amp; Söhne</symbol><customer_id>42</customer_id><is_new>true</is_new>\
        <tags>a,b</tags><lines><item>x</item><item>y</item></lines>\
        <parts><dict><item><key>sku</key><value>p</value></item></dict>\
        <dict><item><key>sku</key><value>q</value></item></dict></parts>\
        <address><item><key>city</key><value>Köln</value></item></address><price>1.50</price><missing/></item>";
    for format in ["xml", "soap"] {
        let answer = post(&environment, format, "declared.write", "<r/>").await;
        assert_eq!(content(format, &answer, "receipt"), item);
    }
}

#[tokio::test]
async fn what_is_appended_is_a_list_of_any_length() {
    let environment = declared("declared.many").await;
    for many in [0, 1, 3] {
        let body = format!("{{\"many\": {many}}}");
        let json = post(&environment, "json", "declared.many", &body).await;
        let items: Vec<_> = (0..many).map(|id| json!({"id": id})).collect();
        assert_eq!(json.json(), json!({"receipts": items}), "{json:?}");
        let items: String = (0..many)
            .map(|id| format!("<item><id>{id}</id></item>"))
            .collect();
        let list = format!("<item_list>{items}</item_list>");
        for format in ["xml", "soap"] {
            let body = format!("<r><many>{many}</many></r>");
            let answer = post(&environment, format, "declared.many", &body).await;
            assert_eq!(content(format, &answer, "receipts"), list);
        }
    }
}

#[tokio::test]
async fn a_base_class_in_another_module_is_inherited_with_its_declaration_and_hooks() {
    let environment = Environment::start().await;
    environment.deploy("base.py", include_str!("base.py")).await;
    environment
        .deploy("child.py", include_str!("child.py"))
        .await;
    open(&environment, "child.upper", &ALL).await;
    let json = post(&environment, "json", "child.upper", r#"{"word": "a"}"#).await;
    let answer = json!({"response": {"answer": "inherited A"}});
    assert_eq!(json.json(), answer, "{json:?}");
    for format in ["xml", "soap"] {
        let answer = post(&environment, format, "child.upper", "<r><word>a</word></r>").await;
        let item = "<item><answer>inherited A</answer></item>";
        assert_eq!(content(format, &answer, "response"), item);
    }
    let missing = post(&environment, "json", "child.upper", "{}").await;
    assert_eq!(missing.status, 400, "{missing:?}");
}
