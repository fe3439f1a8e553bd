//! The samples as a gate runs them, with a provider of rates that the test plays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_model::invocation::ReplyBody;
use busker_model::{
    Cid, ErrorClass, Fault, Reply, Request, ServiceDefinition, ServiceName, Transport,
};
use busker_service::ports::{
    AsyncOptions, Invoker, NoDictionaries, NoKeyValue, OutgoingHttp, Ports,
};
use busker_service::{BoxFuture, Context, HttpAnswer, HttpCall, Ping, Registry};
use bytes::Bytes;

/// Answers every request with one status and body.
#[derive(Debug)]
struct Provider(u16, &'static str);

impl OutgoingHttp for Provider {
    fn send(
        &self,
        connection: &str,
        _transport: Transport,
        call: HttpCall,
    ) -> BoxFuture<'static, Result<HttpAnswer, Fault>> {
        assert_eq!(connection, crate::RATES_CONNECTION);
        assert_eq!(call.query[0], ("from".to_owned(), "EUR".to_owned()));
        let answer = HttpAnswer {
            status: self.0,
            headers: Vec::new(),
            body: Bytes::from_static(self.1.as_bytes()),
        };
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn ping(&self, _: &str, _: Transport) -> BoxFuture<'static, Result<Ping, Fault>> {
        unreachable!("no sample pings")
    }
}

#[derive(Debug)]
struct Alone;

impl Invoker for Alone {
    fn invoke(&self, _: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        unreachable!("no sample invokes another")
    }

    fn invoke_async(&self, _: Request, _: AsyncOptions) -> BoxFuture<'static, Result<Cid, Fault>> {
        unreachable!("no sample invokes another")
    }

    fn definition(&self, _: &str) -> Option<Arc<ServiceDefinition>> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a deadline that never passes needs no clock port"
)]
async fn run(service: &str, payload: &str, provider: Provider) -> Result<String, Fault> {
    let mut registry = Registry::default();
    crate::register(&mut registry).unwrap();
    let runners = registry.into_runners();
    let found = runners
        .iter()
        .find(|runner| runner.definition().name.as_str() == service);
    let ports = Ports {
        invoker: Arc::new(Alone),
        http: Arc::new(provider),
        key_value: Arc::new(NoKeyValue),
        dictionaries: Arc::new(NoDictionaries),
        cluster: "c".into(),
        node: "node1".into(),
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let name = ServiceName::new(service).unwrap();
    let request = Request::json(name, Bytes::from(payload.to_owned()), deadline);
    let reply = found
        .unwrap()
        .run(Context::new(request, Arc::new(ports)))
        .await?;
    Ok(match reply.body {
        ReplyBody::Empty => String::new(),
        ReplyBody::Json(bytes) | ReplyBody::Raw(bytes) => {
            String::from_utf8(bytes.to_vec()).unwrap()
        }
    })
}

const NOBODY: Provider = Provider(500, "");

#[tokio::test]
async fn echo_changes_no_byte() {
    let payload = r#"{"b": 1.10,  "a": 12345678901234567890123}"#;
    assert_eq!(run("echo", payload, NOBODY).await.unwrap(), payload);
    assert_eq!(run("input-logger", payload, NOBODY).await.unwrap(), "");
}

#[tokio::test]
async fn the_typed_echo_counts_characters() {
    let answer = run("samples.echo", r#"{"text":"Grüße"}"#, NOBODY).await;
    assert_eq!(answer.unwrap(), r#"{"text":"Grüße","length":5}"#);
    let fault = run("samples.echo", "{}", NOBODY).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Invalid);
    assert!(fault.message.contains("text"), "{fault}");
}

#[tokio::test]
async fn a_conversion_uses_the_rate_of_the_provider() {
    let wanted = r#"{"amount":"10.01","from":"eur","to":"USD"}"#;
    let answer = run(
        "samples.currency-convert",
        wanted,
        Provider(200, r#"{"rate":"1.0854"}"#),
    )
    .await;
    assert_eq!(
        answer.unwrap(),
        r#"{"amount":"10.86","currency":"USD","rate":"1.0854"}"#
    );
    let unknown = run("samples.currency-convert", wanted, Provider(404, ""))
        .await
        .unwrap_err();
    assert_eq!(unknown.class, ErrorClass::NotFound);
    let away = run("samples.currency-convert", wanted, Provider(503, ""))
        .await
        .unwrap_err();
    assert_eq!(away.class, ErrorClass::Unavailable);
    let odd = run(
        "samples.currency-convert",
        wanted,
        Provider(200, r#"{"rate":"a lot"}"#),
    )
    .await;
    assert!(!odd.unwrap_err().retry);
}

#[tokio::test]
async fn every_wrong_field_of_a_conversion_is_named() {
    let wrong = r#"{"amount":"ten","from":"EURO","to":"$"}"#;
    let fault = run("samples.currency-convert", wrong, NOBODY)
        .await
        .unwrap_err();
    for field in ["amount:", "from:", "to:"] {
        assert!(fault.message.contains(field), "{fault}");
    }
}

#[tokio::test]
async fn an_order_adds_up_without_rounding_errors() {
    let order = r#"{"lines":[{"article":"a","quantity":3,"price":"0.10"},{"article":"b","quantity":1,"price":"19.99"}],"tax_percent":"19"}"#;
    let total = run("samples.order-total", order, NOBODY).await.unwrap();
    assert_eq!(
        total,
        r#"{"net":"20.29","tax":"3.86","gross":"24.15","pieces":4}"#
    );
    let wrong = r#"{"lines":[{"article":"a","quantity":3,"price":"-1"}],"tax_percent":"much"}"#;
    let fault = run("samples.order-total", wrong, NOBODY).await.unwrap_err();
    assert!(
        fault.message.contains("lines.0.price") && fault.message.contains("tax_percent"),
        "{fault}"
    );
}

#[tokio::test]
async fn an_order_out_of_xml_is_read_as_one_out_of_json() {
    let line = r#"{"article":"a","quantity":"3","price":"0.10"}"#;
    for lines in [
        format!(r#"{{"item":[{line},{line}]}}"#),
        format!("[{line},{line}]"),
    ] {
        let order = format!(r#"{{"lines":{lines},"tax_percent":"19"}}"#);
        let total = run("samples.order-total", &order, NOBODY).await.unwrap();
        assert!(total.contains(r#""pieces":6"#), "{total}");
    }
    let order = format!(r#"{{"lines":[{}]}}"#, line.replace("\"3\"", "\"many\""));
    let fault = run("samples.order-total", &order, NOBODY)
        .await
        .unwrap_err();
    assert!(fault.message.contains("lines.0.quantity"), "{fault}");
}

#[tokio::test]
async fn a_currency_without_a_translation_is_named() {
    let payload = r#"{"currency":"XXX"}"#;
    let fault = run("samples.currency-code", payload, NOBODY).await;
    let fault = fault.unwrap_err();
    assert_eq!(fault.class, ErrorClass::NotFound);
    assert!(fault.message.contains("\"XXX\""), "{fault}");
}
