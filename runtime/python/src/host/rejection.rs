//! Why a set of packages was refused, in words that name the file, the package and the exception.

use busker_model::{ErrorClass, Fault};
use busker_service::ports::{PackageFile, PackageSet, Rejected};

use crate::meta::ErrorObject;
use crate::wire::WireError;
use crate::worker::NotReady;

/// A refusal that is no package's fault.
pub(super) fn of_node(fault: Fault) -> Rejected {
    Rejected {
        package: None,
        file: None,
        fault,
    }
}

/// A refusal charged to the package of a file, if the file is known.
pub(super) fn of_file(file: Option<&str>, files: &PackageSet, fault: Fault) -> Rejected {
    let found = file.and_then(|file| find(file, files));
    Rejected {
        package: found.map(|found| found.package),
        file: found
            .map(|found| found.path.clone())
            .or_else(|| file.map(ToOwned::to_owned)),
        fault,
    }
}

/// A refusal by a worker, or by its end.
pub(super) fn of_worker(why: NotReady, files: &PackageSet, stderr: &str) -> Rejected {
    match why {
        NotReady::NotBorn(fault) => of_node(fault),
        NotReady::Differs => of_node(Fault::invalid(
            "two workers found different services in the same files: what a module defines must not depend on chance",
        )),
        NotReady::Wire(WireError::Refused(object), _) => refused(*object, files),
        NotReady::Wire(WireError::TimedOut, _) => {
            suspected(files, "importing it takes too long", stderr)
        }
        NotReady::Wire(WireError::Closed, how) => suspected(
            files,
            &format!("importing it ended the worker process, which {how}"),
            stderr,
        ),
        NotReady::Wire(error, how) => of_node(
            Fault::new(ErrorClass::Unavailable, "a worker could not be made ready")
                .operator(format!("{error}; {how}\n{stderr}")),
        ),
    }
}

/// The worker named what it could not import.
fn refused(object: ErrorObject, files: &PackageSet) -> Rejected {
    let file = object.file.clone();
    let class = object
        .class
        .filter(|&class| class != ErrorClass::Internal)
        .unwrap_or(ErrorClass::Invalid);
    let named = file
        .as_deref()
        .is_some_and(|file| object.message.contains(file));
    let place = file
        .as_deref()
        .filter(|_| !named)
        .map(|file| name(file, files))
        .unwrap_or_default();
    let fault =
        Fault::new(class, format!("{place}{}: {}", object.kind, object.message)).retry(false);
    of_file(file.as_deref(), files, fault.exception(object.exception()))
}

/// `crm/api.py of package crm.zip: `.
fn name(file: &str, files: &PackageSet) -> String {
    match find(file, files) {
        Some(found) if found.package_name == found.path => format!("{}: ", found.path),
        Some(found) => format!("{} of package {}: ", found.path, found.package_name),
        None => format!("{file}: "),
    }
}

/// A process that hangs or ends cannot say which file did it. The others have been imported before, so it is the newest.
fn suspected(files: &PackageSet, what: &str, stderr: &str) -> Rejected {
    let newest = files
        .iter()
        .filter(|file| !file.is_static)
        .max_by_key(|file| file.package)
        .or_else(|| files.last());
    let (place, file) = newest.map_or_else(
        || ("a package: ".to_owned(), None),
        |file| (name(&file.path, files), Some(file.path.as_str())),
    );
    let fault = Fault::invalid(format!("{place}{what}")).operator(stderr.to_owned());
    of_file(file, files, fault)
}

fn find<'a>(file: &str, files: &'a PackageSet) -> Option<&'a PackageFile> {
    let exact = files.iter().find(|known| known.path == file);
    exact.or_else(|| {
        files
            .iter()
            .find(|known| file.ends_with(&format!("/{}", known.path)))
    })
}
