//! JSON Web Tokens, signed here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use busker_integration_tests::{Environment, Peer, PeerAnswer, until};
use busker_kit::clock::unix_ms;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::time::Duration;

use crate::{define, secured_echo};

const SECRET: &str = "a secret of thirty-two bytes, or so";

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn claims(expires_in_s: i64) -> Value {
    let exp = unix_ms() / 1_000 + expires_in_s;
    json!({"iss": "https://id.example", "aud": ["busker"], "exp": exp})
}

async fn status(environment: &Environment, path: &str, token: &str) -> u16 {
    let request = environment.http.post(environment.channel(path));
    environment
        .send(request.bearer_auth(token).body("{}"))
        .await
        .status
}

#[tokio::test]
async fn a_token_signed_with_the_secret_is_let_in_until_it_expires() {
    let environment = Environment::start().await;
    let settings = json!({
        "algorithm": "HS256", "secret": SECRET, "issuer": "https://id.example", "audience": "busker", "leeway_s": 0,
    });
    define(&environment, "jwt", "partner", settings).await;
    secured_echo(&environment, "partner").await;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let sign = |message: &[u8]| hmac::sign(&key, message).as_ref().to_vec();
    let header = json!({"alg": "HS256", "typ": "JWT"});
    for (header, expires_in_s, expected) in [
        (&header, 60, 200),
        (&header, -1, 401),
        (&json!({"alg": "none"}), 60, 401),
    ] {
        let token = token(header, &claims(expires_in_s), sign);
        let got = status(&environment, "/partner", &token).await;
        assert_eq!(got, expected, "{header} {expires_in_s}");
    }
    let unsigned = token(&json!({"alg": "none"}), &claims(60), |_| Vec::new());
    assert_eq!(status(&environment, "/partner", &unsigned).await, 401);
    let got = environment.post("/partner", "{}").await;
    assert_eq!(
        (got.status, got.header("www-authenticate")),
        (401, "Bearer")
    );
    let shown = environment
        .ok("busker.security.jwt.get", json!({"name": "partner"}))
        .await;
    assert_eq!(shown["secrets"], json!({"secret": true}));
}

#[tokio::test]
async fn keys_are_fetched_and_fetched_again_when_the_issuer_changes_them() {
    let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(how, document.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(point.get(range).unwrap());
    let (x, y) = (part(1..33), part(33..65));
    let set = move |kid: &str| {
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y}]}).to_string()
    };
    let sign = |message: &[u8]| pair.sign(&random, message).unwrap().as_ref().to_vec();
    let of = |kid: &str| token(&json!({"alg": "ES256", "kid": kid}), &claims(600), sign);

    let before = set("one");
    let issuer = Peer::start(move |_| PeerAnswer::ok("application/json", before.clone()));
    let environment = Environment::start().await;
    let settings = json!({
        "algorithm": "ES256", "jwks_url": format!("{}/keys", issuer.address),
        "issuer": "https://id.example", "audience": "busker", "jwks_refresh_s": 86_400,
    });
    define(&environment, "jwt", "id", settings).await;
    secured_echo(&environment, "id").await;
    let comes_in = async |kid: &str| {
        until(kid, Duration::from_secs(30), || async {
            (status(&environment, "/id", &of(kid)).await == 200).then_some(())
        })
        .await;
    };
    comes_in("one").await;
    assert_eq!(status(&environment, "/id", &of("two")).await, 401);
    let after = set("two");
    issuer.answer_with(move |_| PeerAnswer::ok("application/json", after.clone()));
    comes_in("two").await;
    assert_eq!(status(&environment, "/id", &of("one")).await, 401);
}
