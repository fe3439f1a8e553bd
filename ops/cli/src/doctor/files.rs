//! Files of an environment: what busker.toml names, and certificates.

use busker_node::NodeConfig;

use super::Check;
use crate::certificates::{self, Certificate};
use crate::environment::Environment;

/// Days before its end at which a certificate is worth a warning.
const WARN_DAYS: i64 = 30;

/// What `check-config` finds without asking anybody.
pub(super) fn configuration(node: &NodeConfig) -> Check {
    let place = node.node.name.as_str();
    let faults = node.check_files();
    if faults.is_empty() {
        return Check::ok("files", place, "busker.toml and what it names");
    }
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let remedy = "see `busker check-config DIR`";
    Check::fail("files", place, faults.join("; "), remedy)
}

/// How long certificates hold, one check for all that are well.
pub(super) fn certificates(environment: &Environment) -> Vec<Check> {
    let mut found: Vec<Certificate> = Vec::new();
    let authority = environment.dir.join("ca");
    for folder in environment.nodes.iter().map(|node| &node.dir) {
        found.extend(certificates::below(&folder.join("certs")));
    }
    found.extend(certificates::below(&authority));
    let mut checks: Vec<Check> = found.iter().filter_map(ends).collect();
    if checks.is_empty() {
        let least = found.iter().map(Certificate::days_left).min();
        let what = match least {
            None => "none".to_owned(),
            Some(days) => format!("{} hold for {days} days or more", found.len()),
        };
        checks.push(Check::ok("certificates", environment.cluster(), what));
    }
    checks
}

fn ends(certificate: &Certificate) -> Option<Check> {
    let days = certificate.days_left();
    if days > WARN_DAYS {
        return None;
    }
    let place = certificate.file.display().to_string();
    let remedy = format!("busker ca renew DIR --certificate {place}");
    Some(if days < 0 {
        Check::fail("certificates", &place, "does not hold any more", &remedy)
    } else {
        let what = format!("holds for {days} days");
        Check::warn("certificates", &place, what, &remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_worth_a_word_before_it_ends() {
        let days = |days: i64| Certificate {
            file: "node.pem".into(),
            hosts: Vec::new(),
            issuer: String::new(),
            is_authority: false,
            until_s: busker_kit::clock::unix_ms() / 1_000 + days * 86_400 + 60,
        };
        assert_eq!(ends(&days(31)), None);
        assert!(ends(&days(30)).is_some_and(|check| check.verdict == super::super::Verdict::Warn));
        let ended = ends(&days(-1)).unwrap();
        assert_eq!(ended.verdict, super::super::Verdict::Fail);
        assert!(ended.remedy.contains("node.pem"), "{ended:?}");
    }
}
