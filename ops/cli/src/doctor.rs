//! `busker doctor`: looks for what is wrong with an environment, changes nothing, and says what to do.
//!
//! Each look is a [`Check`] with a verdict. Where it is about one node its place is the node's name, else the cluster's.

use std::fmt;

use busker_node::NodeConfig;
use serde_json::{Value, json};

use crate::args::{DoctorArgs, Format};
use crate::client::Client;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

mod exposure;
mod files;
mod machine;
mod passwords;
mod stores;

pub(crate) use stores::{odb, redis};

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One look at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) place: String,
    pub(crate) verdict: Verdict,
    pub(crate) what: String,
    /// What to do; empty when all is well.
    pub(crate) remedy: String,
}

impl Check {
    pub(crate) fn ok(name: &'static str, place: &str, what: impl fmt::Display) -> Self {
        Self {
            name,
            place: place.to_owned(),
            verdict: Verdict::Ok,
            what: what.to_string(),
            remedy: String::new(),
        }
    }

    pub(crate) fn warn(
        name: &'static str,
        place: &str,
        what: impl fmt::Display,
        remedy: &str,
    ) -> Self {
        Self {
            verdict: Verdict::Warn,
            remedy: remedy.to_owned(),
            ..Self::ok(name, place, what)
        }
    }

    pub(crate) fn fail(
        name: &'static str,
        place: &str,
        what: impl fmt::Display,
        remedy: &str,
    ) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(name, place, what, remedy)
        }
    }
}

/// Looks at everything and prints what was seen.
///
/// # Errors
/// `Invalid` when a check failed; a warning is none.
pub(crate) async fn run(environment: &Environment, args: &DoctorArgs) -> Result<(), Failure> {
    let mut checks = Vec::new();
    for node in &environment.nodes {
        output::progress(&format!("looking at {}", node.node.name));
        checks.extend(of_node(environment, node).await);
    }
    checks.extend(files::certificates(environment));
    checks.extend(cluster(environment).await);
    if args.security {
        output::progress("looking for what an attacker would like");
        for node in &environment.nodes {
            checks.extend(exposure::of_node(node));
        }
        checks.push(exposure::readable(environment));
        checks.extend(passwords::look(environment).await);
    }
    report(args.print.format, &checks)
}

async fn of_node(environment: &Environment, node: &NodeConfig) -> Vec<Check> {
    let mut checks = vec![files::configuration(node)];
    checks.extend(machine::listeners(environment, node).await);
    checks.push(machine::disk(node));
    checks.extend(machine::python(node).await);
    checks.push(odb(node).await);
    checks.extend(redis(node).await);
    checks
}

/// What only the whole cluster can tell: from its database, and from a node that runs.
async fn cluster(environment: &Environment) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(first) = environment.nodes.first() {
        checks.extend(stores::nodes(environment.cluster(), first).await);
    }
    let client = environment.target().and_then(Client::new);
    let Ok(client) = client else {
        return checks;
    };
    if let Ok(roster) = client.call("busker.cluster.get-roster", &json!({})).await {
        checks.push(machine::clocks(environment.cluster(), &roster));
    }
    checks
}

fn report(format: Format, checks: &[Check]) -> Result<(), Failure> {
    let count = |verdict: Verdict| {
        let same = checks.iter().filter(|check| check.verdict == verdict);
        same.count()
    };
    let (fails, warns) = (count(Verdict::Fail), count(Verdict::Warn));
    let answer = json!({ "fails": fails, "warns": warns, "checks": values(checks) });
    output::print(format, &answer, |_| table(checks))?;
    match fails {
        0 => Ok(()),
        1 => Err(Failure::new(Exit::Invalid, "1 check failed")),
        more => Err(Failure::new(Exit::Invalid, format!("{more} checks failed"))),
    }
}

/// Checks for programs.
pub(crate) fn values(checks: &[Check]) -> Vec<Value> {
    let value = |check: &Check| {
        json!({
            "check": check.name,
            "place": check.place,
            "verdict": check.verdict.as_str(),
            "what": check.what,
            "remedy": check.remedy,
        })
    };
    checks.iter().map(value).collect()
}

/// A line for each check, and below one that is not fine what to do.
fn table(checks: &[Check]) -> String {
    let rows: Vec<Vec<String>> = checks
        .iter()
        .map(|check| {
            vec![
                check.verdict.as_str().to_owned(),
                check.place.clone(),
                check.name.to_owned(),
                output::printable(&check.what),
            ]
        })
        .collect();
    let drawn = output::columns(&["VERDICT", "PLACE", "CHECK", "WHAT"], &rows);
    let mut lines = drawn.lines();
    let mut out: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
    for (line, check) in lines.zip(checks) {
        out.push(line.to_owned());
        if !check.remedy.is_empty() {
            out.push(format!("         {}", output::printable(&check.remedy)));
        }
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_fine_has_its_remedy_below_it_and_only_a_failure_ends_badly() {
        let checks = [
            Check::ok("odb", "node1", "SQLite"),
            Check::warn("disk", "node1", "800 MiB are left", "make room"),
        ];
        let expected = "\
VERDICT  PLACE  CHECK  WHAT
ok       node1  odb    SQLite
warn     node1  disk   800 MiB are left
         make room";
        assert_eq!(table(&checks), expected);
        assert!(report(Format::Json, &checks).is_ok());
        let failed = [Check::fail("admin", "node1", "open", "close it")];
        let failure = report(Format::Json, &failed).unwrap_err();
        assert_eq!(failure.exit, Exit::Invalid);
    }
}
