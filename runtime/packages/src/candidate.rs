//! A file on its way to become a package: its name, what it is verified with, and why it is refused.

use std::collections::BTreeMap;

use busker_model::{ErrorClass, Fault, Origin, ServiceDefinition, Side};
use busker_odb::objects::NAME_BYTES;
use busker_odb::packages::PackageKind;
use busker_service::ports::Rejected;
use busker_service::{PackageFile, PackageSet};
use busker_services::ServiceFamily;

use crate::stage::Stage;

/// Id of a package that is not stored yet. The highest there is: an engine that cannot tell which package broke an import
/// takes the newest for it.
pub(crate) const PROVISIONAL_ID: i64 = i64::MAX;

/// What the payload of a name is.
///
/// # Errors
/// `Invalid`: the name cannot be that of a package; the message says how it should be.
pub(crate) fn kind_of(name: &str) -> Result<PackageKind, Fault> {
    let invalid = |why: String| Err(Fault::invalid(format!("name {name:?}: {why}")));
    if name.is_empty() || name.len() > NAME_BYTES {
        return invalid(format!("a file name has 1 to {NAME_BYTES} bytes"));
    }
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if let Some(stem) = name.strip_suffix(".py") {
        let starts_with_digit = stem.starts_with(|first: char| first.is_ascii_digit());
        if stem.is_empty() || starts_with_digit || !stem.chars().all(plain) {
            return invalid(
                "the name of a Python file is that of a module: letters, digits and underscores, not a digit first"
                    .to_owned(),
            );
        }
        return Ok(PackageKind::Py);
    }
    if let Some(stem) = name.strip_suffix(".zip") {
        let sane = |character: char| plain(character) || matches!(character, '.' | '-');
        if stem.is_empty() || stem.starts_with('.') || !stem.chars().all(sane) {
            return invalid(
                "an archive is named with letters, digits, '_', '-' and '.', without folders"
                    .to_owned(),
            );
        }
        return Ok(PackageKind::Zip);
    }
    invalid("a package is a .py file or a .zip archive of such files".to_owned())
}

/// Verifies a set in a throw-away process and answers what it defines.
///
/// # Errors
/// `Invalid` or `Conflict`, with the file and the reason; `Unavailable` when the engine cannot verify anything now.
pub(crate) async fn verify(
    stage: &Stage,
    name: &str,
    files: PackageSet,
) -> Result<Vec<ServiceDefinition>, Fault> {
    refuse_shared_paths(&files)?;
    let names: BTreeMap<i64, String> = files
        .iter()
        .map(|file| (file.package, file.package_name.clone()))
        .collect();
    let definitions = stage
        .engine
        .verify(files)
        .await
        .map_err(|rejected| refusal(name, rejected, &names))?;
    refuse_shared_names(&definitions)?;
    Ok(definitions)
}

/// The services that the candidate itself defines.
///
/// # Errors
/// `Conflict` when one of them is built into the node.
pub(crate) async fn services_of(
    definitions: &[ServiceDefinition],
    (name, source): (&str, &'static str),
    family: &ServiceFamily,
) -> Result<Vec<String>, Fault> {
    let mut services = Vec::new();
    for definition in definitions {
        if !matches!(
            definition.origin,
            Origin::Python {
                package: PROVISIONAL_ID,
                ..
            }
        ) {
            continue;
        }
        let service = definition.name.as_str();
        if let Some(owner) = family.owner(service).await
            && owner != source
        {
            return Err(Fault::new(
                ErrorClass::Conflict,
                format!(
                    "service {service:?} is defined by both {name} and this node's own {owner} services: rename it in {name}"
                ),
            ));
        }
        services.push(service.to_owned());
    }
    services.sort_unstable();
    Ok(services)
}

/// One path is one module: of two files with the same one, only one could be imported.
fn refuse_shared_paths(files: &[PackageFile]) -> Result<(), Fault> {
    let mut owners: BTreeMap<&str, &PackageFile> = BTreeMap::new();
    for file in files {
        if let Some(other) = owners.insert(&file.path, file) {
            return Err(Fault::new(
                ErrorClass::Conflict,
                format!(
                    "{} is in both {} and {}: rename one of them",
                    file.path,
                    owner(other),
                    owner(file)
                ),
            ));
        }
    }
    Ok(())
}

fn owner(file: &PackageFile) -> String {
    let kind = if file.is_static {
        "the static source"
    } else {
        "package"
    };
    format!("{kind} {}", file.package_name)
}

/// Engines refuse this themselves, with more to say; but nothing is stored on their word alone.
fn refuse_shared_names(definitions: &[ServiceDefinition]) -> Result<(), Fault> {
    let mut files: BTreeMap<&str, &str> = BTreeMap::new();
    for definition in definitions {
        let Origin::Python { file, .. } = &definition.origin else {
            continue;
        };
        let service = definition.name.as_str();
        if let Some(other) = files.insert(service, file) {
            return Err(Fault::new(
                ErrorClass::Conflict,
                format!(
                    "service {service:?} is defined by both {other} and {file}: rename one of them"
                ),
            ));
        }
    }
    Ok(())
}

/// What the caller is told of a refusal. The exception stays with it for the log.
fn refusal(name: &str, rejected: Rejected, names: &BTreeMap<i64, String>) -> Fault {
    let Rejected {
        package,
        file,
        mut fault,
    } = rejected;
    let why = match package {
        None => {
            fault.message = format!("{name} could not be verified: {}", fault.message).into();
            return fault;
        }
        Some(PROVISIONAL_ID) if fault.message.contains(name) => fault.message.to_string(),
        Some(PROVISIONAL_ID) => match file.filter(|file| file != name) {
            Some(file) if fault.message.contains(&file) => format!("{name}: {}", fault.message),
            Some(file) => format!("{name}: {file}: {}", fault.message),
            None => format!("{name}: {}", fault.message),
        },
        Some(0) => {
            let file = file.unwrap_or_default();
            format!(
                "with {name}, the static source {file} can no longer be loaded: {}",
                fault.message
            )
        }
        Some(other) => {
            let other = names.get(&other).map_or("another package", String::as_str);
            format!(
                "with {name}, package {other} can no longer be loaded: {}",
                fault.message
            )
        }
    };
    fault.message = why.into();
    if fault.class != ErrorClass::Conflict {
        fault.class = ErrorClass::Invalid;
    }
    fault.side = Side::Caller;
    fault.retry = false;
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_the_name_of_a_module_or_of_an_archive() {
        for name in ["a.py", "_a1.py", "stock_market.py"] {
            assert_eq!(kind_of(name), Ok(PackageKind::Py), "{name}");
        }
        for name in ["a.zip", "crm-1.2.zip", "1.zip"] {
            assert_eq!(kind_of(name), Ok(PackageKind::Zip), "{name}");
        }
        for name in [
            "",
            ".py",
            "1a.py",
            "a-b.py",
            "a b.py",
            "a.PY",
            "a.txt",
            "a",
            "../a.py",
            "a/b.py",
            "a\\b.py",
            ".zip",
            ".a.zip",
            "a/b.zip",
            "\u{e9}.py",
            "a\0.zip",
        ] {
            let fault = kind_of(name).unwrap_err();
            assert_eq!(fault.class, ErrorClass::Invalid, "{name:?}");
        }
        assert!(kind_of(&format!("{}.py", "a".repeat(NAME_BYTES))).is_err());
    }

    #[test]
    fn a_refusal_names_the_candidate_and_who_it_is_charged_to() {
        let names = BTreeMap::from([(3, "b.py".to_owned()), (PROVISIONAL_ID, "a.py".to_owned())]);
        let told = |package, file: Option<&str>, message: &str| {
            let file = file.map(ToOwned::to_owned);
            let fault = Fault::internal(message).code("kept");
            refusal(
                "a.py",
                Rejected {
                    package,
                    file,
                    fault,
                },
                &names,
            )
        };
        let own = told(Some(PROVISIONAL_ID), Some("a.py"), "bad line");
        assert_eq!(
            (own.class, &*own.message),
            (ErrorClass::Invalid, "a.py: bad line")
        );
        assert_eq!((own.side, own.code_str()), (Side::Caller, Some("kept")));
        let other = told(Some(3), Some("b.py"), "no base");
        assert_eq!(
            &*other.message,
            "with a.py, package b.py can no longer be loaded: no base"
        );
        let statics = told(Some(0), Some("own.py"), "no base");
        assert!(
            statics.message.contains("static source own.py"),
            "{statics}"
        );
        let node = told(None, None, "no interpreter");
        assert_eq!(
            node.class,
            ErrorClass::Internal,
            "trouble of the node is not the file's"
        );
    }
}
