//! Passwords from a person or a file, never from the command line.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use busker_model::Secret;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::exit::{Exit, Failure};
use crate::{output, payload};

/// Reads a password from a file; its last line end does not count.
pub(crate) fn password_file(file: &Path) -> Result<Secret, Failure> {
    let text = String::from_utf8(payload::read_file(file)?)
        .map_err(|_| Failure::new(Exit::Invalid, format!("{} is not UTF-8", file.display())))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        let message = format!("{} holds no password", file.display());
        return Err(Failure::new(Exit::Invalid, message));
    }
    Ok(Secret::new(password))
}

/// Environment variable with the password a command asks for.
pub(crate) const PASSWORD_VARIABLE: &str = "BUSKER_PASSWORD";

/// A password from the file, else from [`PASSWORD_VARIABLE`], else from a person who types it twice.
pub(crate) fn password(what: &str, file: Option<&Path>) -> Result<Secret, Failure> {
    if let Some(file) = file {
        return password_file(file);
    }
    if let Some(password) = busker_node::variable(PASSWORD_VARIABLE) {
        return Ok(Secret::new(password));
    }
    twice(
        what,
        "--password-file FILE, or the variable BUSKER_PASSWORD",
    )
}

/// A secret from the file, else from standard input, else from a person who types it twice.
pub(crate) fn secret(what: &str, file: Option<&Path>) -> Result<Secret, Failure> {
    match file {
        Some(file) => password_file(file),
        None if io::stdin().is_terminal() => twice(what, "--secret-file"),
        None => password_file(Path::new("/dev/stdin")),
    }
}

/// Asks twice without echo; without a terminal it names the option to use instead.
pub(crate) fn twice(what: &str, option: &str) -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        let message = format!("{what}: there is no terminal to ask on; use {option}");
        return Err(Failure::usage(message));
    }
    let first = once(&format!("{what} (will not be echoed): "))?;
    let again = once(&format!("{what} again (will not be echoed): "))?;
    if first != again {
        return Err(Failure::new(Exit::Invalid, "the two passwords differ"));
    }
    if first.expose().is_empty() {
        return Err(Failure::new(Exit::Invalid, "a password cannot be empty"));
    }
    Ok(first)
}

/// Asks for what may be left out, twice without echo; `None` when nothing is typed.
pub(crate) fn optional(what: &str) -> Result<Option<Secret>, Failure> {
    let first = once(&format!("{what} (will not be echoed; empty for none): "))?;
    if first.expose().is_empty() {
        return Ok(None);
    }
    let again = once(&format!("{what} again (will not be echoed): "))?;
    if first != again {
        return Err(Failure::new(Exit::Invalid, "the two differ"));
    }
    Ok(Some(first))
}

fn once(question: &str) -> Result<Secret, Failure> {
    let failed = |error: io::Error| Failure::new(Exit::Internal, format!("terminal: {error}"));
    let mut terminal = io::stderr().lock();
    terminal.write_all(question.as_bytes()).map_err(failed)?;
    let quiet = Quiet::new().map_err(|error| failed(error.into()))?;
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    drop(quiet);
    terminal.write_all(b"\n").map_err(failed)?;
    read.map_err(failed)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

/// A terminal that does not echo, until it is dropped.
struct Quiet(Termios);

impl Quiet {
    fn new() -> nix::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0) {
            let message = format!("the terminal stays without echo ({error}): type `reset`");
            output::complain(&Failure::new(Exit::Internal, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_file_has_no_line_end_and_is_not_empty() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " two words \r\n").unwrap();
        assert_eq!(password_file(file.path()).unwrap().expose(), " two words ");
        std::fs::write(file.path(), "\n").unwrap();
        assert_eq!(password_file(file.path()).unwrap_err().exit, Exit::Invalid);
    }
}
