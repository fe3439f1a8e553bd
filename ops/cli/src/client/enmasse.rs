//! Configuration as code: `busker enmasse export|import|diff`.
//!
//! What a file needs from this side, the files it includes and the variables it names, is sent along with it; all else is
//! the node's to do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use busker_enmasse::gather;
use serde_json::{Map, Value, json};

use super::changes::{self, Detail};
use super::{Answer, CALL_TIMEOUT, Client};
use crate::args::{FileArgs, TextFormat};
use crate::exit::{Exit, Failure};
use crate::{output, payload};

/// What an export is asked for.
pub(crate) struct Export {
    pub(crate) output: Option<PathBuf>,
    pub(crate) format: Option<TextFormat>,
    pub(crate) kinds: Vec<String>,
    pub(crate) filter: Option<String>,
}

/// Writes the configuration to a file or to standard output.
pub(crate) async fn export(client: &Client, wanted: Export) -> Result<(), Failure> {
    let named_json = wanted.output.as_ref().and_then(|path| path.extension());
    let is_json = match wanted.format {
        Some(format) => format == TextFormat::Json,
        None => named_json.is_some_and(|extension| extension == "json"),
    };
    let mut input = json!({"format": if is_json { "json" } else { "yaml" }});
    if !wanted.kinds.is_empty() {
        input["kinds"] = json!(wanted.kinds);
    }
    if let Some(filter) = wanted.filter {
        input["filter"] = json!(filter);
    }
    let answer = client.call("busker.enmasse.export", &input).await?;
    let text = answer["text"].as_str().unwrap_or_default();
    let Some(path) = wanted.output else {
        return output::body(text.as_bytes());
    };
    write(&path, text)?;
    let objects = output::cell(&answer["objects"]);
    output::say(&format!("{objects} objects written to {}", path.display()))
}

/// Whoever reads the file meanwhile reads it whole, before or after.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    std::fs::write(&part, text).map_err(|error| Failure::file(&part, &error))?;
    std::fs::rename(&part, path).map_err(|error| Failure::file(path, &error))
}

/// Makes the configuration what a file says, or shows what that would do.
pub(crate) async fn import(client: &Client, file: &FileArgs, plan: bool) -> Result<(), Failure> {
    let answer = ask(client, file, if plan { "plan" } else { "import" }).await?;
    if let Some(printed) = output::structured(file.format, &answer) {
        return printed;
    }
    let detail = if plan { Detail::Fields } else { Detail::Names };
    let mut lines = changes::lines(&answer, detail);
    lines.extend(changes::remarks(&answer));
    let sum = changes::sum(&answer, !plan);
    let revision = output::cell(&answer["revision"]);
    lines.push(format!("{sum}; revision {revision}"));
    output::say(&lines.join("\n"))
}

/// Shows what differs; answers how the command ends.
pub(crate) async fn diff(client: &Client, file: &FileArgs, partial: bool) -> Result<Exit, Failure> {
    let answer = ask(client, file, "plan").await?;
    let others = changes::list(&answer, "not_in_file");
    let others = if partial { &[][..] } else { others };
    let differs = ["create", "edit"]
        .iter()
        .any(|key| !changes::list(&answer, key).is_empty());
    let exit = if differs || !others.is_empty() {
        Exit::Different
    } else {
        Exit::Ok
    };
    if let Some(printed) = output::structured(file.format, &answer) {
        return printed.map(|()| exit);
    }
    let mut lines = changes::lines(&answer, Detail::Fields);
    lines.extend(others.iter().map(|other| changes::head('-', other)));
    lines.extend(changes::remarks(&answer));
    lines.push(if exit == Exit::Ok {
        "no difference".to_owned()
    } else if others.is_empty() {
        changes::sum(&answer, false)
    } else {
        let there = others.len();
        format!(
            "{}, {there} only in the cluster",
            changes::sum(&answer, false)
        )
    });
    output::say(&lines.join("\n")).map(|()| exit)
}

async fn ask(client: &Client, file: &FileArgs, verb: &str) -> Result<Value, Failure> {
    let input = gathered(file)?.to_string().into_bytes();
    let service = format!("busker.enmasse.{verb}");
    let answer = client.post(&service, input, CALL_TIMEOUT).await?;
    if let Some(failure) = faults(&answer) {
        return Err(failure);
    }
    let answer = answer.succeeded()?;
    serde_json::from_slice(&answer.body).map_err(|error| {
        let message = format!("{service} answered no JSON: {error}");
        Failure::new(Exit::Internal, message)
    })
}

/// All that is wrong with a file, a line for each.
fn faults(answer: &Answer) -> Option<Failure> {
    let problem: Value = serde_json::from_slice(&answer.body).ok()?;
    let violations = changes::list(&problem, "violations");
    if answer.status < 400 || violations.is_empty() {
        return None;
    }
    let count = match violations.len() {
        1 => "one fault".to_owned(),
        many => format!("{many} faults"),
    };
    let mut message = format!("{count}; nothing was changed");
    for one in violations {
        let (place, fault) = (output::cell(&one["field"]), output::cell(&one["message"]));
        message.push_str(&format!("\n  {place}: {fault}"));
    }
    Some(Failure::new(answer.failure().exit, message))
}

/// The file with all it needs.
fn gathered(file: &FileArgs) -> Result<Value, Failure> {
    let from_stdin = file.input.as_os_str() == "-";
    let bytes = if from_stdin {
        payload::read("-")?
    } else {
        payload::read_file(&file.input)?
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        let message = format!("{} is not UTF-8", file.input.display());
        Failure::new(Exit::Invalid, message)
    })?;
    let name = match file.input.file_name() {
        Some(name) if !from_stdin => name.to_string_lossy().into_owned(),
        Some(_) | None => "standard input".to_owned(),
    };
    let folder = match file.input.parent() {
        Some(folder) if !from_stdin && !folder.as_os_str().is_empty() => folder.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    };
    let found = gather(&name, &text, |path| {
        included(&folder, path, file.include_outside)
    });
    let files: Map<String, Value> = found
        .files
        .into_iter()
        .map(|(path, read)| match read {
            Ok(text) => (path, Value::String(text)),
            Err(problem) => (path, json!({"problem": problem})),
        })
        .collect();
    let mut input = json!({
        "file": name, "text": text, "files": files, "variables": set(found.variables),
    });
    if file.services_must_exist {
        input["services_must_exist"] = json!(true);
    }
    Ok(input)
}

/// Text of an included file; it lies within the folder unless that does not matter.
fn included(folder: &Path, path: &str, outside: bool) -> Result<String, String> {
    let wrong = |error: std::io::Error| error.to_string();
    let root = folder.canonicalize().map_err(wrong)?;
    // Links are followed first: one of them may lead out.
    let path = root.join(path).canonicalize().map_err(wrong)?;
    if !outside && !path.starts_with(&root) {
        return Err("it is outside of the folder; --include-outside allows that".to_owned());
    }
    if !path.is_file() {
        return Err("it is not a file".to_owned());
    }
    let bytes = payload::read_file(&path).map_err(|failure| failure.message)?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Those of the variables that are set.
fn set(names: BTreeSet<String>) -> Map<String, Value> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a file of configuration names variables of whoever imports it"
    )]
    let value = |name: &String| std::env::var(name).ok();
    names
        .into_iter()
        .filter_map(|name| value(&name).map(|value| (name, Value::String(value))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_included_from_its_folder_and_from_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("env");
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        std::fs::write(inside.join("sub/a.yaml"), "a").unwrap();
        std::fs::write(folder.path().join("b.yaml"), "b").unwrap();
        std::os::unix::fs::symlink("../b.yaml", inside.join("link.yaml")).unwrap();
        assert_eq!(included(&inside, "sub/a.yaml", false).unwrap(), "a");
        for path in ["../b.yaml", "link.yaml", "/etc/hostname"] {
            let refused = included(&inside, path, false).unwrap_err();
            assert!(refused.contains("outside"), "{path}: {refused}");
        }
        assert_eq!(included(&inside, "link.yaml", true).unwrap(), "b");
        assert!(
            included(&inside, "sub", false)
                .unwrap_err()
                .contains("not a file")
        );
        assert!(included(&inside, "gone.yaml", false).is_err());
    }

    #[test]
    fn every_fault_is_a_line() {
        let body = json!({"class": "invalid", "status": 400, "violations": [
            {"field": "a.yaml:3:5", "message": "name: is required"}, {"field": "a.yaml:9:1", "message": "b"},
        ]});
        let answer = Answer {
            status: 400,
            cid: String::new(),
            body: body.to_string().into_bytes(),
        };
        let failure = faults(&answer).unwrap();
        assert_eq!(failure.exit, Exit::Invalid);
        let expected =
            "2 faults; nothing was changed\n  a.yaml:3:5: name: is required\n  a.yaml:9:1: b";
        assert_eq!(failure.message, expected);
    }
}
