//! Whatever the bytes: no panic; and what is written reads as it was.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{Document, Exported, Format, Sources, gather, write};

fn read(text: &str) -> Document {
    let mut files = BTreeMap::new();
    files.insert("other.yaml".to_owned(), Ok(text.to_owned()));
    let variables = BTreeMap::from([("A".to_owned(), "value".to_owned())]);
    Document::read(&Sources {
        name: "main.yaml",
        text,
        files: &files,
        variables: &variables,
    })
}

/// Reads it in every way; all places must lie in the text.
fn survives(text: &str) {
    gather("main.yaml", text, |_| Ok(text.to_owned()));
    let document = read(text);
    let lines = text
        .split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
        .count();
    for problem in document.problems.iter().chain(&document.notes) {
        let mark = problem.mark;
        assert!(mark.file < document.files.len() && mark.column > 0);
        assert!(
            (1..=lines + 1).contains(&mark.line),
            "{mark:?} of {lines} lines"
        );
    }
}

/// Pieces that a reader of YAML trips over.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "version: 1\n",
        "include: ",
        "other.yaml\n",
        "channel.http:\n",
        "channel_soap: ",
        "def_sec: ",
        "  - name: a\n",
        "    settings: ",
        "{",
        "}",
        "[",
        "]",
        "- ",
        "? ",
        ": ",
        ", ",
        "&a ",
        "*a ",
        "!!str ",
        "'",
        "\"",
        "|\n",
        ">-\n",
        "\\u",
        "\\ud83d",
        "\\x",
        "${A}",
        "${",
        "$${",
        "${B:-",
        "}",
        "#",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "\t",
        "\r\n",
        "\u{feff}",
        "\u{0}",
        "\u{2028}",
        "~",
        "file://other.yaml",
        "\n",
        "  ",
        "null",
        "1e9999",
        "<<: *a\n",
    ];
    prop_oneof![
        4 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// Texts that YAML would rather take for something else.
const TRICKY: [&str; 53] = [
    "",
    "~",
    "null",
    "yes",
    "True",
    "0123",
    "1e3",
    "0x1F",
    "12:30",
    "-",
    ": ",
    "# a",
    "- a",
    "a\nb",
    " a ",
    "\n",
    "${A}",
    "$${",
    "a: b",
    "*a",
    "&a",
    "!a",
    "%a",
    "@a",
    "`a",
    "'",
    "\"",
    "\\",
    "{",
    "[",
    ",",
    "?",
    "|",
    ">",
    "---",
    "...",
    "<<",
    "=",
    ".",
    ".inf",
    "1_000",
    "+1",
    "2020-01-01",
    "\u{7f}",
    "\u{85}",
    "\t",
    "a\r\nb",
    "a \nb",
    "\n\na",
    "a\n\n",
    " \n",
    "\u{feff}a",
    "\u{2028}",
];

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        proptest::sample::select(TRICKY.to_vec()).prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        text.prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            fields(inner).prop_map(Value::Object),
        ]
    })
}

fn fields(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let key = prop_oneof![any::<String>(), "[a-z_ :#-]{1,8}".prop_map(|key| key)];
    proptest::collection::vec((key, value), 0..6).prop_map(|pairs| pairs.into_iter().collect())
}

fn objects() -> impl Strategy<Value = Vec<Exported>> {
    let title = proptest::sample::select(vec!["channel.http", "job.cron", "security.basic-auth"]);
    let name = "[^\\p{Cc} ]([^\\p{Cc}]{0,12}[^\\p{Cc} ])?";
    let one = (title, name, any::<bool>(), fields(value()));
    let one = one.prop_map(|(title, name, active, settings)| Exported {
        title: title.to_owned(),
        name,
        active,
        settings,
        secrets: vec!["password".to_owned()],
    });
    proptest::collection::vec(one, 0..6).prop_map(|mut objects| {
        objects.sort_by(|a, b| a.title.cmp(&b.title));
        objects
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_text_like_yaml_makes_it_panic(pieces in proptest::collection::vec(piece(), 0..60)) {
        survives(&pieces.concat());
    }

    #[test]
    fn a_cut_file_does_not_make_it_panic(cut in 0_usize..600, with in piece()) {
        let mut text = super::TWO.to_owned();
        let cut = cut % text.len();
        text.insert_str(cut, &with);
        survives(&text);
        survives(text.split_at(cut).0);
    }

    #[test]
    fn what_is_written_reads_as_it_was(objects in objects(), yaml in any::<bool>()) {
        let format = if yaml { Format::Yaml } else { Format::Json };
        let text = write(&objects, format).unwrap();
        let document = read(&text);
        prop_assert!(document.problems.is_empty(), "{:?}\n{text}", document.problems);
        let back: Vec<_> = document.declared.iter()
            .map(|one| (one.title.clone(), one.name.clone(), one.active, Value::Object(one.json())))
            .collect();
        let there: Vec<_> = objects.iter()
            .map(|one| (one.title.clone(), one.name.clone(), one.active, Value::Object(one.settings.clone())))
            .collect();
        prop_assert_eq!(back, there, "{}", text);
    }
}
