//! A server under load: how it is started, that it answers rightly, how it is ended.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{Running, Step};
use crate::{front, time};

/// From a started process to its first answer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// One server and the echo in it.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) port: u16,
    pub(super) path: &'static str,
    /// Value of the `Authorization` header it asks for.
    pub(super) authorization: Option<&'static str>,
    /// The process whose tree is measured.
    pub(super) root_pid: u32,
    /// `None`: somebody else ends it.
    _process: Option<Running>,
}

impl Contender {
    /// Starts a server of its own, with its output in `scratch`.
    pub(super) fn start(name: &'static str, step: Step, port: u16, scratch: &Path) -> Result<Self> {
        let log = scratch.join(format!("{}.log", name.replace([' ', '+'], "-")));
        let process = step.spawn(&log)?;
        let contender = Self {
            name,
            port,
            path: "/echo",
            authorization: None,
            root_pid: process.pid(),
            _process: Some(process),
        };
        contender
            .prove()
            .with_context(|| format!("see {}", log.display()))?;
        Ok(contender)
    }

    /// Takes a server that runs already.
    pub(super) fn running(
        name: &'static str,
        port: u16,
        (path, authorization): (&'static str, Option<&'static str>),
        root_pid: u32,
    ) -> Result<Self> {
        let contender = Self {
            name,
            port,
            path,
            authorization,
            root_pid,
            _process: None,
        };
        contender.prove()?;
        Ok(contender)
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port, self.path)
    }

    /// A server that answers wrongly may be fast: it must echo before it is measured.
    fn prove(&self) -> Result<()> {
        let mut answer = None;
        time::wait_until(START_LIMIT, || {
            answer = front::post_as(
                self.port,
                self.path,
                r#"{"text":"proof"}"#,
                self.authorization,
            )
            .ok();
            answer.as_ref().is_some_and(|answer| answer.status == 200)
        });
        let body = answer
            .as_ref()
            .map(|answer| answer.body.replace(' ', ""))
            .unwrap_or_default();
        let right = body.contains(r#""text":"proof""#) && body.contains(r#""length":5"#);
        ensure!(right, "{} does not echo: {answer:?}", self.name);
        Ok(())
    }
}
