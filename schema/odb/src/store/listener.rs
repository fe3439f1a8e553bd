//! Hears commits of other nodes: LISTEN on a connection of its own, on a thread of its own.
//!
//! A pool hides notifications, and a lost connection loses them; so each time it connects it also reads the revision.
//! The payload is a hint: readers read what changed since theirs.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::poll_fn;
use tokio::sync::{oneshot, watch};
use tokio_postgres::{AsyncMessage, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{OdbError, Result};
use crate::store::postgres::{CHANNEL, refused};
use crate::store::sqlite::raise;

/// First and longest pause before the next try to connect.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Starts the thread; it ends when the other half of `stop` goes.
pub(crate) fn start(
    config: Config,
    tls: MakeRustlsConnect,
    hint: watch::Sender<i64>,
    stop: oneshot::Receiver<()>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(OdbError::unavailable)?;
    std::thread::Builder::new()
        .name("odb-listener".into())
        .spawn(move || {
            runtime.block_on(listen_until(stop, config, tls, hint));
        })
        .map_err(OdbError::unavailable)?;
    Ok(())
}

async fn listen_until(
    mut stop: oneshot::Receiver<()>,
    config: Config,
    tls: MakeRustlsConnect,
    hint: watch::Sender<i64>,
) {
    let mut pause = RETRY.0;
    loop {
        let outcome = tokio::select! {
            outcome = listen(&config, tls.clone(), &hint, &mut pause) => outcome,
            _ = &mut stop => return,
        };
        let reason = outcome.map_or_else(|error| error, |()| OdbError::unavailable("closed"));
        tracing::warn!(
            retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            reason = ?reason,
            "The connection that hears configuration changes is lost; changes are seen by polling until it is back"
        );
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = &mut stop => return,
        }
        pause = (pause * 2).min(RETRY.1);
    }
}

async fn listen(
    config: &Config,
    tls: MakeRustlsConnect,
    hint: &watch::Sender<i64>,
    pause: &mut Duration,
) -> Result<()> {
    let (client, mut connection) = config.connect(tls).await.map_err(|e| refused(&e))?;
    let mut messages = poll_fn(move |context| connection.poll_message(context));
    let mut setup = pin!(async {
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
        // Before the first migration there is no such table.
        let row = client.query_opt("SELECT revision FROM cluster", &[]).await;
        Ok::<_, tokio_postgres::Error>(row.ok().flatten().map(|row| row.get::<_, i64>(0)))
    });
    let mut listening = false;
    loop {
        tokio::select! {
            revision = &mut setup, if !listening => {
                listening = true;
                *pause = RETRY.0;
                if let Some(revision) = revision.map_err(|e| refused(&e))? {
                    raise(hint, revision);
                }
            }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(note))) => {
                    if let Ok(revision) = note.payload().parse() {
                        raise(hint, revision);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(refused(&error)),
                None => return Ok(()),
            },
        }
    }
}
