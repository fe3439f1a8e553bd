//! The peers: a bare actix-web server, and the Python hosts a service could have had instead.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::contender::Contender;
use crate::debian::PYTHON;
use crate::process::Step;

/// What is installed by pip; `packaging` is missing from gunicorn's own list.
const PACKAGES: &[&str] = &[
    "gunicorn",
    "gevent",
    "packaging",
    "falcon",
    "flask",
    "requests",
    "starlette",
    "uvicorn[standard]",
];
/// Packages whose versions belong to the figures.
const NAMED: &[&str] = &[
    "gunicorn",
    "gevent",
    "falcon",
    "flask",
    "requests",
    "starlette",
    "uvicorn",
    "uvloop",
];
/// The bare server is also the peer that nested calls go out to.
pub(super) const PORT_BARE: u16 = 20110;
const PORT_FALCON: u16 = 20111;
const PORT_FLASK: u16 = 20112;
const PORT_STARLETTE: u16 = 20113;
const PORT_NESTED: u16 = 20114;

/// Peers that run, and what they are.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) contenders: Vec<Contender>,
    pub(super) versions: Vec<String>,
}

/// What a server written directly on actix-web does: the ceiling.
pub(super) fn bare(workers: usize, scratch: &Path) -> Result<Contender> {
    let args = [
        "build",
        "--quiet",
        "--release",
        "-p",
        "busker-integration-tests",
        "--bin",
        "bare_actix",
    ];
    Step::cargo().args(args).must()?;
    let program = crate::root::target().join("release/bare_actix");
    let step = Step::new(program).args([PORT_BARE.to_string(), workers.to_string()]);
    Contender::start("bare actix-web", step, PORT_BARE, scratch)
}

/// The Python hosts, each with one worker process per core as Busker has; none if pip cannot get them.
pub(super) fn python(workers: usize, scratch: &Path) -> Result<Peers> {
    let Some(venv) = venv()? else {
        println!("SKIPPED: Python peers, pip cannot install them (no package index?)");
        return Ok(Peers::default());
    };
    let gunicorn = |module: &str, port: u16| {
        Step::new(venv.join("bin/gunicorn"))
            .dir(&apps())
            .args([
                "--worker-class",
                "gevent",
                "--keep-alive",
                "75",
                "--log-level",
                "warning",
            ])
            .args([
                "--workers",
                &workers.to_string(),
                "--bind",
                &format!("127.0.0.1:{port}"),
            ])
            .args([format!("{module}:application")])
    };
    let uvicorn = Step::new(venv.join("bin/uvicorn"))
        .dir(&apps())
        .args([
            "--workers",
            &workers.to_string(),
            "--port",
            &PORT_STARLETTE.to_string(),
        ])
        .args([
            "--no-access-log",
            "--log-level",
            "warning",
            "starlette_echo:application",
        ]);
    let contenders = vec![
        Contender::start(
            "gunicorn+gevent falcon",
            gunicorn("falcon_echo", PORT_FALCON),
            PORT_FALCON,
            scratch,
        )?,
        Contender::start(
            "gunicorn+gevent Flask",
            gunicorn("flask_echo", PORT_FLASK),
            PORT_FLASK,
            scratch,
        )?,
        Contender::start("uvicorn Starlette", uvicorn, PORT_STARLETTE, scratch)?,
        Contender::start(
            "gunicorn+gevent Flask -> requests",
            gunicorn("flask_nested", PORT_NESTED),
            PORT_NESTED,
            scratch,
        )?,
    ];
    Ok(Peers {
        contenders,
        versions: versions(&venv)?,
    })
}

fn apps() -> PathBuf {
    crate::root::path().join("ops/xtask/peers")
}

fn venv() -> Result<Option<PathBuf>> {
    let venv = crate::root::target().join("venv-peers");
    // Complete only when the last step of an earlier run was reached, with this list.
    let (mark, wanted) = (venv.join("packages"), PACKAGES.join(" "));
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(Some(venv));
    }
    let made = Step::new(PYTHON).args(["-m", "venv"]).args([&venv]).run()?;
    let pip = || {
        Step::new(venv.join("bin/pip"))
            .args(["install", "--quiet"])
            .args(PACKAGES)
            .run()
    };
    if !(made && pip()?) {
        return Ok(None);
    }
    std::fs::write(&mark, wanted)?;
    Ok(Some(venv))
}

fn versions(venv: &Path) -> Result<Vec<String>> {
    let answer = Step::new(venv.join("bin/pip"))
        .args(["list", "--format", "freeze"])
        .capture()?;
    let named = |line: &&str| {
        line.split_once("==")
            .is_some_and(|(name, _)| NAMED.contains(&name.to_lowercase().as_str()))
    };
    Ok(answer
        .stdout
        .lines()
        .filter(named)
        .map(|line| line.replace("==", " "))
        .collect())
}
