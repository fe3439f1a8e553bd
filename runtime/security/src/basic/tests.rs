use super::*;
use proptest::prelude::*;

fn settings() -> BasicAuthSettings {
    BasicAuthSettings {
        username: "pubapi".into(),
        realm: "The \"API\"".into(),
        password: Secret::new("p:ä ss"),
        rate_limit: None,
    }
}

fn prepared() -> PreparedBasic {
    PreparedBasic::new("my definition", &settings()).unwrap()
}

fn header(scheme: &str, pair: &str) -> Vec<u8> {
    format!("{scheme}{}", STANDARD.encode(pair)).into_bytes()
}

#[test]
fn right_credentials_in_every_legal_form_are_let_in() {
    let basic = prepared();
    for scheme in ["Basic ", "basic ", "BASIC   "] {
        let got = basic.verify(Some(&header(scheme, "pubapi:p:ä ss")));
        assert_eq!(got.unwrap().name, "my definition", "{scheme}");
    }
}

#[test]
fn anything_else_is_refused_alike() {
    let basic = prepared();
    let good = header("Basic ", "pubapi:p:ä ss");
    let mut rows: Vec<Vec<u8>> = vec![
        header("Basic ", "pubapi:wrong"),
        header("Basic ", "wrong:p:ä ss"),
        header("Basic ", "pubapi"),
        header("Basic ", "PUBAPI:p:ä ss"),
        header("Basic", "pubapi:p:ä ss"),
        header("Bearer ", "pubapi:p:ä ss"),
        b"Basic".to_vec(),
        b"Basic ====".to_vec(),
        b"Basic /w==".to_vec(),
        b"\xff\xfe".to_vec(),
        [&good[..], b"\n"].concat(),
        [&good[..], b", Basic eDp5"].concat(),
        header("Basic ", &"x".repeat(MAX_AUTHORIZATION_BYTES)),
    ];
    rows.push(good[..good.len() - 1].to_vec());
    let mut answers = Vec::new();
    for row in rows {
        let fault = basic.verify(Some(&row)).unwrap_err();
        answers.push((fault.message.clone(), fault.code_str(), fault.class));
    }
    answers.dedup();
    assert_eq!(
        answers,
        vec![(
            "Credentials are not right".into(),
            Some(WRONG),
            ErrorClass::Unauthenticated
        )]
    );
}

#[test]
fn missing_credentials_are_told_apart_and_challenged() {
    for none in [None, Some(&b""[..])] {
        let fault = prepared().verify(none).unwrap_err();
        assert_eq!(fault.code_str(), Some(MISSING));
        assert_eq!(fault.detail.unwrap().realm.unwrap(), "The \"API\"");
    }
}

#[test]
fn secrets_are_not_printed() {
    let text = format!("{:?} {:?}", prepared(), settings());
    assert!(!text.contains("p:ä"), "{text}");
}

#[test]
fn settings_list_all_their_faults_and_refuse_unknown_fields() {
    let bad = BasicAuthSettings {
        username: "a:b".into(),
        realm: "ä".into(),
        password: Secret::new(""),
        rate_limit: None,
    };
    let fields: Vec<String> = bad.check().into_iter().map(|v| v.field).collect();
    assert_eq!(
        fields,
        ["settings.password", "settings.username", "settings.realm"]
    );
    assert!(settings().check().is_empty());
    let typo = r#"{"username":"u","realm":"r","password":"p","pasword":"q"}"#;
    assert!(serde_json::from_str::<BasicAuthSettings>(typo).is_err());
}

proptest! {
    #[test]
    fn no_header_panics_or_gets_in_by_chance(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(prepared().verify(Some(&bytes)).is_err());
    }

    #[test]
    fn every_pair_that_passes_the_check_gets_in(user in "[^:\\p{Cc}]{1,20}", password in "\\PC{1,20}") {
        let settings = BasicAuthSettings {
            username: user.clone(),
            realm: "r".into(),
            password: Secret::new(password.clone()),
            rate_limit: None,
        };
        prop_assume!(settings.check().is_empty());
        let basic = PreparedBasic::new("d", &settings).unwrap();
        let header = header("basic ", &format!("{user}:{password}"));
        prop_assert!(basic.verify(Some(&header)).is_ok());
    }
}
