//! The service of the article, byte for byte as it was published, deployed by copying it and called in every way.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

use std::time::{Duration, Instant};

use busker_integration_tests::{Environment, Peer, PeerAnswer, until};
use serde_json::{Value, json};

const SOURCE: &[u8] = include_bytes!("../../runtime/python/package/tests/services/stockmarket.py");
const SERVICE: &str = "stockmarket.get-market-cap";
const SYMBOL: &str = r#"{"symbol":"GOOG"}"#;
const SOAP: &str = r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">
<soapenv:Body><request><symbol>GOOG</symbol></request></soapenv:Body></soapenv:Envelope>"#;

fn yahoo() -> PeerAnswer {
    let quote = json!({"query": {"results": {"quote": {"MarketCapitalization": "298.8B"}}}});
    PeerAnswer::ok("application/json", quote.to_string())
}

fn google() -> PeerAnswer {
    let text =
        r#"<xml_api_reply><finance><market_cap data="298815.05"/></finance></xml_api_reply>"#;
    PeerAnswer::ok("text/xml", text)
}

struct Market {
    environment: Environment,
    yahoo: Peer,
    google: Peer,
}

/// A node with the service, both connections and two channels behind Basic Auth.
async fn market() -> Market {
    let environment = Environment::start().await;
    let (yahoo, google) = (Peer::start(|_| yahoo()), Peer::start(|_| google()));
    environment
        .add_outgoing(
            "Yahoo! YQL",
            json!({"address": yahoo.address, "url_path": "/v1/public/yql"}),
        )
        .await;
    environment
        .add_outgoing(
            "Google Finance",
            json!({"address": google.address, "url_path": "/ig/api"}),
        )
        .await;
    environment.drop_file("stockmarket.py", SOURCE);
    environment.service(SERVICE).await;
    environment
        .add_basic_auth("market", "trader", "s3cret")
        .await;
    let channel = |transport: &str| json!({"url_path": format!("/{transport}"), "service": SERVICE, "transport": transport, "security": "market"});
    environment
        .add_channel("plain", channel("plain_http"))
        .await;
    environment.add_channel("soap", channel("soap")).await;
    Market {
        environment,
        yahoo,
        google,
    }
}

fn caps(answer: &Value) -> Vec<(String, String)> {
    let items = answer["market_cap"].as_array().unwrap();
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    items
        .iter()
        .map(|item| (text(item, "provider"), text(item, "value")))
        .collect()
}

fn expected() -> Vec<(String, String)> {
    vec![
        ("Yahoo!".into(), "298.8".into()),
        ("Google".into(), "298.81505".into()),
    ]
}

#[tokio::test]
async fn a_copied_file_is_live_within_a_second_and_logs_the_line_of_the_article() {
    let environment = Environment::start().await;
    let copied = Instant::now();
    environment.drop_file("stockmarket.py", SOURCE);
    environment.service(SERVICE).await;
    let took = copied.elapsed();
    let line = environment
        .log()
        .lines()
        .find(|line| line.contains("Uploaded package id:["))
        .unwrap()
        .to_owned();
    assert!(line.ends_with("payload_name:[stockmarket.py]"), "{line}");
    println!("copied to live: {took:?}");
    // A bound, not a measurement: these machines are noisy.
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn the_command_line_gets_the_articles_answers() {
    let market = market().await;
    let environment = &market.environment;
    let json = environment.must(&["service", "invoke"], &[SERVICE, "--payload", SYMBOL]);
    assert_eq!(
        caps(&serde_json::from_str(&json).unwrap()),
        expected(),
        "{json}"
    );
    let xml = [
        "--payload",
        SOAP,
        "--data-format",
        "xml",
        "--transport",
        "soap",
    ];
    let xml = environment.must(&["service", "invoke"], &[&[SERVICE], &xml[..]].concat());
    for part in [
        "<cid>K",
        "<result>ZATO_OK</result>",
        "<value>298.8</value>",
        "<value>298.81505</value>",
    ] {
        assert!(xml.contains(part), "{part} in {xml}");
    }
    let asked = market.yahoo.seen();
    assert!(
        asked[0].target.contains("yahoo.finance.quotes") && asked[0].target.contains("GOOG"),
        "{asked:?}"
    );
    assert!(asked[0].header("x-zato-cid").starts_with('K'), "{asked:?}");
    assert!(market.google.seen()[0].target.contains("stock=GOOG"));
}

#[tokio::test]
async fn channels_with_basic_auth_answer_in_json_and_soap() {
    let market = market().await;
    let environment = &market.environment;
    let plain = environment
        .http
        .post(environment.channel("/plain_http"))
        .body(SYMBOL);
    let answer = environment
        .send(plain.basic_auth("trader", Some("s3cret")))
        .await;
    assert_eq!(
        (answer.status, caps(&answer.json())),
        (200, expected()),
        "{answer:?}"
    );
    let soap = environment
        .http
        .post(environment.channel("/soap"))
        .body(SOAP);
    let answer = environment
        .send(soap.basic_auth("trader", Some("s3cret")))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.body.contains("<value>298.81505</value>"),
        "{answer:?}"
    );
    let wrong = environment
        .http
        .post(environment.channel("/plain_http"))
        .body(SYMBOL);
    let answer = environment
        .send(wrong.basic_auth("trader", Some("wrong")))
        .await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), "Basic realm=\"test\"");
}

#[tokio::test]
async fn what_goes_wrong_is_said_clearly_with_the_cid() {
    let market = market().await;
    let environment = &market.environment;
    let ask = |body: &'static str| {
        let request = environment
            .http
            .post(environment.channel("/plain_http"))
            .body(body);
        environment.send(request.basic_auth("trader", Some("s3cret")))
    };
    let told = |answer: &busker_integration_tests::Answer| {
        assert_eq!(
            answer.json()["cid"],
            answer.header("x-busker-cid"),
            "{answer:?}"
        );
        assert!(!answer.body.contains("Traceback"), "{answer:?}");
    };
    let missing = ask("{}").await;
    assert_eq!(missing.status, 400, "{missing:?}");
    assert!(missing.body.contains("symbol"), "{missing:?}");
    told(&missing);

    // A symbol that neither knows: both answer without a quote.
    market.yahoo.answer_with(|_| {
        PeerAnswer::ok(
            "application/json",
            r#"{"query":{"results":{"quote":null}}}"#,
        )
    });
    market
        .google
        .answer_with(|_| PeerAnswer::ok("text/xml", "<xml_api_reply><finance/></xml_api_reply>"));
    let unknown = ask(r#"{"symbol":"NOPE"}"#).await;
    let nothing = vec![
        ("Yahoo!".to_owned(), "n/a".to_owned()),
        ("Google".to_owned(), "n/a".to_owned()),
    ];
    assert_eq!(
        (unknown.status, caps(&unknown.json())),
        (200, nothing),
        "{unknown:?}"
    );

    market
        .google
        .answer_with(|_| google().after(Duration::from_secs(30)));
    let short = json!({"name": "Google Finance", "settings": {
        "address": market.google.address, "url_path": "/ig/api", "timeout_ms": 300
    }});
    environment.ok("busker.outgoing.http.edit", short).await;
    let slow = until("the shorter timeout", Duration::from_secs(30), || async {
        let began = Instant::now();
        let answer = ask(SYMBOL).await;
        (began.elapsed() < Duration::from_secs(5)).then_some(answer)
    })
    .await;
    assert_eq!(slow.status, 504, "{slow:?}");
    told(&slow);

    drop(market.yahoo);
    let down = until("the peer to be down", Duration::from_secs(10), || async {
        let answer = ask(SYMBOL).await;
        (answer.status != 504).then_some(answer)
    })
    .await;
    assert_eq!(down.status, 502, "{down:?}");
    told(&down);
}
