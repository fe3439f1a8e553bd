//! A PostgreSQL and a Redis of one's own, for `cargo xtask up --nodes N`: nodes of a cluster share them. Both listen on
//! 127.0.0.1 alone and keep their data between starts.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{Captured, Step};
use crate::{debian, time};

const POSTGRES_PORT: &str = "17432";
const REDIS_PORT: &str = "17379";
/// Superuser of the PostgreSQL, and name of the database.
const NAME: &str = "busker";
/// As root the server runs as this user of Debian's package, below a folder it may enter.
const OWNER: &str = "postgres";
const OWNED: &str = "/var/lib/postgresql";
/// Longest wait for a server to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// Most characters of an environment's path in the name of a folder.
const NAME_MOST: usize = 40;
const PASSWORD_BYTES: usize = 16;
const PRIVATE: u32 = 0o600;

/// The two servers.
pub(crate) struct Servers {
    /// Folder of Redis and of the password.
    dir: PathBuf,
    /// Folder of PostgreSQL.
    postgres: PathBuf,
    as_owner: bool,
}

impl Servers {
    /// Those beside an environment; nothing is started yet.
    pub(crate) fn beside(environment: &Path) -> Result<Self> {
        let mut name = environment
            .file_name()
            .context("--dir names no folder")?
            .to_owned();
        name.push("-servers");
        let dir = environment.with_file_name(name);
        let as_owner = std::fs::metadata("/proc/self")?.uid() == 0;
        let postgres = if as_owner {
            // One for each environment, named after the end of its path: a path to a socket must be short.
            let path = environment.to_string_lossy().replace(['/', ' '], "-");
            let end = path.char_indices().rev().take(NAME_MOST).last();
            let name = end.map_or("", |(at, _)| path.get(at..).unwrap_or_default());
            Path::new(OWNED).join(format!("busker-up{name}"))
        } else {
            dir.join("postgres")
        };
        Ok(Self {
            dir,
            postgres,
            as_owner,
        })
    }

    /// Whether they were ever started.
    pub(crate) fn exist(&self) -> bool {
        self.dir.is_dir()
    }

    /// Starts what does not run.
    pub(crate) fn start(&self) -> Result<()> {
        ensure!(
            debian::ensure(&[debian::POSTGRES, debian::REDIS])?,
            "a cluster needs both of them"
        );
        std::fs::create_dir_all(&self.dir)?;
        self.start_redis()?;
        self.start_postgres()
    }

    /// Stops them; what they keep stays.
    pub(crate) fn stop(&self) -> Result<()> {
        if self.redis("ping")?.ok {
            self.redis("shutdown")?;
        }
        if self.pg_ctl(&["status"])?.ok {
            let stopped = self.pg_ctl(&["-m", "fast", "-w", "stop"])?;
            ensure!(stopped.ok, "PostgreSQL does not stop: {}", stopped.stderr);
        }
        println!("PostgreSQL and Redis of the cluster stopped");
        Ok(())
    }

    /// What `quickstart create` is told of them.
    pub(crate) fn options(&self) -> [String; 6] {
        [
            "--odb".to_owned(),
            format!("postgresql://{NAME}@127.0.0.1:{POSTGRES_PORT}/{NAME}"),
            "--odb-password-file".to_owned(),
            self.password_file().display().to_string(),
            "--redis".to_owned(),
            format!("redis://127.0.0.1:{REDIS_PORT}/0"),
        ]
    }

    fn password_file(&self) -> PathBuf {
        self.dir.join("odb-password")
    }

    fn redis(&self, word: &str) -> Result<Captured> {
        let step = Step::new("redis-cli").args(["-p", REDIS_PORT, word]);
        let mut answer = step.dir(&self.dir).capture()?;
        // It exits with 0 when nobody answers.
        answer.ok = answer.stdout.trim() == "PONG";
        Ok(answer)
    }

    fn start_redis(&self) -> Result<()> {
        let pid_file = self.dir.join("redis.pid");
        if self.redis("ping")?.ok {
            ensure!(
                pid_file.is_file(),
                "another Redis answers on port {REDIS_PORT}: stop it first"
            );
            return Ok(());
        }
        let fixed = [
            "--bind",
            "127.0.0.1",
            "--port",
            REDIS_PORT,
            "--daemonize",
            "yes",
            "--appendonly",
            "yes",
            "--save",
            "",
            "--logfile",
            "redis.log",
            "--dir",
        ];
        Step::new("redis-server")
            .args(fixed)
            .args([&self.dir])
            .args(["--pidfile"])
            .args([&pid_file])
            .must()?;
        let answers = || self.redis("ping").is_ok_and(|answer| answer.ok);
        ensure!(
            time::wait_until(ANSWERS_WITHIN, answers),
            "Redis does not answer: see {}",
            self.dir.join("redis.log").display()
        );
        println!("Redis answers on 127.0.0.1:{REDIS_PORT}");
        Ok(())
    }

    fn start_postgres(&self) -> Result<()> {
        if !self.password_file().is_file() {
            self.make_postgres()?;
        }
        if !self.pg_ctl(&["status"])?.ok {
            let options = format!(
                "-p {POSTGRES_PORT} -c listen_addresses=127.0.0.1 -c unix_socket_directories={}",
                self.postgres.display()
            );
            let log = self.postgres.join("log").display().to_string();
            let started = self.pg_ctl(&["-l", &log, "-w", "-o", &options, "start"])?;
            ensure!(
                started.ok,
                "PostgreSQL does not start: {}; see {log}",
                started.stderr
            );
        }
        let there = self
            .client("psql")
            .args(["-d", NAME, "-c", "SELECT 1"])
            .capture()?;
        if !there.ok {
            self.client("createdb").args([NAME]).must()?;
        }
        println!("PostgreSQL answers on 127.0.0.1:{POSTGRES_PORT}");
        Ok(())
    }

    /// A fresh data folder, with a password that is in a file and on no command line.
    fn make_postgres(&self) -> Result<()> {
        // What an environment that was removed left behind is of no use: nobody has its password.
        if self.postgres.is_dir() {
            self.pg_ctl(&["-m", "immediate", "-w", "stop"])?;
            std::fs::remove_dir_all(&self.postgres)?;
        }
        std::fs::create_dir_all(&self.postgres)?;
        let password = random_password()?;
        let theirs = self.postgres.join("password");
        write_private(&theirs, &password)?;
        if self.as_owner {
            let owner = format!("{OWNER}:");
            Step::new("chown")
                .args(["-R", &owner])
                .args([&self.postgres])
                .must()?;
        }
        let made = self
            .as_owner("initdb")?
            .args([
                "-U",
                NAME,
                "-A",
                "scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--pwfile",
            ])
            .args([&theirs])
            .args(["-D"])
            .args([self.postgres.join("data")])
            .capture()?;
        std::fs::remove_file(&theirs)?;
        ensure!(made.ok, "initdb: {}", made.stderr);
        // Last: a password says that there is a server it is for.
        write_private(&self.password_file(), &password)
    }

    fn pg_ctl(&self, words: &[&str]) -> Result<Captured> {
        let data = self.postgres.join("data");
        self.as_owner("pg_ctl")?
            .args(["-D"])
            .args([data])
            .args(words)
            .capture()
    }

    /// A program of the server, run as who may run it.
    fn as_owner(&self, program: &str) -> Result<Step> {
        let program = binaries()?.join(program);
        let step = if self.as_owner {
            Step::new("runuser")
                .args(["-u", OWNER, "--"])
                .args([program])
        } else {
            Step::new(program)
        };
        Ok(step.dir(Path::new("/")))
    }

    /// A client of the server, with the password in its environment.
    fn client(&self, program: &str) -> Step {
        let password = std::fs::read_to_string(self.password_file()).unwrap_or_default();
        Step::new(program)
            .args(["-h", "127.0.0.1", "-p", POSTGRES_PORT, "-U", NAME])
            .env("PGPASSWORD", password)
    }
}

/// Where Debian has the server's programs: the newest version.
fn binaries() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")?;
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    found.sort();
    match found.pop() {
        Some(newest) => Ok(newest),
        None => bail!("PostgreSQL is installed without its server"),
    }
}

fn write_private(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text)?;
    Ok(std::fs::set_permissions(
        file,
        std::fs::Permissions::from_mode(PRIVATE),
    )?)
}

fn random_password() -> Result<String> {
    let mut bytes = [0; PASSWORD_BYTES];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
