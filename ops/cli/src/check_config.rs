//! `busker check-config`: whether a node could run with what it has, one line for each look.

use crate::args::Print;
use crate::doctor::{self, Check, Verdict};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

/// Looks and prints; changes nothing.
///
/// # Errors
/// `Invalid` for what is wrong with files, `Unavailable` for a store that does not answer.
pub(crate) async fn run(environment: &Environment, print: Print) -> Result<(), Failure> {
    let mut faults = Vec::new();
    let mut checks = Vec::new();
    for node in &environment.nodes {
        let file = node.dir.join(busker_node::CONFIG_FILE);
        let found = node.check_files();
        if found.is_empty() {
            let what = format!("{} OK", file.display());
            checks.push(Check::ok("files", &node.node.name, what));
        }
        let found = found.iter();
        faults.extend(found.map(|fault| format!("{}: {fault}", file.display())));
    }
    if !faults.is_empty() {
        return Err(Failure::new(Exit::Invalid, faults.join("\n")));
    }
    for node in &environment.nodes {
        checks.push(doctor::odb(node).await);
        checks.extend(doctor::redis(node).await);
    }
    let answer = serde_json::json!({ "checks": doctor::values(&checks) });
    output::print(print.format, &answer, |_| lines(&checks))?;
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Fail);
    let failed: Vec<String> = failed
        .map(|check| {
            format!(
                "{}: {}: {}: {}",
                check.place, check.name, check.what, check.remedy
            )
        })
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Unavailable, failed.join("\n")))
}

/// What is well; what is not goes to standard error.
fn lines(checks: &[Check]) -> String {
    let lines = checks
        .iter()
        .filter(|check| check.verdict != Verdict::Fail)
        .map(|check| match check.verdict {
            Verdict::Ok | Verdict::Fail => format!("{}: {}", check.place, check.what),
            Verdict::Warn => format!("{}: {} ({})", check.place, check.what, check.remedy),
        });
    lines.collect::<Vec<String>>().join("\n")
}
