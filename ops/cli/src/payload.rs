//! A payload from the command line: text, `@FILE`, or `-` for standard input.

use std::io::Read;
use std::path::Path;

use crate::exit::{Exit, Failure};

/// Longest payload, in bytes.
const PAYLOAD_BYTES: u64 = 64 * 1024 * 1024;

/// Reads it.
pub(crate) fn read(text: &str) -> Result<Vec<u8>, Failure> {
    if text == "-" {
        return bounded(std::io::stdin().lock(), Path::new("standard input"));
    }
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_vec()),
        Some(file) => read_file(Path::new(file)),
    }
}

/// Reads a file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = std::fs::File::open(path).map_err(|error| Failure::file(path, &error))?;
    bounded(file, path)
}

/// Reads it as text.
pub(crate) fn read_text(text: &str) -> Result<String, Failure> {
    String::from_utf8(read(text)?)
        .map_err(|_| Failure::new(Exit::Invalid, "the payload is not UTF-8"))
}

fn bounded(source: impl Read, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = source.take(PAYLOAD_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file(path, &error))?;
    if bytes.len() as u64 > PAYLOAD_BYTES {
        let message = format!("{} is longer than {PAYLOAD_BYTES} bytes", path.display());
        return Err(Failure::new(Exit::TooLarge, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_as_it_is_and_a_file_by_its_name() {
        assert_eq!(read("{\"a\": 1}").unwrap(), b"{\"a\": 1}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from a file").unwrap();
        assert_eq!(
            read_text(&format!("@{}", file.path().display())).unwrap(),
            "from a file"
        );
        let missing = read("@/nowhere/payload.json").unwrap_err();
        assert_eq!(missing.exit, Exit::NotFound);
        assert!(
            missing.message.contains("/nowhere/payload.json"),
            "{missing}"
        );
    }
}
