//! The typed face: dataclasses in and out over every format.

use busker_integration_tests::Environment;
use serde_json::json;

use crate::formats::{inside, open, post};

const SOURCE: &str = include_str!("shop.py");
const ALL: [&str; 3] = ["json", "xml", "soap"];

async fn shop(service: &str) -> Environment {
    let environment = Environment::start().await;
    environment.deploy("shop.py", SOURCE).await;
    open(&environment, service, &ALL).await;
    environment
}

fn order_xml(lines: &str) -> String {
    format!(
        "<order><customer_id>7</customer_id><side>buy</side><due>2026-11-24</due><urgent>true</urgent>{lines}\
         <tags><item>t</item></tags></order>"
    )
}

fn line(sku: &str) -> String {
    format!("<sku>{sku}</sku><count>2</count><price>1.10</price>")
}

#[tokio::test]
async fn dataclasses_are_read_and_written_alike_in_json_xml_and_soap() {
    let environment = shop("shop.order").await;
    let order = json!({
        "customer_id": 7, "side": "buy", "due": "2026-11-24", "urgent": true, "tags": ["t"],
        "lines": [{"sku": "a", "count": 2, "price": "1.10"}, {"sku": "b", "count": 2, "price": "1.10"}]
    });
    let answer = post(&environment, "json", "shop.order", &order.to_string()).await;
    let receipt = json!({
        "customer_id": 7, "total": "4.40", "due": "2026-11-24", "urgent": true, "skus": ["a", "b", "t"],
        "lines": order["lines"], "note": null
    });
    assert_eq!((answer.status, answer.json()), (200, receipt), "{answer:?}");

    // The shapes that XML has for a list: items inside an element, or the element repeated.
    let items = format!(
        "<lines><item>{}</item><item>{}</item></lines>",
        line("a"),
        line("b")
    );
    let repeated = format!("<lines>{}</lines><lines>{}</lines>", line("a"), line("b"));
    let lines = format!(
        "<lines><item>{}</item><item>{}</item></lines>",
        line("a"),
        line("b")
    );
    let skus = "<skus><item>a</item><item>b</item><item>t</item></skus>";
    for format in ["xml", "soap"] {
        for sent in [&items, &repeated] {
            let answer = post(&environment, format, "shop.order", &order_xml(sent)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            for part in [
                "<customer_id>7</customer_id>",
                "<total>4.40</total>",
                "<due>2026-11-24</due>",
                "<urgent>true</urgent>",
                skus,
                &lines,
            ] {
                assert!(answer.body.contains(part), "{part}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_list_of_one_is_a_list() {
    let environment = shop("shop.order").await;
    for lines in [
        format!("<lines><item>{}</item></lines>", line("a")),
        format!("<lines>{}</lines>", line("a")),
    ] {
        let answer = post(&environment, "xml", "shop.order", &order_xml(&lines)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("<total>2.20</total>"), "{answer:?}");
    }
    let none = post(&environment, "xml", "shop.order", &order_xml("<lines/>")).await;
    assert!(none.body.contains("<total>0</total>"), "{none:?}");
}

#[tokio::test]
async fn every_fault_of_the_input_is_named_with_its_path() {
    let environment = shop("shop.order").await;
    let json = json!({
        "customer_id": 7, "side": "hold", "due": "2026-11-24", "urgent": true,
        "lines": [{"sku": "a", "count": "many", "price": "1.10"}]
    });
    let line = "<lines><sku>a</sku><count>many</count><price>1.10</price></lines>";
    let xml = order_xml(line).replace("buy", "hold");
    for (format, body, status) in [
        ("json", json.to_string(), 400),
        ("xml", xml.clone(), 400),
        ("soap", xml, 500),
    ] {
        let answer = post(&environment, format, "shop.order", &body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        for field in ["lines.0.count", "side"] {
            assert!(answer.body.contains(field), "{field}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn lists_come_and_go_and_services_invoke_each_other_with_their_types() {
    let environment = shop("shop.greet-all").await;
    let names = r#"[{"name": "a"}, {"name": "b"}]"#;
    let json = post(&environment, "json", "shop.greet-all", names).await;
    let greetings = json!([{"text": "hello a"}, {"text": "hello b"}]);
    assert_eq!((json.status, json.json()), (200, greetings), "{json:?}");
    let xml = "<names><item><name>a</name></item><item><name>b</name></item></names>";
    let soap = post(&environment, "soap", "shop.greet-all", xml).await;
    assert_eq!(soap.status, 200, "{soap:?}");
    for text in ["<text>hello a</text>", "<text>hello b</text>"] {
        assert!(inside(&soap).contains(text), "{soap:?}");
    }
    let taken = post(
        &environment,
        "json",
        "shop.greet-all",
        r#"[{"name": "taken"}]"#,
    )
    .await;
    assert_eq!(taken.status, 409, "{taken:?}");
    assert_eq!(taken.json()["detail"], "that name is taken");
}

#[tokio::test]
async fn a_rust_type_with_a_list_is_read_alike_from_json_xml_and_soap() {
    let environment = Environment::start().await;
    open(&environment, "samples.order-total", &ALL).await;
    let line = |quantity: &str| {
        format!("<article>a</article><quantity>{quantity}</quantity><price>0.10</price>")
    };
    let total = r#"{"net":"0.60","tax":"0.11","gross":"0.71","pieces":6}"#;
    let json = r#"{"lines":[{"article":"a","quantity":3,"price":"0.10"},{"article":"a","quantity":"3","price":"0.10"}],"tax_percent":"19"}"#;
    let answer = post(&environment, "json", "samples.order-total", json).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, total),
        "{answer:?}"
    );
    for format in ["xml", "soap"] {
        let two = format!("<lines><item>{0}</item><item>{0}</item></lines>", line("3"));
        let sent = format!("<order>{two}<tax_percent>19</tax_percent></order>");
        let answer = post(&environment, format, "samples.order-total", &sent).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("<gross>0.71</gross>"), "{answer:?}");
        let wrong = format!("<order><lines>{}</lines></order>", line("many"));
        let answer = post(&environment, format, "samples.order-total", &wrong).await;
        assert!(answer.body.contains("lines.0.quantity"), "{answer:?}");
    }
}
