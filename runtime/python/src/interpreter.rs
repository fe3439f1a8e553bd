//! Which Python runs the services.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use busker_kit::clock;
use busker_model::{ErrorClass, Fault};
use tokio::process::Command;

use crate::config::PythonConfig;

/// Oldest version that works.
const OLDEST: (u32, u32) = (3, 8);
/// Longest wait for `--version`.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// An interpreter that was asked for its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The program.
    pub path: PathBuf,
    /// Such as `3.11.2`.
    pub version: String,
}

/// The interpreter of the rule: configuration, `BUSKER_PYTHON`, `/usr/bin/python3`, then `PATH`.
///
/// # Errors
/// `Unavailable`, code `python-missing`, with the remedy.
pub async fn find(config: &PythonConfig) -> Result<Interpreter, Fault> {
    let Some(path) = choose(config, Path::is_file) else {
        return Err(missing("no python3 was found"));
    };
    let version = ask_version(&path)
        .await
        .map_err(|why| missing(&format!("{}: {why}", path.display())))?;
    if parse(&version).is_none_or(|found| found < OLDEST) {
        return Err(missing(&format!(
            "{} is version {version}, and 3.8 is the oldest that works",
            path.display()
        )));
    }
    Ok(Interpreter { path, version })
}

/// A named interpreter is taken even when it is not there, so that the message names it.
fn choose(config: &PythonConfig, is_file: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    if let Some(named) = config
        .interpreter
        .as_ref()
        .or(config.interpreter_from_env.as_ref())
    {
        return Some(named.clone());
    }
    let usual = PathBuf::from("/usr/bin/python3");
    if is_file(&usual) {
        return Some(usual);
    }
    let path = config.environment.iter().find(|(name, _)| name == "PATH")?;
    std::env::split_paths(&path.1)
        .map(|folder| folder.join("python3"))
        .find(|file| is_file(file))
}

/// The fault of a node without Python.
fn missing(why: &str) -> Fault {
    Fault::new(
        ErrorClass::Unavailable,
        format!("{why}: install python3 or set [python] interpreter in busker.toml"),
    )
    .retry(false)
    .code("python-missing")
}

async fn ask_version(path: &Path) -> Result<String, String> {
    let mut command = Command::new(path);
    command
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let end = tokio::time::Instant::from_std(clock::now() + VERSION_TIMEOUT);
    let output = tokio::time::timeout_at(end, command.output())
        .await
        .map_err(|_| "did not say its version in time".to_owned())?
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.trim().strip_prefix("Python ").unwrap_or_default();
    if version.is_empty() {
        Err("is not a Python interpreter".to_owned())
    } else {
        Ok(version.to_owned())
    }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor: String = parts
        .next()?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    Some((major, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_beats_environment_beats_debian_beats_path() {
        let mut config = PythonConfig::new("/data", "node1");
        config.environment = vec![("PATH".into(), "/a:/b".into())];
        let only_b = |file: &Path| file == Path::new("/b/python3");
        assert_eq!(choose(&config, |_| false), None);
        assert_eq!(choose(&config, only_b), Some("/b/python3".into()));
        assert_eq!(choose(&config, |_| true), Some("/usr/bin/python3".into()));
        config.interpreter_from_env = Some("/env/python".into());
        assert_eq!(choose(&config, |_| true), Some("/env/python".into()));
        config.interpreter = Some("/toml/python".into());
        assert_eq!(choose(&config, |_| true), Some("/toml/python".into()));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse("3.11.7"), Some((3, 11)));
        assert_eq!(parse("3.8.0rc1"), Some((3, 8)));
        assert_eq!(parse("3.14t"), Some((3, 14)));
        assert!(parse("3.10.1").is_some_and(|found| found >= OLDEST));
        assert!(parse("3.7.9").is_some_and(|found| found < OLDEST));
        assert_eq!(parse("nonsense"), None);
    }

    #[tokio::test]
    async fn a_missing_interpreter_names_the_remedy() {
        let mut config = PythonConfig::new("/data", "node1");
        config.interpreter = Some("/nowhere/python3".into());
        let fault = find(&config).await.unwrap_err();
        assert_eq!(fault.code_str(), Some("python-missing"));
        assert!(
            fault.message.contains("/nowhere/python3")
                && fault.message.contains("[python] interpreter"),
            "{fault}"
        );
    }
}
