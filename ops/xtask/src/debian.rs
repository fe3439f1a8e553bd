//! What this repository needs from the system, by the name of its Debian package. As root it is installed; as anyone
//! else the exact command is printed and the work goes on, so that what can be seen without it is seen.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Result;

use crate::process::{Step, on_path};

/// The interpreter that Debian's python3-* packages belong to; another Python on the PATH would not see them.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// One Debian package and the way to see that it is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    package: &'static str,
    probe: Probe,
}

#[derive(Debug, Clone, Copy)]
enum Probe {
    Program(&'static str),
    PythonModule(&'static str),
    PostgresServer,
}

pub(crate) const PYTHON3: Need = Need {
    package: "python3",
    probe: Probe::Program(PYTHON),
};
pub(crate) const LXML: Need = Need {
    package: "python3-lxml",
    probe: Probe::PythonModule("lxml"),
};
pub(crate) const GREENLET: Need = Need {
    package: "python3-greenlet",
    probe: Probe::PythonModule("greenlet"),
};
pub(crate) const VENV: Need = Need {
    package: "python3-venv",
    probe: Probe::PythonModule("ensurepip"),
};
pub(crate) const POSTGRES: Need = Need {
    package: "postgresql",
    probe: Probe::PostgresServer,
};
pub(crate) const REDIS: Need = Need {
    package: "redis-server",
    probe: Probe::Program("/usr/bin/redis-server"),
};
pub(crate) const WRK: Need = Need {
    package: "wrk",
    probe: Probe::Program("wrk"),
};

/// Sees to it that `needs` are there. `false`: some are missing and we may not, or cannot, install them.
pub(crate) fn ensure(needs: &[Need]) -> Result<bool> {
    let missing: Vec<&str> = needs
        .iter()
        .filter(|need| !need.is_there())
        .map(|need| need.package)
        .collect();
    if missing.is_empty() {
        return Ok(true);
    }
    let command = format!(
        "apt-get install --no-install-recommends {}",
        missing.join(" ")
    );
    if !is_root() || on_path("apt-get").is_none() {
        println!("missing: {}", missing.join(", "));
        println!("  as root on Debian: {command}");
        return Ok(false);
    }
    println!("installing {}", missing.join(", "));
    if install(&missing)? || (update()? && install(&missing)?) {
        return Ok(true);
    }
    println!("could not install; try: {command}");
    Ok(false)
}

impl Need {
    fn is_there(self) -> bool {
        match self.probe {
            Probe::Program(name) if name.starts_with('/') => Path::new(name).is_file(),
            Probe::Program(name) => on_path(name).is_some(),
            Probe::PythonModule(name) => {
                let step = Step::new(PYTHON).args(["-c", &format!("import {name}")]);
                step.capture().is_ok_and(|answer| answer.ok)
            }
            Probe::PostgresServer => postgres_server(),
        }
    }
}

/// Debian keeps one folder for each major version of the server, and nothing of it on the PATH.
fn postgres_server() -> bool {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else {
        return on_path("initdb").is_some();
    };
    versions
        .flatten()
        .any(|version| version.path().join("bin/initdb").is_file())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn update() -> Result<bool> {
    apt(&["update", "-qq"])
}

fn install(packages: &[&str]) -> Result<bool> {
    apt(&[
        &["install", "-y", "-qq", "--no-install-recommends"],
        packages,
    ]
    .concat())
}

/// Quiet on success, all it said on failure.
fn apt(args: &[&str]) -> Result<bool> {
    let step = Step::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive");
    let answer = step.capture()?;
    if !answer.ok {
        print!("{}{}", answer.stdout, answer.stderr);
    }
    Ok(answer.ok)
}
