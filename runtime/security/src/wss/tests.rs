use proptest::prelude::*;

use super::*;
use crate::testing::NOW_MS;
use crate::{MISSING, WRONG};

/// Five seconds before the tests take place.
const CREATED: &str = "2025-11-24T15:59:55Z";
const NONCE: &str = "d36e316282959a9ed4c89851497a717f";

fn settings(password_type: PasswordType) -> WssSettings {
    WssSettings {
        username: "ann".into(),
        password: Secret::new("hunter2"),
        password_type,
        reject_empty_nonce_creat: true,
        reject_stale_tokens: true,
        reject_expiry_limit: 300,
        nonce_freshness_time: 10,
        rate_limit: None,
    }
}

fn token(kind: PasswordKind) -> UsernameToken {
    let nonce = STANDARD.encode(NONCE);
    let password = match kind {
        PasswordKind::Text => "hunter2".to_owned(),
        PasswordKind::Digest => password_digest(NONCE.as_bytes(), CREATED, "hunter2"),
    };
    UsernameToken {
        username: "ann".into(),
        password: Secret::new(password),
        kind,
        nonce: Some(nonce),
        created: Some(CREATED.into()),
        expires: None,
    }
}

fn verify(settings: WssSettings, token: &UsernameToken) -> Result<Verified, Fault> {
    PreparedWss::new("bank", settings)
        .unwrap()
        .verify(Some(token), NOW_MS)
}

#[test]
fn the_digest_is_the_one_of_the_profile() {
    // RFC 3174, test 1: without a nonce and a time it is SHA-1 of the password; cut in three, it is the same.
    assert_eq!(
        password_digest(b"", "", "abc"),
        "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="
    );
    assert_eq!(
        password_digest(b"a", "b", "c"),
        "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="
    );
}

#[test]
fn both_types_are_let_in_by_their_own_definition_only() {
    let (text, digest) = (token(PasswordKind::Text), token(PasswordKind::Digest));
    for (password_type, token, other) in [
        (PasswordType::ClearText, &text, &digest),
        (PasswordType::Digest, &digest, &text),
    ] {
        let got = verify(settings(password_type), token).unwrap();
        assert_eq!(got.principal.name, "bank");
        let fault = verify(settings(password_type), other).unwrap_err();
        assert_eq!(fault.code_str(), Some(WRONG));
    }
}

#[test]
fn a_nonce_is_remembered_as_long_as_its_token_would_be_taken() {
    let first = verify(settings(PasswordType::Digest), &token(PasswordKind::Digest));
    let once = first.unwrap().once.unwrap();
    assert_eq!(
        once.until_ms,
        NOW_MS + 360_000,
        "300 s of age and 60 s of skew"
    );
    assert_eq!(once.id.len(), 64);
    let lasting = WssSettings {
        reject_stale_tokens: false,
        ..settings(PasswordType::Digest)
    };
    let again = verify(lasting, &token(PasswordKind::Digest))
        .unwrap()
        .once
        .unwrap();
    assert_eq!(again.until_ms, NOW_MS + 10_000);
    assert_eq!(
        again.id, once.id,
        "the same nonce is the same whatever the settings"
    );
    let other = PreparedWss::new("other", settings(PasswordType::Digest)).unwrap();
    let other = other
        .verify(Some(&token(PasswordKind::Digest)), NOW_MS)
        .unwrap();
    assert_ne!(other.once.unwrap().id, once.id);
}

#[test]
fn without_a_token_the_challenge_of_zato_is_sent() {
    let wss = PreparedWss::new("bank", settings(PasswordType::Digest)).unwrap();
    let fault = wss.verify(None, NOW_MS).unwrap_err();
    assert_eq!(fault.code_str(), Some(MISSING));
    assert_eq!(fault.detail.unwrap().challenge.as_deref(), Some("zato-wss"));
}

type Change = fn(&mut UsernameToken);

#[test]
fn what_is_wrong_with_a_token_is_refused() {
    let rows: [(&str, Change); 9] = [
        ("not right", |token| token.username = "bob".into()),
        ("not right", |token| token.password = Secret::new("hunter3")),
        ("not right", |token| token.password = Secret::new("")),
        ("not right", |token| token.nonce = Some("***".into())),
        ("not right", |token| {
            token.nonce = Some(STANDARD.encode([0; MAX_NONCE_BYTES + 1]));
        }),
        ("needs a wsse:Nonce", |token| token.nonce = None),
        ("needs a wsse:Nonce", |token| token.created = None),
        ("no xsd:dateTime", |token| {
            token.created = Some("yesterday".into())
        }),
        ("has expired", |token| {
            token.expires = Some("2025-11-24T15:58:59Z".into())
        }),
    ];
    for (says, change) in rows {
        let mut token = token(PasswordKind::Text);
        change(&mut token);
        let fault = verify(settings(PasswordType::ClearText), &token).unwrap_err();
        assert!(fault.message.contains(says), "{says}: {fault:?}");
        assert_eq!(fault.code_str(), Some(WRONG));
    }
}

#[test]
fn a_digest_covers_nonce_and_time() {
    let changes: [Change; 2] = [
        |token| token.nonce = Some(STANDARD.encode("another one")),
        |token| token.created = Some("2025-11-24T15:59:56Z".into()),
    ];
    for change in changes {
        let mut token = token(PasswordKind::Digest);
        change(&mut token);
        assert!(verify(settings(PasswordType::Digest), &token).is_err());
    }
}

#[test]
fn age_and_skew_have_bounds() {
    let at = |created: &str| {
        let mut token = token(PasswordKind::Text);
        token.created = Some(created.into());
        verify(settings(PasswordType::ClearText), &token)
    };
    for fine in [
        "2025-11-24T15:55:00Z",
        "2025-11-24T16:01:00.000Z",
        "2025-11-24T17:00:00+01:00",
        "2025-11-24T16:00:00",
    ] {
        assert!(at(fine).is_ok(), "{fine}");
    }
    let stale = at("2025-11-24T15:54:59.9Z").unwrap_err();
    assert!(stale.message.contains("older than 300 s"), "{stale:?}");
    let ahead = at("2025-11-24T16:01:00.5Z").unwrap_err();
    assert!(ahead.message.contains("future"), "{ahead:?}");
}

#[test]
fn an_operator_may_do_without_nonce_and_time() {
    let lenient = WssSettings {
        reject_empty_nonce_creat: false,
        ..settings(PasswordType::ClearText)
    };
    let mut bare = token(PasswordKind::Text);
    (bare.nonce, bare.created) = (None, None);
    assert_eq!(verify(lenient, &bare).unwrap().once, None);
}

const HEADER: &str = r#"<Header xmlns:a="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
 xmlns:b="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">SECURITY</Header>"#;

fn read_from(security: &str) -> Result<Option<UsernameToken>, Fault> {
    let text = HEADER.replace("SECURITY", security);
    let document = roxmltree::Document::parse(&text).unwrap();
    read(document.root_element())
}

#[test]
fn a_token_is_read_by_namespace_whatever_its_prefixes() {
    let read = read_from(
        "<other/><a:Security><b:Timestamp><b:Created>x</b:Created><b:Expires>y</b:Expires></b:Timestamp>\
         <a:UsernameToken><a:Username>an<!-- x -->n</a:Username><a:Password>p</a:Password><a:Nonce> bm8= </a:Nonce>\
         <b:Created>z</b:Created></a:UsernameToken></a:Security>",
    );
    let token = read.unwrap().unwrap();
    assert_eq!(
        (token.username.as_str(), token.kind),
        ("ann", PasswordKind::Text)
    );
    assert_eq!(token.nonce_bytes().unwrap().unwrap(), b"no");
    assert_eq!(
        (token.created.as_deref(), token.expires.as_deref()),
        (Some("z"), Some("y"))
    );
    assert_eq!(read_from("<a:Security/>").unwrap(), None);
    assert_eq!(
        read_from("<Security><UsernameToken/></Security>").unwrap(),
        None
    );
}

#[test]
fn two_of_anything_are_refused() {
    let whole =
        "<a:UsernameToken><a:Username>u</a:Username><a:Password>p</a:Password></a:UsernameToken>";
    let one = format!("<a:Security>{whole}</a:Security>");
    assert!(read_from(&one).unwrap().is_some());
    for twice in [
        format!("{one}{one}"),
        format!("<a:Security>{whole}{whole}</a:Security>"),
        one.replace(
            "<a:Password>p</a:Password>",
            "<a:Password>p</a:Password><a:Password>q</a:Password>",
        ),
        one.replace("<a:Username>u</a:Username>", ""),
        one.replace("<a:Username>u<", "<a:Username><b:x/>u<"),
        one.replace("<a:Password>", "<a:Password Type=\"urn:other\">"),
        one.replace(
            "</a:Password>",
            "</a:Password><a:Nonce EncodingType=\"hex\">00</a:Nonce>",
        ),
    ] {
        let fault = read_from(&twice).unwrap_err();
        assert_eq!(fault.code_str(), Some(WRONG), "{twice}");
    }
}

#[test]
fn settings_are_checked_and_print_no_password() {
    let bad = WssSettings {
        username: String::new(),
        reject_expiry_limit: 0,
        nonce_freshness_time: MAX_AGE_S + 1,
        ..settings(PasswordType::Digest)
    };
    let fields: Vec<String> = bad.check().into_iter().map(|fault| fault.field).collect();
    assert_eq!(
        fields,
        [
            "settings.username",
            "settings.reject_expiry_limit",
            "settings.nonce_freshness_time"
        ]
    );
    let prepared = PreparedWss::new("bank", settings(PasswordType::Digest)).unwrap();
    assert!(!format!("{prepared:?}{:?}", token(PasswordKind::Text)).contains("hunter2"));
}

proptest! {
    #[test]
    fn no_token_panics_or_gets_in_by_chance(
        username in "\\PC{0,20}",
        password in "\\PC{0,20}",
        nonce in prop::option::of("\\PC{0,20}"),
        created in prop::option::of("\\PC{0,30}"),
    ) {
        prop_assume!(password != "hunter2");
        let token = UsernameToken {
            username, password: Secret::new(password), kind: PasswordKind::Digest, nonce, created, expires: None,
        };
        prop_assert!(verify(settings(PasswordType::Digest), &token).is_err());
    }

    #[test]
    fn no_time_panics(text in "[0-9TZ:.+-]{0,40}") {
        drop(instant(&text));
    }
}
