//! One round of deploys from the folder: whole files in the order of their names, and those refused once more as long as
//! others get in, since one may import another that was dropped at the same moment.

use std::path::Path;

use busker_kit::clock;
use busker_model::event::Severity;
use busker_model::{ErrorClass, Fault};
use busker_odb::packages::{PACKAGE_BYTES, PackageState};
use bytes::Bytes;
use tokio::io::AsyncReadExt;

use super::PICKUP_USER;
use super::folder::{Folder, Stamp};
use crate::archive::sha256;
use crate::packages::{Packages, Parts, is_rejection};
use crate::reports;

/// What a round works with.
pub(super) struct Round<'a> {
    pub(super) packages: &'a Packages,
    pub(super) parts: &'a Parts,
    pub(super) folder: &'a mut Folder,
}

/// What became of one file.
enum Outcome {
    /// It is live.
    Deployed,
    /// It was deployed before.
    Known,
    /// It changed while it was read: it is not whole.
    Changed,
    /// Something is wrong with it.
    Rejected(Fault),
    /// The node cannot take it now.
    Later(Fault),
}

impl Round<'_> {
    /// Deploys whole files.
    pub(super) async fn deploy(mut self, mut files: Vec<(String, Stamp)>) {
        loop {
            let (mut rejected, mut got_in) = (Vec::new(), false);
            for (name, stamp) in files {
                match self.deploy_one(&name, stamp).await {
                    Outcome::Deployed => {
                        got_in = true;
                        self.folder.done(name, stamp);
                    }
                    Outcome::Known => self.folder.done(name, stamp),
                    Outcome::Changed => self.folder.changed(&name),
                    Outcome::Rejected(fault) => rejected.push((name, stamp, fault)),
                    Outcome::Later(fault) => self.put_off(&name, &fault),
                }
            }
            // Each turn of the loop deploys one at least, so there are no more turns than files.
            if rejected.is_empty() || !got_in {
                return self.refuse(rejected);
            }
            files = rejected
                .into_iter()
                .map(|(name, stamp, _)| (name, stamp))
                .collect();
        }
    }

    fn put_off(&mut self, name: &str, fault: &Fault) {
        tracing::warn!(
            "{name} waits in the pickup folder: {}",
            reports::with_traceback(fault)
        );
        self.folder.try_later(name, clock::now());
    }

    fn refuse(&mut self, rejected: Vec<(String, Stamp, Fault)>) {
        for (name, stamp, fault) in rejected {
            self.packages
                .rejected((&name, PICKUP_USER), &fault, Severity::Error);
            self.folder.done(name, stamp);
        }
    }

    async fn deploy_one(&self, name: &str, stamp: Stamp) -> Outcome {
        if usize::try_from(stamp.size()).map_or(true, |size| size > PACKAGE_BYTES) {
            let message = format!(
                "{name} has {} bytes, more than {PACKAGE_BYTES}: split it",
                stamp.size()
            );
            return Outcome::Rejected(Fault::new(ErrorClass::TooLarge, message));
        }
        let bytes = match read(&self.parts.pickup.join(name), stamp).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Outcome::Changed,
            Err(error) => {
                return Outcome::Later(Fault::internal(format!("it cannot be read: {error}")));
            }
        };
        match self.is_known(name, stamp, bytes.clone()).await {
            Ok(true) => return Outcome::Known,
            Ok(false) => {}
            Err(fault) => return Outcome::Later(fault),
        }
        let who = PICKUP_USER.to_owned();
        match self.packages.submit(name.to_owned(), bytes, who).await {
            Ok(_) => Outcome::Deployed,
            Err(fault) if is_rejection(&fault) => Outcome::Rejected(fault),
            Err(fault) => Outcome::Later(fault),
        }
    }

    /// Whether these bytes run already, or were picked up by an earlier life of this node and replaced or withdrawn since:
    /// the file that was left in the folder must not undo that.
    async fn is_known(&self, name: &str, stamp: Stamp, bytes: Bytes) -> Result<bool, Fault> {
        let hashed = tokio::task::spawn_blocking(move || sha256(&bytes)).await;
        let sha = hashed.map_err(|error| Fault::internal(error.to_string()))?;
        let history = self.parts.odb.packages().history(name).await?;
        let old = self.folder.was_there_at_start(name, stamp);
        Ok(history
            .iter()
            .filter(|package| package.sha256 == sha)
            .any(|package| {
                let picked_up =
                    package.uploaded_by == PICKUP_USER && stamp.modified_ms() <= package.at_ms;
                package.state == PackageState::Active || (old && picked_up)
            }))
    }
}

/// The bytes of a file, if it is still what the look found.
async fn read(path: &Path, stamp: Stamp) -> std::io::Result<Option<Bytes>> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut bytes = Vec::new();
    (&mut file)
        .take(stamp.size() + 1)
        .read_to_end(&mut bytes)
        .await?;
    // By name: a new file may have taken the place of the one that was read.
    let now = Stamp::of(&tokio::fs::metadata(path).await?);
    Ok((now == stamp).then(|| bytes.into()))
}
