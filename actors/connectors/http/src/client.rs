//! The HTTP client of one connection: pool, TLS, redirects; and what its errors mean.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use busker_connector::{Failure, Retry};
use busker_model::ErrorClass;
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, retry};
use url::Url;

use crate::outgoing_settings::OutgoingSettings;
use crate::ssrf::{Denied, Guard};

/// How long an idle connection is kept: below the 5 s after which common servers close theirs, so that a request
/// seldom meets one that is being closed.
const IDLE: Duration = Duration::from_secs(4);
/// Most redirects of one request.
const MAX_REDIRECTS: usize = 10;

/// A client; with `stays` it follows redirects within one origin only.
pub(crate) fn build(settings: &OutgoingSettings, stays: bool) -> Result<Client, Failure> {
    let guard = Guard::of(settings);
    let redirects = if settings.follow_redirects {
        Policy::custom(move |attempt| follow(guard, stays, attempt))
    } else {
        Policy::none()
    };
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(redirects)
        .referer(false)
        .retry(retry::never())
        .dns_resolver(Arc::new(guard))
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(usize::try_from(settings.pool_size).unwrap_or(usize::MAX))
        .user_agent("busker");
    if let Some(authorities) = settings.authorities() {
        builder = builder.tls_certs_only(authorities);
    } else if settings.address.starts_with("http:") && !settings.follow_redirects {
        // No TLS will be spoken: the certificates of the system need not be read for each such connection.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        Failure::ours(
            ErrorClass::Unavailable,
            "the HTTP client of the connection could not be made",
        )
        .operator(chain(&error))
    })
}

fn follow(guard: Guard, stays: bool, attempt: Attempt<'_>) -> Action {
    if let Err(denied) = guard.check(attempt.url()) {
        return attempt.error(denied);
    }
    let was_secure = attempt
        .previous()
        .last()
        .is_some_and(|url| url.scheme() == "https");
    if was_secure && attempt.url().scheme() != "https" {
        return attempt.error("a redirect from https to http is not followed");
    }
    let leaves = |from: &Url| from.origin() != attempt.url().origin();
    if stays && attempt.previous().last().is_some_and(leaves) {
        return attempt
            .error("a redirect to another origin is not followed with these credentials");
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error(format!("more than {MAX_REDIRECTS} redirects"));
    }
    attempt.follow()
}

/// What an error of the client means.
pub(crate) fn failure(error: reqwest::Error, settings: &OutgoingSettings) -> Failure {
    // The URL may carry tokens in its query.
    let error = error.without_url();
    let text = chain(&error);
    if let Some(denied) = denied(&error) {
        return Failure::ours(ErrorClass::Unavailable, format!("refused: {denied}")).operator(text);
    }
    let away = |retry, message: String| {
        Failure::remote(ErrorClass::Unavailable, retry, message).operator(text.clone())
    };
    if error.is_builder() {
        return Failure::invalid("the request could not be put together").operator(text);
    }
    if error.is_connect() && error.is_timeout() {
        let ms = settings.connect_timeout_ms;
        return away(
            Retry::Always,
            format!("the peer took no connection within {ms} ms"),
        );
    }
    if error.is_connect() {
        return away(
            Retry::Always,
            format!("no connection to the peer: {}", root(&error)),
        );
    }
    if error.is_redirect() {
        return away(
            Retry::Never,
            format!("a redirect was not followed: {}", root(&error)),
        );
    }
    away(
        Retry::IfIdempotent,
        format!(
            "the connection was lost before the answer was whole: {}",
            root(&error)
        ),
    )
}

fn denied(error: &reqwest::Error) -> Option<&Denied> {
    causes(error).find_map(|cause| cause.downcast_ref::<Denied>())
}

fn root(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn chain(error: &reqwest::Error) -> String {
    let causes = causes(error).map(|cause| format!(": {cause}"));
    std::iter::once(error.to_string()).chain(causes).collect()
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

#[cfg(test)]
mod tests {
    use busker_model::Side;
    use reqwest::dns::{Name, Resolve, Resolving};

    use super::*;

    struct Denies;

    impl Resolve for Denies {
        fn resolve(&self, name: Name) -> Resolving {
            let denied = Denied {
                host: name.as_str().to_owned(),
            };
            Box::pin(std::future::ready(Err(denied.into())))
        }
    }

    #[tokio::test]
    async fn a_name_that_the_guard_denies_is_our_refusal_and_not_an_absent_peer() {
        let settings = serde_json::json!({"address": "http://metadata.example"});
        let settings: OutgoingSettings = serde_json::from_value(settings).unwrap();
        let client = Client::builder()
            .tls_certs_only([])
            .dns_resolver(Arc::new(Denies));
        drop(rustls::crypto::ring::default_provider().install_default());
        let error = client
            .build()
            .unwrap()
            .get("http://metadata.example/?token=hunter2")
            .send()
            .await;
        let failure = failure(error.unwrap_err(), &settings);
        assert_eq!(
            (failure.side, failure.retry, failure.peer_is_away()),
            (Side::Us, Retry::Never, false)
        );
        assert!(failure.message.contains("metadata.example"), "{failure}");
        assert!(!format!("{failure:?}").contains("hunter2"));
    }
}
