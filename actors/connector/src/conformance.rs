//! What every kind has to keep, as checks that the tests of each connector run. A broken promise is the `Err`.

use std::future::Future;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Kind, Outbound};

/// What a check found broken.
pub type Broken = Result<(), String>;

/// Settings written out in full are read back as the same.
///
/// # Errors
/// The settings that changed.
pub fn settings_round_trip(kind: &Kind) -> Broken {
    let example = (kind.example)();
    let once = (kind.check)(&example).map_err(|faults| format!("the example: {faults:?}"))?;
    let mut full = once.settings.clone();
    for secret in kind.secrets {
        full[*secret] = example[*secret].clone();
    }
    let twice = (kind.check)(&full).map_err(|faults| format!("written out: {faults:?}"))?;
    if once != twice {
        return Err(format!("{once:?} became {twice:?}"));
    }
    if kind.groups.contains(&once.group.as_str()) {
        Ok(())
    } else {
        Err(format!(
            "group {:?} is not one of {:?}",
            once.group, kind.groups
        ))
    }
}

/// An unknown field is refused, and the fault names it and a field there is.
///
/// # Errors
/// What was accepted or said instead.
pub fn unknown_field_is_refused(kind: &Kind) -> Broken {
    let mut settings = (kind.example)();
    settings["no_such_field"] = json!(1);
    let faults = match (kind.check)(&settings) {
        Ok(prepared) => return Err(format!("accepted: {:?}", prepared.settings)),
        Err(faults) => faults,
    };
    let schema = (kind.schema)();
    let known: Vec<&String> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .collect();
    let text = format!("{faults:?}");
    let named = text.contains("no_such_field") && known.iter().all(|name| text.contains(*name));
    if named {
        Ok(())
    } else {
        Err(format!("names not all of {known:?}: {text}"))
    }
}

/// The schema lists exactly the fields there are.
///
/// # Errors
/// Both lists.
pub fn schema_lists_every_field(kind: &Kind) -> Broken {
    let prepared = (kind.check)(&(kind.example)()).map_err(|faults| format!("{faults:?}"))?;
    let names = |fields: &Value| -> Vec<String> {
        let mut names: Vec<String> = fields
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        names
    };
    let mut settings = names(&prepared.settings);
    settings.extend(kind.secrets.iter().map(|name| (*name).to_owned()));
    settings.sort();
    let schema = names(&(kind.schema)()["properties"]);
    if settings == schema {
        Ok(())
    } else {
        Err(format!("{settings:?} is not {schema:?}"))
    }
}

/// A check opens no connection to the address it checks.
///
/// # Errors
/// When it did, or the listener could not be made.
pub fn check_touches_no_network(kind: &Kind, at: impl Fn(&str) -> Value) -> Broken {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener
        .set_nonblocking(true)
        .map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    (kind.check)(&at(&address.to_string())).map_err(|faults| format!("{faults:?}"))?;
    match listener.accept() {
        Ok(_) => Err("a connection was made".to_owned()),
        Err(_) => Ok(()),
    }
}

/// A ping of a peer that is away fails, and no later than its deadline.
///
/// # Errors
/// When it succeeded or took longer.
pub async fn ping_of_a_dead_peer_fails_in_time(
    outbound: &impl Outbound,
    allowed: Duration,
) -> Broken {
    let started = tokio::time::Instant::now();
    let deadline: Instant = (started + allowed).into_std();
    let answer = outbound.ping(deadline).await;
    let took = started.elapsed();
    match answer {
        Ok(text) => Err(format!("a dead peer answered {text:?}")),
        Err(failure) if !failure.peer_is_away() => {
            Err(format!("says not that the peer is away: {failure:?}"))
        }
        Err(_) if took > allowed + Duration::from_millis(200) => {
            Err(format!("took {took:?} of {allowed:?}"))
        }
        Err(_) => Ok(()),
    }
}

/// How many requests a peer of a test has at once, and the most there ever were.
#[derive(Debug, Default)]
pub struct Peak {
    now: AtomicU32,
    most: AtomicU32,
}

impl Peak {
    /// Counts one request while `work` runs.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        let done = work.await;
        self.now.fetch_sub(1, SeqCst);
        done
    }

    /// That all permits were used and never one more.
    ///
    /// # Errors
    /// The most there were.
    pub fn was_exactly(&self, permits: u32) -> Broken {
        let most = self.most.load(SeqCst);
        if most == permits {
            Ok(())
        } else {
            Err(format!("{most} at once, with {permits} permits"))
        }
    }
}
