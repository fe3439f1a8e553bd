use busker_connector::Settings;
use busker_model::Secret;
use proptest::prelude::*;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use serde_json::json;

use super::*;
use crate::testing::NOW_MS;
use crate::{MISSING, WRONG};

const SECRET: &str = "a secret of thirty-two bytes, or so";
const RSA: &str = include_str!("../../testdata/rsa.pem");
const RSA_PUBLIC: &str = include_str!("../../testdata/rsa.pub.pem");
/// What comes before the point of a P-256 key in its `SubjectPublicKeyInfo`.
const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
const NOW_S: i64 = NOW_MS / 1_000;

fn settings(more: Value) -> JwtSettings {
    let mut settings =
        json!({"algorithm": "HS256", "issuer": "https://id.example", "audience": "busker"});
    settings
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(settings).unwrap()
}

fn hs256() -> PreparedJwt {
    PreparedJwt::new("partner", &settings(json!({"secret": SECRET}))).unwrap()
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "busker", "exp": NOW_S + 10, "sub": "ann"})
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("Bearer {message}.{signature}")
}

fn hmac_of(secret: &'static str) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    move |message| hmac::sign(&key, message).as_ref().to_vec()
}

fn rsa(how: &'static dyn RsaEncoding) -> impl Fn(&[u8]) -> Vec<u8> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(RSA.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(&pem.contents).unwrap();
    move |message| {
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(how, &SystemRandom::new(), message, &mut signature)
            .unwrap();
        signature
    }
}

fn ec() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(how, document.as_ref(), &random).unwrap()
}

fn verify(jwt: &PreparedJwt, header: &str) -> Result<Verified, Fault> {
    jwt.verify(Some(header.as_bytes()), NOW_MS)
}

#[test]
fn a_token_of_the_secret_is_let_in() {
    let token = signed(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &claims(),
        hmac_of(SECRET),
    );
    assert_eq!(verify(&hs256(), &token).unwrap().principal.name, "partner");
    let mut many = claims();
    many["aud"] = json!(["other", "busker"]);
    let token = signed(&json!({"alg": "HS256"}), &many, hmac_of(SECRET));
    assert!(verify(&hs256(), &token.replace("Bearer", "bearer ")).is_ok());
}

#[test]
fn the_algorithm_is_the_one_of_the_settings_whatever_the_token_says() {
    let with_public_key = |message: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, RSA_PUBLIC.as_bytes());
        hmac::sign(&key, message).as_ref().to_vec()
    };
    let rs256 = settings(json!({"algorithm": "RS256", "public_key": RSA_PUBLIC}));
    let rs256 = PreparedJwt::new("d", &rs256).unwrap();
    for (jwt, token) in [
        (
            &hs256(),
            signed(&json!({"alg": "none"}), &claims(), |_| Vec::new()),
        ),
        (
            &hs256(),
            signed(&json!({"alg": "hs256"}), &claims(), hmac_of(SECRET)),
        ),
        (
            &hs256(),
            signed(&json!({"alg": "HS384"}), &claims(), hmac_of(SECRET)),
        ),
        (
            &hs256(),
            signed(&json!({"typ": "JWT"}), &claims(), hmac_of(SECRET)),
        ),
        (
            &hs256(),
            signed(
                &json!({"alg": "HS256", "crit": ["b64"]}),
                &claims(),
                hmac_of(SECRET),
            ),
        ),
        // The oldest trick: a public key taken for a secret.
        (
            &rs256,
            signed(&json!({"alg": "HS256"}), &claims(), with_public_key),
        ),
        (
            &rs256,
            signed(&json!({"alg": "RS256"}), &claims(), with_public_key),
        ),
        (
            &rs256,
            signed(&json!({"alg": "RS256"}), &claims(), rsa(&RSA_PSS_SHA256)),
        ),
    ] {
        let fault = verify(jwt, &token).unwrap_err();
        assert_eq!(fault.code_str(), Some(WRONG), "{token}");
        let challenge = fault.detail.unwrap().challenge.unwrap();
        assert_eq!(challenge, "Bearer error=\"invalid_token\"");
    }
}

#[test]
fn public_keys_in_pem_are_for_their_algorithm() {
    for (algorithm, how) in [
        ("RS256", &RSA_PKCS1_SHA256 as &'static dyn RsaEncoding),
        ("PS256", &RSA_PSS_SHA256),
    ] {
        let jwt = settings(json!({"algorithm": algorithm, "public_key": RSA_PUBLIC}));
        assert_eq!(jwt.check(), []);
        let jwt = PreparedJwt::new("d", &jwt).unwrap();
        let token = signed(
            &json!({"alg": algorithm, "kid": "any"}),
            &claims(),
            rsa(how),
        );
        assert!(verify(&jwt, &token).is_ok(), "{algorithm}");
    }
    let pair = ec();
    let point = pair.public_key().as_ref().to_vec();
    let mut der = base64::engine::general_purpose::STANDARD
        .decode(P256)
        .unwrap();
    der.extend(point.get(1..).unwrap());
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    let jwt = settings(json!({"algorithm": "ES256", "public_key": pem}));
    assert_eq!(jwt.check(), []);
    let sign = |message: &[u8]| {
        let signature = pair.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    };
    let token = signed(&json!({"alg": "ES256"}), &claims(), sign);
    assert!(verify(&PreparedJwt::new("d", &jwt).unwrap(), &token).is_ok());
    for (algorithm, pem) in [
        ("ES256", RSA_PUBLIC),
        ("RS256", pem.as_str()),
        ("ES384", &pem),
    ] {
        let faults = settings(json!({"algorithm": algorithm, "public_key": pem})).check();
        assert_eq!(faults[0].field, "settings.public_key", "{algorithm}");
    }
}

fn jwk(kid: &str, pair: &EcdsaKeyPair) -> Value {
    let point = pair.public_key().as_ref();
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(point.get(range).unwrap());
    json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": part(1..33), "y": part(33..65)})
}

#[test]
fn a_token_chooses_a_key_of_the_set_by_name_only() {
    let (first, second) = (ec(), ec());
    let odd = json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"});
    let set = json!({"keys": [odd, jwk("one", &first), jwk("two", &second)]}).to_string();
    let jwt = settings(json!({"algorithm": "ES256", "jwks": set}));
    assert_eq!(jwt.check(), []);
    let jwt = PreparedJwt::new("d", &jwt).unwrap();
    let sent = |header: Value| {
        let sign = |message: &[u8]| {
            let signature = second.sign(&SystemRandom::new(), message).unwrap();
            signature.as_ref().to_vec()
        };
        verify(&jwt, &signed(&header, &claims(), sign))
    };
    assert!(sent(json!({"alg": "ES256", "kid": "two"})).is_ok());
    for header in [
        json!({"alg": "ES256", "kid": "one"}),
        json!({"alg": "ES256", "kid": "three"}),
        json!({"alg": "ES256"}),
    ] {
        assert!(sent(header.clone()).is_err(), "{header}");
    }
}

#[tokio::test]
async fn keys_that_are_fetched_are_used_once_they_are_there_and_asked_for_again_when_unknown() {
    let pair = ec();
    let jwt = settings(json!({"algorithm": "ES256", "jwks_url": "https://id.example/keys"}));
    assert_eq!(jwt.check(), []);
    let jwt = PreparedJwt::new("d", &jwt).unwrap();
    let sign = |message: &[u8]| {
        let signature = pair.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    };
    let token = signed(&json!({"alg": "ES256", "kid": "new"}), &claims(), sign);
    let early = verify(&jwt, &token).unwrap_err();
    assert_eq!(
        (early.class, early.code_str()),
        (ErrorClass::Unavailable, Some("keys-away"))
    );
    let slot = jwt.slot().unwrap();
    slot.put(json!({"keys": [jwk("old", &pair)]}).to_string().as_bytes())
        .unwrap();
    assert_eq!(verify(&jwt, &token).unwrap_err().code_str(), Some(WRONG));
    slot.asked(std::time::Duration::from_secs(3_600)).await;
    slot.put(json!({"keys": [jwk("new", &pair)]}).to_string().as_bytes())
        .unwrap();
    assert!(verify(&jwt, &token).is_ok());
    assert!(slot.put(b"{\"keys\": []}").is_err());
    assert!(
        verify(&jwt, &token).is_ok(),
        "bad keys do not push out good ones"
    );
}

#[test]
fn claims_are_held_against_settings_and_clock() {
    let sent = |change: fn(&mut Value)| {
        let mut claims = claims();
        change(&mut claims);
        verify(
            &hs256(),
            &signed(&json!({"alg": "HS256"}), &claims, hmac_of(SECRET)),
        )
    };
    let fine: [fn(&mut Value); 4] = [
        |claims| claims["exp"] = json!(NOW_S - 59),
        |claims| claims["exp"] = json!(1_764_000_000.5),
        |claims| claims["nbf"] = json!(NOW_S + 60),
        |claims| claims["iat"] = json!("whenever"),
    ];
    for change in fine {
        assert!(sent(change).is_ok());
    }
    let bad: [fn(&mut Value); 11] = [
        |claims| claims["exp"] = json!(NOW_S - 60),
        |claims| claims["exp"] = json!("9999999999"),
        |claims| claims["exp"] = Value::Null,
        |claims| drop(claims.as_object_mut().unwrap().shift_remove("exp")),
        |claims| claims["nbf"] = json!(NOW_S + 61),
        |claims| claims["nbf"] = json!("0"),
        |claims| claims["iss"] = json!("https://id.example/"),
        |claims| drop(claims.as_object_mut().unwrap().shift_remove("iss")),
        |claims| claims["aud"] = json!("BUSKER"),
        |claims| claims["aud"] = json!([]),
        |claims| drop(claims.as_object_mut().unwrap().shift_remove("aud")),
    ];
    for (number, change) in bad.into_iter().enumerate() {
        assert_eq!(
            sent(change).unwrap_err().code_str(),
            Some(WRONG),
            "{number}"
        );
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let good = signed(&json!({"alg": "HS256"}), &claims(), hmac_of(SECRET));
    let whole = good.strip_prefix("Bearer ").unwrap();
    let last = good.len() - 1;
    for header in [
        whole.to_owned(),
        format!("Basic {whole}"),
        format!("Bearer{whole}"),
        format!("{good}."),
        format!("{good}="),
        good.get(..last).unwrap().to_owned(),
        good.replace('.', ""),
        "Bearer ..".to_owned(),
        "Bearer".to_owned(),
        format!("Bearer {}", "x".repeat(MAX_TOKEN_BYTES)),
        signed(
            &json!({"alg": "HS256"}),
            &claims(),
            hmac_of("another secret of enough bytes!!"),
        ),
    ] {
        assert_eq!(
            verify(&hs256(), &header).unwrap_err().code_str(),
            Some(WRONG),
            "{header}"
        );
    }
    for none in [None, Some(&b""[..])] {
        let fault = hs256().verify(none, NOW_MS).unwrap_err();
        assert_eq!(fault.code_str(), Some(MISSING));
        assert_eq!(fault.detail.unwrap().challenge.as_deref(), Some("Bearer"));
    }
}

#[test]
fn settings_take_one_key_that_fits() {
    let field = |more: Value| {
        settings(more)
            .check()
            .first()
            .map(|fault| fault.field.clone())
    };
    assert_eq!(field(json!({"secret": SECRET})), None);
    assert_eq!(field(json!({"secret": "***"})), None, "one that is kept");
    for (more, wrong) in [
        (json!({}), "settings.secret"),
        (json!({"secret": "short"}), "settings.secret"),
        (
            json!({"algorithm": "HS512", "secret": SECRET}),
            "settings.secret",
        ),
        (
            json!({"secret": SECRET, "public_key": RSA_PUBLIC}),
            "settings.secret",
        ),
        (json!({"algorithm": "RS256"}), "settings.public_key"),
        (
            json!({"algorithm": "RS256", "secret": SECRET}),
            "settings.secret",
        ),
        (json!({"algorithm": "RS256", "jwks": "{}"}), "settings.jwks"),
        (
            json!({"algorithm": "RS256", "public_key": RSA_PUBLIC, "jwks": "{}"}),
            "settings.public_key",
        ),
        (
            json!({"algorithm": "RS256", "jwks_url": "http://id.example"}),
            "settings.jwks_url",
        ),
        (
            json!({"algorithm": "RS256", "jwks_url": "https://u:p@id.example"}),
            "settings.jwks_url",
        ),
        (
            json!({"secret": SECRET, "leeway_s": 601}),
            "settings.leeway_s",
        ),
        (json!({"secret": SECRET, "issuer": ""}), "settings.issuer"),
        (
            json!({"secret": SECRET, "jwks_refresh_s": 1}),
            "settings.jwks_refresh_s",
        ),
    ] {
        assert_eq!(field(more.clone()).as_deref(), Some(wrong), "{more}");
    }
    assert_eq!(
        field(json!({"algorithm": "RS256", "jwks_url": "http://127.0.0.1:1/k"})),
        None
    );
    let kept = settings(json!({"secret": SECRET}));
    assert_eq!(kept.secret, Some(Secret::new(SECRET)));
    assert!(!format!("{kept:?}{:?}", hs256()).contains(SECRET));
}

proptest! {
    #[test]
    fn no_bytes_panic_or_get_in_by_chance(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let header = [b"Bearer ", bytes.as_slice()].concat();
        prop_assert!(hs256().verify(Some(&header), NOW_MS).is_err());
    }

    #[test]
    fn no_part_of_a_token_can_be_changed(at in 0_usize..200, to in "[A-Za-z0-9_.-]") {
        let good = signed(&json!({"alg": "HS256"}), &claims(), hmac_of(SECRET));
        let start = "Bearer ".len();
        let place = start + at % (good.len() - start);
        let mut changed = good.clone();
        changed.replace_range(place..=place, &to);
        prop_assume!(changed != good);
        prop_assert!(verify(&hs256(), &changed).is_err(), "{}", changed);
    }
}
