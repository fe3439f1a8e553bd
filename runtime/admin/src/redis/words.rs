//! A command line into its words.

use busker_model::Fault;
use busker_model::object::Violation;

/// Longest command, in bytes.
const COMMAND_BYTES: usize = 64 * 1024;
/// Most words of a command.
const WORDS: usize = 1_000;

/// The words of a command. White space keeps them apart; quotes of either kind, which go, keep it together, and a
/// backslash in double quotes takes the next character as it is.
///
/// # Errors
/// `Invalid` for a command that is empty, too long, or has a quote that does not end.
pub(super) fn words(command: &str) -> Result<Vec<String>, Fault> {
    let wrong = |message: String| Fault::violations(vec![Violation::new("command", message)]);
    if command.len() > COMMAND_BYTES {
        return Err(wrong(format!("is longer than {COMMAND_BYTES} bytes")));
    }
    let mut words = Vec::new();
    let mut letters = command.chars().peekable();
    loop {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        if letters.peek().is_none() {
            break;
        }
        if words.len() == WORDS {
            return Err(wrong(format!("has more than {WORDS} words")));
        }
        let word = word(&mut letters);
        words.push(word.ok_or_else(|| wrong("has a quote that does not end".to_owned()))?);
    }
    if words.is_empty() {
        return Err(wrong("is empty: write one such as GET key".to_owned()));
    }
    Ok(words)
}

/// The next word; `None` when a quote in it does not end.
fn word(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut word = String::new();
    while let Some(letter) = letters.next_if(|letter| !letter.is_whitespace()) {
        if letter != '"' && letter != '\'' {
            word.push(letter);
            continue;
        }
        loop {
            match letters.next()? {
                '\\' if letter == '"' => word.push(letters.next()?),
                inside if inside == letter => break,
                inside => word.push(inside),
            }
        }
    }
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_a_word_together_and_go() {
        for (command, expected) in [
            ("GET key", &["GET", "key"][..]),
            ("  SET\tk  \"a b\"\n", &["SET", "k", "a b"]),
            ("SET k 'it\"s' \"\"", &["SET", "k", "it\"s", ""]),
            ("ECHO \"say \\\"hi\\\" \\\\\"", &["ECHO", "say \"hi\" \\"]),
            ("SET k a'b c'd", &["SET", "k", "ab cd"]),
        ] {
            assert_eq!(words(command).unwrap(), expected, "{command}");
        }
        for wrong in ["", "  \n", "GET \"k", "GET 'k", "GET \"k\\"] {
            assert!(words(wrong).is_err(), "{wrong:?}");
        }
        assert!(words(&"a ".repeat(WORDS + 1)).is_err());
    }
}
