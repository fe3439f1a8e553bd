//! Bodies made to cost much: each is refused, or read, within a bound of time, and the node grows by no more than a bound.

use std::time::Duration;

use busker_integration_tests::Environment;
use busker_kit::clock;

use crate::bodies::{MAX_BODY_BYTES, envelope};
use crate::mount;
use crate::table::Shape::{Json, Soap11, Xml};
use crate::table::{ask, post, told};

/// Longest answer to any of them. Most take a few milliseconds; quadratic readers take minutes.
const WITHIN: Duration = Duration::from_secs(3);
/// What the node may have grown by after all of them, in KiB.
const GROWTH_KIB: u64 = 150 * 1024;

/// As many of something as a body may hold.
fn filled(before: &str, part: impl Fn(usize) -> String, after: &str) -> String {
    let mut body = before.to_owned();
    let mut number = 0;
    loop {
        let next = part(number);
        if body.len() + next.len() + after.len() > MAX_BODY_BYTES {
            return body + after;
        }
        body.push_str(&next);
        number += 1;
    }
}

fn text(part: &str, times: usize) -> String {
    part.repeat(times)
}

/// What it is, the body, and what its refusal says; `None` where it is read.
type Cost = (&'static str, String, Option<&'static str>);

fn json() -> Vec<Cost> {
    let half = MAX_BODY_BYTES / 2;
    vec![
        (
            "brackets",
            text("[", MAX_BODY_BYTES),
            Some("nested deeper than 64"),
        ),
        (
            "braces",
            text("{\"a\":", half / 3),
            Some("nested deeper than 64"),
        ),
        (
            "one key many times",
            filled("{\"text\":\"a\"", |_| ",\"k\":1".to_owned(), "}"),
            None,
        ),
        (
            "the declared key many times",
            filled("{\"text\":\"a\"", |_| ",\"text\":\"a\"".to_owned(), "}"),
            Some("duplicate field `text`"),
        ),
        (
            "many keys",
            filled("{\"text\":\"a\"", |number| format!(",\"k{number}\":1"), "}"),
            None,
        ),
        (
            "many escapes",
            format!("{{\"text\":\"{}\"}}", text("\\u0041", half / 6)),
            None,
        ),
        (
            "a long number that nobody wants",
            format!("{{\"text\":\"a\",\"n\":{}}}", text("9", half)),
            None,
        ),
        (
            "a number beyond all numbers",
            "{\"text\":\"a\",\"n\":1e999999999}".to_owned(),
            None,
        ),
        (
            "a long name",
            format!("{{\"{}\":1}}", text("k", half)),
            Some("text: required"),
        ),
        (
            "text without an end",
            format!("{{\"text\":\"{}", text("a", half)),
            Some("not valid JSON"),
        ),
        (
            "backslashes",
            format!("{{\"text\":\"{}", text("\\", half)),
            Some("not valid JSON"),
        ),
    ]
}

fn xml() -> Vec<Cost> {
    [many(), entities(), endless()]
        .into_iter()
        .flatten()
        .collect()
}

/// What grows with the document type.
fn entities() -> Vec<Cost> {
    let half = MAX_BODY_BYTES / 2;
    let levels: String = (0..20)
        .map(|level| {
            format!(
                "<!ENTITY e{} \"{}\">",
                level + 1,
                text(&format!("&e{level};"), 10)
            )
        })
        .collect();
    vec![
        (
            "a billion laughs",
            format!("<!DOCTYPE r [<!ENTITY e0 \"ha\">{levels}]><r><text>&e20;</text></r>"),
            Some("a DOCTYPE is not accepted"),
        ),
        (
            "one entity many times",
            format!(
                "<!DOCTYPE r [<!ENTITY e \"{}\">]><r>{}</r>",
                text("a", half / 2),
                text("&e;", half / 6)
            ),
            Some("a DOCTYPE is not accepted"),
        ),
        (
            "a parameter entity",
            "<!DOCTYPE r [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/x\"> %p;]><r/>".to_owned(),
            Some("a DOCTYPE is not accepted"),
        ),
        (
            "a document type without an end",
            format!("<!DOCTYPE r [{}", text("<!ENTITY a \"b\">", half / 16)),
            Some("body: "),
        ),
    ]
}

/// As many of one thing as there may be.
fn many() -> Vec<Cost> {
    let half = MAX_BODY_BYTES / 2;
    vec![
        (
            "open elements",
            text("<a>", MAX_BODY_BYTES / 3),
            Some("nested deeper than 64"),
        ),
        (
            "attributes of one element",
            filled("<r", |number| format!(" a{number}=''"), "/>"),
            Some("more than 64 attributes"),
        ),
        (
            "namespaces of one element",
            filled("<r", |number| format!(" xmlns:a{number}='u'"), "/>"),
            Some("more than 64 attributes"),
        ),
        (
            "elements of 64 attributes each",
            filled(
                "<r><text>a</text>",
                |_| {
                    let all: String = (0..64).map(|number| format!(" a{number}=''")).collect();
                    format!("<b{all}/>")
                },
                "</r>",
            ),
            None,
        ),
        (
            "references",
            format!("<r><text>{}</text></r>", text("&#x41;", half / 6)),
            None,
        ),
        (
            "elements of one name",
            filled("<r>", |_| "<text/>".to_owned(), "</r>"),
            Some("body: "),
        ),
        (
            "comments",
            filled("<r><text>a</text>", |_| "<!---->".to_owned(), "</r>"),
            Some("nodes limit"),
        ),
    ]
}

/// What does not end, or ends far away.
fn endless() -> Vec<Cost> {
    let half = MAX_BODY_BYTES / 2;
    vec![
        (
            "a comment without an end",
            format!("<r><!-- {}", text("-", half)),
            Some("not well-formed"),
        ),
        (
            "CDATA without an end",
            format!("<r><![CDATA[{}", text("]", half)),
            Some("not well-formed"),
        ),
        (
            "a long name",
            format!("<{0}><text>a</text></{0}>", text("n", half / 2)),
            None,
        ),
        (
            "a reference beyond all characters",
            "<r><text>&#99999999999;</text></r>".to_owned(),
            Some("not well-formed"),
        ),
    ]
}

fn rss_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_is_made_to_cost_much_costs_little() {
    let environment = Environment::start().await;
    mount(&environment, "", "samples.echo").await;
    let pid = environment.pid().unwrap();
    let before = rss_kib(pid);
    let mut rows: Vec<(&str, _, Cost)> = Vec::new();
    rows.extend(json().into_iter().map(|cost| ("/json", Json, cost)));
    for (what, body, says) in xml() {
        // In an envelope the limits are those of the whole body, so what is read alone may be too deep or too long there.
        let inside = envelope(Soap11, &body);
        rows.push(("/xml", Xml, (what, body, says)));
        if inside.len() <= MAX_BODY_BYTES {
            rows.push(("/soap", Soap11, (what, inside, says)));
        }
    }
    for (path, shape, (what, body, says)) in rows {
        let started = clock::now();
        let answer = ask(&environment, &post(path, &body)).await;
        let took = started.elapsed();
        assert!(took < WITHIN, "{path} {what}: {took:?}");
        let Some(says) = says else {
            assert_eq!(
                answer.status,
                200,
                "{path} {what}: {}",
                answer.body.chars().take(500).collect::<String>()
            );
            continue;
        };
        let told = told(shape, &answer).unwrap_or_else(|| panic!("{path} {what}: {answer:?}"));
        assert_eq!(told.class, "invalid", "{path} {what}: {answer:?}");
        assert!(told.message.contains(says), "{path} {what}: {answer:?}");
    }
    let grown = rss_kib(pid).saturating_sub(before);
    assert!(grown < GROWTH_KIB, "the node grew by {grown} KiB");
}

const NUMBERS: &str = "
from zato.server.service import Boolean, Float, Integer, Service

class Numbers(Service):
    name = 'numbers'
    class SimpleIO:
        input_optional = (Integer('count'), Float('price'))
        output_required = (Integer('count'), Float('price'))

    def handle(self):
        read = self.request.input
        self.response.payload.count, self.response.payload.price = read.count or 0, read.price or 0
";

#[tokio::test]
async fn a_number_out_of_range_is_the_callers_mistake_in_every_format() {
    let environment = Environment::start().await;
    environment.deploy("amounts.py", NUMBERS).await;
    mount(&environment, "", "numbers").await;
    let digits = text("9", 10_000);
    for (field, number, fine) in [
        ("count", "123456789012345678901234567890", true),
        ("count", digits.as_str(), false),
        ("count", "1e3", false),
        ("count", "1.5", false),
        ("price", "1e308", true),
        ("price", "1e309", false),
        ("price", "-1e999999999", false),
        ("price", "0x10", false),
        ("price", "NaN", false),
        ("price", "Infinity", false),
    ] {
        let element = format!("<r><{field}>{number}</{field}></r>");
        for (request, shape) in [
            (post("/json", format!("{{\"{field}\":\"{number}\"}}")), Json),
            (post("/xml", &element), Xml),
            (post("/soap", envelope(Soap11, &element)), Soap11),
            (post("/form", format!("{field}={number}")), Json),
        ] {
            let answer = ask(&environment, &request).await;
            let shown: String = number.chars().take(40).collect();
            if fine {
                assert_eq!(answer.status, 200, "{field} {shown}: {answer:?}");
                continue;
            }
            let told =
                told(shape, &answer).unwrap_or_else(|| panic!("{field} {shown}: {answer:?}"));
            assert_eq!(told.class, "invalid", "{field} {shown}: {answer:?}");
            assert!(told.message.contains(field), "{field} {shown}: {answer:?}");
        }
    }
}
