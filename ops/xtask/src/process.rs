//! Running other programs from the root of the repository.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// One program to run, with what it is told.
#[derive(Debug)]
pub(crate) struct Step {
    command: Command,
    words: Vec<OsString>,
}

/// What a captured program left behind.
#[derive(Debug)]
pub(crate) struct Captured {
    /// Whether it exited with 0.
    pub(crate) ok: bool,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

impl Step {
    /// A program found on the PATH or by its path.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(crate::root::path())
            .stdin(Stdio::null());
        Self {
            command,
            words: vec![program.as_ref().to_owned()],
        }
    }

    /// The Cargo that runs us.
    pub(crate) fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        for arg in args {
            self.command.arg(arg.as_ref());
            self.words.push(arg.as_ref().to_owned());
        }
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs it on our own terminal; says whether it exited with 0.
    pub(crate) fn run(mut self) -> Result<bool> {
        let shown = self.shown();
        let status = self.command.status();
        Ok(status
            .with_context(|| format!("starting {shown}"))?
            .success())
    }

    /// Runs it and fails unless it exited with 0.
    pub(crate) fn must(self) -> Result<()> {
        let shown = self.shown();
        anyhow::ensure!(self.run()?, "{shown} failed");
        Ok(())
    }

    /// Runs it and keeps what it prints.
    pub(crate) fn capture(mut self) -> Result<Captured> {
        let shown = self.shown();
        let output = self
            .command
            .output()
            .with_context(|| format!("starting {shown}"))?;
        Ok(Captured {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it, shows what it prints as it comes and gives every line to `each`; says whether it exited with 0.
    pub(crate) fn watch(mut self, mut each: impl FnMut(&str)) -> Result<bool> {
        let shown = self.shown();
        let (reader, writer) = std::io::pipe()?;
        self.command.stdout(writer.try_clone()?).stderr(writer);
        let mut child = self
            .command
            .spawn()
            .with_context(|| format!("starting {shown}"))?;
        // The command holds the writing end: as long as it lives, the reader never ends.
        drop(self.command);
        for line in BufReader::new(reader).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            each(&line);
        }
        Ok(child.wait()?.success())
    }

    /// Starts it in the background with its output in `log`.
    pub(crate) fn spawn(mut self, log: &Path) -> Result<Running> {
        let shown = self.shown();
        let file =
            std::fs::File::create(log).with_context(|| format!("opening {}", log.display()))?;
        self.command.stdout(file.try_clone()?).stderr(file);
        let child = self
            .command
            .spawn()
            .with_context(|| format!("starting {shown}"))?;
        Ok(Running { child })
    }

    fn shown(&self) -> String {
        let words: Vec<_> = self
            .words
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        words.join(" ")
    }
}

/// A program in the background; ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: std::process::Child,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first, so that a master process ends its workers; std can only send SIGKILL.
        let pid = self.child.id().to_string();
        let asked = Step::new("kill").args(["-TERM", &pid]).capture();
        let gone = asked.is_ok_and(|answer| answer.ok)
            && crate::time::wait_until(std::time::Duration::from_secs(5), || {
                matches!(self.child.try_wait(), Ok(Some(_)))
            });
        if !gone && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// A program on the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Whether Cargo knows the subcommand `name` (`nextest`, `deny`).
pub(crate) fn cargo_has(name: &str) -> bool {
    let step = Step::cargo().args([name, "--version"]);
    step.capture().is_ok_and(|answer| answer.ok)
}
