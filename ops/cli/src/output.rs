//! What is printed: answers on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::args::Format;
use crate::exit::{Exit, Failure};

/// Prints a line for people.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    write(format!("{line}\n").as_bytes())
}

/// Prints bytes as they are; a terminal gets a line end if they have none.
pub(crate) fn body(bytes: &[u8]) -> Result<(), Failure> {
    write(bytes)?;
    if !bytes.is_empty() && !bytes.ends_with(b"\n") && io::stdout().is_terminal() {
        write(b"\n")?;
    }
    Ok(())
}

/// Prints a value in a format for programs; `None` when the format is the table, which the caller draws.
pub(crate) fn structured(format: Format, value: &Value) -> Option<Result<(), Failure>> {
    let text = match format {
        Format::Table => return None,
        Format::Json => serde_json::to_string_pretty(value).map_err(|error| error.to_string()),
        Format::Yaml => serde_yaml_ng::to_string(value)
            .map(|text| text.trim_end().to_owned())
            .map_err(|error| error.to_string()),
    };
    Some(match text {
        Ok(text) => say(&text),
        Err(error) => Err(Failure::new(Exit::Internal, error)),
    })
}

/// Prints an answer in a format; `table` draws it for people.
pub(crate) fn print(
    format: Format,
    answer: &Value,
    table: impl FnOnce(&Value) -> String,
) -> Result<(), Failure> {
    structured(format, answer).unwrap_or_else(|| say(&table(answer)))
}

/// Rows of an answer as columns: each a head, and the field it shows, such as `failure.message`.
pub(crate) fn rows(rows: &Value, shown: &[(&str, &str)]) -> String {
    let head: Vec<&str> = shown.iter().map(|(head, _)| *head).collect();
    let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let cells = shown.iter().map(|(_, field)| cell(inside(row, field)));
            cells.collect()
        })
        .collect();
    columns(&head, &rows)
}

fn inside<'v>(value: &'v Value, field: &str) -> &'v Value {
    field.split('.').fold(value, |value, part| &value[part])
}

/// One object as lines of field and value; a field of a field is `settings.url_path`.
pub(crate) fn fields(answer: &Value) -> String {
    let mut found = Vec::new();
    flatten("", answer, &mut found);
    columns(&["FIELD", "VALUE"], &found)
}

fn flatten(prefix: &str, value: &Value, found: &mut Vec<Vec<String>>) {
    match value {
        // What is not there, or says nothing, needs no line.
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                flatten(&name, field, found);
            }
        }
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            found.push(vec![prefix.to_owned(), cell(other)]);
        }
    }
}

/// Tells how far long work is, where somebody watches.
pub(crate) fn progress(text: &str) {
    let mut out = io::stderr().lock();
    if out.is_terminal() {
        drop(writeln!(out, "{}", printable(text)));
    }
}

/// Tells why a command failed.
pub(crate) fn complain(failure: &Failure) {
    // With standard error gone there is nobody left to tell.
    drop(writeln!(io::stderr().lock(), "busker: {failure}"));
}

fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    match written {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other
            .map_err(|error| Failure::new(Exit::Unavailable, format!("standard output: {error}"))),
    }
}

/// Lines of columns that are as wide as they must be; the last one is not padded.
pub(crate) fn columns(head: &[&str], rows: &[Vec<String>]) -> String {
    let wide = |text: &str| text.chars().count();
    let mut widths: Vec<usize> = head.iter().map(|name| wide(name)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(wide(cell));
        }
    }
    let line = |cells: &[&str]| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let line: Vec<String> = padded.collect();
        line.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head)];
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        lines.push(line(&cells));
    }
    lines.join("\n")
}

/// A value in a cell: texts without quotes, nothing for null.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Control characters are escaped: text from outside must not steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_where_they_end() {
        let rows = [
            vec!["crm".to_owned(), "http".to_owned()],
            vec!["Grüße an alle".to_owned(), String::new()],
        ];
        assert_eq!(
            columns(&["NAME", "KIND"], &rows),
            "NAME           KIND\ncrm            http\nGrüße an alle"
        );
    }

    #[test]
    fn an_object_is_shown_field_by_field_and_rows_by_what_they_have() {
        let object = json!({"name": "crm", "note": null, "action": "", "settings": {"url_path": "/crm", "tags": [1]}});
        let expected = "\
FIELD              VALUE
name               crm
settings.url_path  /crm
settings.tags      [1]";
        assert_eq!(fields(&object), expected);
        let list = json!([{"cid": "K1", "failure": {"class": "timeout"}}, {"cid": "K2"}]);
        let shown = rows(&list, &[("CID", "cid"), ("WHY", "failure.class")]);
        assert_eq!(shown, "CID  WHY\nK1   timeout\nK2");
    }

    #[test]
    fn text_from_outside_cannot_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
    }
}
