//! `busker logs`: what the nodes of an environment logged, merged by time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use busker_node::NodeConfig;
use serde_json::json;

use crate::args::{Format, LogsArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

mod entry;
mod tail;

use entry::{Entry, Reader};
use tail::Tail;

/// Time between two looks for what is new.
const LOOK: Duration = Duration::from_millis(200);

/// Prints what was logged, then, if asked, what is logged from now.
pub(crate) async fn run(environment: &Environment, args: &LogsArgs) -> Result<(), Failure> {
    let nodes = chosen(environment, args.node.as_deref())?;
    let show = Show {
        format: args.print.format,
        names: nodes.len() > 1,
    };
    let mut all = Vec::new();
    let mut tails = Vec::new();
    for node in &nodes {
        // From where the past ends, so that nothing is shown twice and nothing is left out.
        tails.push(Tail::at_end(&node.node.name, node.log_path()));
        let end = tails.last().map_or(0, Tail::position);
        all.extend(past(node, end, args)?);
    }
    // Stable: what one node logged in the same millisecond stays in its order.
    all.sort_by(|a, b| a.at.cmp(&b.at));
    let most = usize::try_from(args.lines).unwrap_or(usize::MAX);
    let skipped = all.len().saturating_sub(most);
    for entry in all.iter().skip(skipped) {
        show.entry(entry)?;
    }
    if !args.follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(LOOK).await;
        let mut new: Vec<Entry> = Vec::new();
        for tail in &mut tails {
            new.extend(tail.read()?.into_iter().filter(|entry| wanted(entry, args)));
        }
        new.sort_by(|a, b| a.at.cmp(&b.at));
        new.iter().try_for_each(|entry| show.entry(entry))?;
    }
}

fn chosen<'e>(
    environment: &'e Environment,
    name: Option<&str>,
) -> Result<Vec<&'e NodeConfig>, Failure> {
    let nodes: Vec<&NodeConfig> = environment
        .nodes
        .iter()
        .filter(|node| name.is_none_or(|name| node.node.name == name))
        .collect();
    if nodes.is_empty() {
        let names: Vec<&str> = environment
            .nodes
            .iter()
            .map(|node| node.node.name.as_str())
            .collect();
        let message = format!("--node: there is only {} here", names.join(", "));
        return Err(Failure::new(Exit::NotFound, message));
    }
    Ok(nodes)
}

fn wanted(entry: &Entry, args: &LogsArgs) -> bool {
    let urgent = args.level.is_none_or(|level| entry.level <= level);
    let belongs = args
        .cid
        .as_ref()
        .is_none_or(|cid| entry.text.contains(cid.as_str()));
    urgent && belongs
}

/// The last wanted entries of one node, up to `end` in its newest file, oldest first.
fn past(node: &NodeConfig, end: u64, args: &LogsArgs) -> Result<Vec<Entry>, Failure> {
    let most = usize::try_from(args.lines).unwrap_or(usize::MAX);
    let mut kept: VecDeque<Entry> = VecDeque::new();
    let mut keep = |entry: Entry| {
        if wanted(&entry, args) {
            kept.push_back(entry);
            if kept.len() > most {
                kept.pop_front();
            }
        }
    };
    let current = node.log_path();
    for path in files(&current) {
        let Ok(file) = File::open(&path) else {
            continue;
        };
        let until = if path == current { end } else { u64::MAX };
        let mut reader = Reader::new(&node.node.name);
        let mut lines = BufReader::new(std::io::Read::take(file, until));
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line);
            if read.map_err(|error| Failure::file(&path, &error))? == 0 {
                break;
            }
            reader.line(&String::from_utf8_lossy(&line)).map(&mut keep);
        }
        reader.end().map(&mut keep);
    }
    Ok(kept.into())
}

/// The files of a log, oldest first: `node.log.10` to `node.log.1`, then `node.log`.
fn files(current: &Path) -> Vec<PathBuf> {
    let name = current.as_os_str().to_string_lossy();
    let older = (1..=busker_telemetry::LOG_FILES_KEPT).rev();
    let mut files: Vec<PathBuf> = older
        .map(|number| PathBuf::from(format!("{name}.{number}")))
        .collect();
    files.push(current.to_owned());
    files
}

/// How entries are printed.
struct Show {
    format: Format,
    /// Whether lines begin with the name of their node.
    names: bool,
}

impl Show {
    fn entry(&self, entry: &Entry) -> Result<(), Failure> {
        let value = || {
            json!({
                "node": entry.node, "at": entry.at, "level": entry.word, "text": entry.text,
            })
        };
        match self.format {
            // One line each, so that a program can read them as they come.
            Format::Json => output::say(&value().to_string()),
            Format::Yaml => {
                output::say("---")?;
                output::structured(self.format, &value()).unwrap_or(Ok(()))
            }
            Format::Table if self.names => {
                let mut lines = entry.text.lines();
                lines.try_for_each(|line| output::say(&format!("{}  {line}", entry.node)))
            }
            Format::Table => output::say(&entry.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_log_are_read_in_the_order_of_their_age() {
        let files = files(Path::new("/env/node1/logs/node.log"));
        assert_eq!(files.len(), busker_telemetry::LOG_FILES_KEPT + 1);
        assert!(files[0].ends_with(format!("node.log.{}", busker_telemetry::LOG_FILES_KEPT)));
        assert!(files.last().is_some_and(|file| file.ends_with("node.log")));
    }
}
