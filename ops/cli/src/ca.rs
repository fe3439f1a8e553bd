//! `busker ca ...`: an authority in `DIR/ca`, the certificates it signs, and more time for them.

use std::path::{Path, PathBuf};

use rcgen::{DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};

use crate::args::{CaCommand, CaCreate, Print, SubjectArgs};
use crate::certificates::{self, Certificate};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::quickstart::folder::make_private;
use crate::quickstart::{authority, replace_private};

/// Folder of the authority in an environment.
const FOLDER: &str = "ca";

/// Runs one command.
pub(crate) fn run(command: CaCommand) -> Result<(), Failure> {
    match command {
        CaCommand::Create(CaCreate::Authority { dir, subject }) => create(&dir, &subject),
        CaCommand::Create(CaCreate::Server {
            dir,
            hosts,
            out,
            days,
        }) => issue(&dir, &hosts, ("server", &out), days),
        CaCommand::Create(CaCreate::Node {
            dir,
            name,
            out,
            days,
        }) => {
            if let Some(wrong) = busker_node::wrong_name(&name) {
                return Err(Failure::usage(format!("--name: {wrong}")));
            }
            issue(&dir, &authority::node_hosts(&name), ("node", &out), days)
        }
        CaCommand::Renew {
            dir,
            certificate,
            days,
        } => renew(&dir, &certificate, days),
        CaCommand::Show { dir, print } => show(&dir, print),
    }
}

fn create(dir: &Path, subject: &SubjectArgs) -> Result<(), Failure> {
    let folder = dir.join(FOLDER);
    refuse_existing(&[folder.join("ca.pem"), folder.join("ca.key")])?;
    make_private(&folder)?;
    drop(authority::create(&folder, subject_of(subject))?);
    output::say(&format!("Authority created in {}", folder.display()))
}

fn subject_of(args: &SubjectArgs) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    let parts = [
        (DnType::CountryName, &args.country),
        (DnType::StateOrProvinceName, &args.state_or_province),
        (DnType::LocalityName, &args.locality),
        (DnType::OrganizationName, &args.organization),
        (DnType::OrganizationalUnitName, &args.organizational_unit),
        (DnType::CommonName, &Some(args.common_name.clone())),
    ];
    for (kind, value) in parts {
        if let Some(value) = value {
            name.push(kind, value.as_str());
        }
    }
    name
}

/// Issues a certificate into a folder, under a first name for its files.
fn issue(
    dir: &Path,
    hosts: &[String],
    (name, out): (&str, &Path),
    days: u32,
) -> Result<(), Failure> {
    let authority = authority::open(&dir.join(FOLDER))?;
    let files = [
        format!("{name}.pem"),
        format!("{name}.key"),
        "ca.pem".to_owned(),
    ];
    refuse_existing(&files.map(|file| out.join(file)))?;
    make_private(out)?;
    authority.issue_for(hosts, days)?.write_as(out, name)?;
    output::say(&format!(
        "Certificate for {} issued in {}, for {days} days",
        hosts.join(", "),
        out.display()
    ))
}

/// A key that is overwritten cannot be had back.
fn refuse_existing(files: &[PathBuf]) -> Result<(), Failure> {
    match files.iter().find(|file| file.exists()) {
        None => Ok(()),
        Some(file) => Err(Failure::new(
            Exit::Conflict,
            format!(
                "{} is there already, and is not overwritten: name another folder, or see `busker ca renew`",
                file.display()
            ),
        )),
    }
}

/// The key stays, so that one file is replaced, in one step.
fn renew(dir: &Path, file: &Path, days: u32) -> Result<(), Failure> {
    let folder = dir.join(FOLDER);
    let signer = Certificate::read(&folder.join("ca.pem"))?;
    let old = Certificate::read(file)?;
    if old.is_authority {
        let message = format!(
            "{}: an authority is not renewed: make another, and issue again what it signed",
            file.display()
        );
        return Err(Failure::new(Exit::Invalid, message));
    }
    if signer.hosts != [old.issuer.clone()] {
        let message = format!(
            "{}: was signed by {}, and the authority in {} is {}",
            file.display(),
            old.issuer,
            folder.display(),
            signer.hosts.join(", ")
        );
        return Err(Failure::new(Exit::Conflict, message));
    }
    let key_file = file.with_extension("key");
    let key = std::fs::read_to_string(&key_file).map_err(|error| Failure::file(&key_file, &error));
    let key = KeyPair::from_pem(&key?)
        .map_err(|error| Failure::new(Exit::Invalid, format!("{}: {error}", key_file.display())))?;
    busker_node::check_pair(file, &key_file)?;
    let signed = authority::open(&folder)?.sign(&old.hosts, &key, days)?;
    replace_private(file, &signed)?;
    output::say(&format!(
        "{} holds for {days} days; a listener takes it within 5 s, sessions between nodes after a restart",
        file.display()
    ))
}

fn show(dir: &Path, print: Print) -> Result<(), Failure> {
    let found: Vec<Value> = certificates::below(dir)
        .iter()
        .map(|one| {
            json!({
                "file": one.file.strip_prefix(dir).unwrap_or(&one.file).display().to_string(),
                "hosts": one.hosts,
                "issuer": one.issuer,
                "authority": one.is_authority,
                "until": crate::info::utc(one.until_s.saturating_mul(1_000)),
                "days_left": one.days_left(),
            })
        })
        .collect();
    let shown = [
        ("FILE", "file"),
        ("DAYS LEFT", "days_left"),
        ("UNTIL", "until"),
        ("FOR", "hosts"),
    ];
    let answer = json!({ "certificates": found });
    output::print(print.format, &answer, |answer| {
        output::rows(&answer["certificates"], &shown)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> SubjectArgs {
        SubjectArgs {
            common_name: "Our CA".to_owned(),
            organization: Some("Example".to_owned()),
            organizational_unit: None,
            locality: None,
            state_or_province: None,
            country: Some("PL".to_owned()),
        }
    }

    #[test]
    fn an_authority_signs_for_hosts_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), &subject()).unwrap();
        let again = create(folder.path(), &subject()).unwrap_err();
        assert_eq!(again.exit, Exit::Conflict);
        let out = folder.path().join("web");
        let hosts = ["esb.example.com", "10.0.0.4", "::1"].map(str::to_owned);
        issue(folder.path(), &hosts, ("server", &out), 90).unwrap();
        let read = Certificate::read(&out.join("server.pem")).unwrap();
        assert_eq!(read.hosts, hosts);
        assert!(
            read.issuer.contains("Our CA") && read.issuer.contains("Example"),
            "{read:?}"
        );
        assert!((88..=90).contains(&read.days_left()), "{read:?}");
        busker_node::check_pair(&out.join("server.pem"), &out.join("server.key")).unwrap();
        let twice = issue(folder.path(), &hosts, ("server", &out), 90).unwrap_err();
        assert_eq!(twice.exit, Exit::Conflict);
    }

    #[test]
    fn a_renewed_certificate_keeps_names_and_key_and_holds_longer() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), &subject()).unwrap();
        let out = folder.path().join("node4");
        issue(
            folder.path(),
            &authority::node_hosts("node4"),
            ("node", &out),
            1,
        )
        .unwrap();
        let file = out.join("node.pem");
        let key = std::fs::read(out.join("node.key")).unwrap();
        let before = Certificate::read(&file).unwrap();
        renew(folder.path(), &file, 400).unwrap();
        let after = Certificate::read(&file).unwrap();
        assert_eq!(after.hosts, before.hosts);
        assert!(after.days_left() > 398, "{after:?}");
        assert_eq!(std::fs::read(out.join("node.key")).unwrap(), key);
        busker_node::check_pair(&file, &out.join("node.key")).unwrap();
        let other = tempfile::tempdir().unwrap();
        let mut stranger = subject();
        stranger.common_name = "Another CA".to_owned();
        create(other.path(), &stranger).unwrap();
        let refused = renew(other.path(), &file, 400).unwrap_err();
        assert_eq!(refused.exit, Exit::Conflict, "{refused}");
        let authority = renew(folder.path(), &folder.path().join("ca/ca.pem"), 400).unwrap_err();
        assert_eq!(authority.exit, Exit::Invalid, "{authority}");
    }
}
