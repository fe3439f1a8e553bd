//! The words after a command's name. Parsed by hand, because a parser crate would double this crate's compile time.

use std::fmt;

/// What is left of a command line, taken apart flag by flag.
#[derive(Debug)]
pub(crate) struct Args {
    words: Vec<String>,
}

/// A command line that makes no sense: exit code 2, never a half-done command.
#[derive(Debug)]
pub(crate) struct Misunderstood(pub(crate) String);

impl fmt::Display for Misunderstood {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Misunderstood {}

impl Args {
    pub(crate) fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self {
            words: words.into_iter().collect(),
        }
    }

    /// The first word, and the rest.
    pub(crate) fn split_first(mut self) -> (Option<String>, Self) {
        let first = (!self.words.is_empty()).then(|| self.words.remove(0));
        (first, self)
    }

    /// Takes `name` away and says whether it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() != before
    }

    /// Takes `name VALUE` away.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>, Misunderstood> {
        let Some(at) = self.words.iter().position(|word| word == name) else {
            return Ok(None);
        };
        if at + 1 >= self.words.len() {
            return Err(Misunderstood(format!("{name} needs a value")));
        }
        let value = self.words.remove(at + 1);
        self.words.remove(at);
        Ok(Some(value))
    }

    /// Takes `name N` away; `default` if it is not there.
    pub(crate) fn number(&mut self, name: &str, default: u32) -> Result<u32, Misunderstood> {
        match self.value(name)? {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| Misunderstood(format!("{name} needs a number, not {text:?}"))),
        }
    }

    /// The words that are left; an unknown flag among them is refused.
    pub(crate) fn words(self) -> Result<Vec<String>, Misunderstood> {
        match self.words.iter().find(|word| word.starts_with('-')) {
            Some(flag) => Err(Misunderstood(format!("unknown flag {flag}"))),
            None => Ok(self.words),
        }
    }

    /// Refuses whatever is left.
    pub(crate) fn finish(self) -> Result<(), Misunderstood> {
        match self.words.first() {
            Some(word) => Err(Misunderstood(format!("unknown argument {word}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_and_values_are_taken_wherever_they_stand() {
        let mut args = args("one --nodes 3 two --all");
        assert!(args.flag("--all"));
        assert!(!args.flag("--release"));
        assert_eq!(args.number("--nodes", 1).unwrap(), 3);
        assert_eq!(args.words().unwrap(), ["one", "two"]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(args("--nodes").value("--nodes").is_err());
        assert!(args("--nodes many").number("--nodes", 1).is_err());
        assert!(args("--frob").words().is_err());
        assert!(args("frob").finish().is_err());
    }
}
