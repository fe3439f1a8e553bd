//! What a node has to catch up with.

use busker_model::{Object, ObjectKey};
use futures::FutureExt;

use crate::error::Result;
use crate::objects::{KEPT_REVISIONS, Objects, key_of, object_of};
use crate::odb::one;
use crate::value::{Row, values};

/// What changed since a revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// Revision of the cluster these changes lead to; ask for changes since this one next time.
    pub revision: i64,
    /// Whether `changes` is everything there is: what is not in it does not exist. So for revision 0, and for one so
    /// old (or from another database) that its deletions are forgotten.
    pub complete: bool,
    /// The objects, in the order they were last written.
    pub changes: Vec<Change>,
}

/// One object that was written or is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What names it; after a rename the old name is a change of its own.
    pub key: ObjectKey,
    /// How it is now; `None` when it was deleted or renamed away.
    pub object: Option<Object>,
}

/// A short sum of all objects with their revisions. Two sides with equal digests hold the same objects. The order does
/// not matter, so a reader keeps its own up to date with [`Digest::add`] and [`Digest::remove`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many.
    pub objects: u64,
    /// Sum of a mix of number and revision, modulo 2^64.
    pub mix: u64,
}

impl Digest {
    /// With this object.
    pub fn add(&mut self, number: i64, revision: i64) {
        self.objects = self.objects.wrapping_add(1);
        self.mix = self.mix.wrapping_add(mix(number, revision));
    }

    /// Without this object.
    pub fn remove(&mut self, number: i64, revision: i64) {
        self.objects = self.objects.wrapping_sub(1);
        self.mix = self.mix.wrapping_sub(mix(number, revision));
    }
}

fn mix(number: i64, revision: i64) -> u64 {
    scramble(scramble(number.cast_unsigned()) ^ revision.cast_unsigned())
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014).
fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

const REVISION: &str = "SELECT revision FROM cluster";
const WRITTEN: &str = "SELECT family, kind_group, name, kind, number, active, settings, revision \
    FROM object WHERE revision > $1 ORDER BY revision, number";
const GONE: &str = "SELECT family, kind_group, name FROM object_tombstone gone \
    WHERE revision > $1 AND NOT EXISTS (SELECT 1 FROM object \
    WHERE object.family = gone.family AND object.name = gone.name \
    AND object.kind_group = gone.kind_group) ORDER BY revision, name";
const ALL: &str = "SELECT number, revision FROM object";

impl Objects<'_> {
    /// What changed since `revision`, deletions first, as of one moment. 0 asks for everything.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn changes_since(&self, revision: i64) -> Result<Changes> {
        self.odb
            .read(move |tx| {
                async move {
                    let current = one(tx.query(REVISION, Vec::new()).await?, "cluster")?.int()?;
                    let known = 1.max(current - KEPT_REVISIONS)..=current;
                    let complete = !known.contains(&revision);
                    let since = if complete { 0 } else { revision };
                    let mut changes = Vec::new();
                    if !complete {
                        for row in tx.query(GONE, values![since]).await? {
                            changes.push(gone(row)?);
                        }
                    }
                    for row in tx.query(WRITTEN, values![since]).await? {
                        changes.push(written(row)?);
                    }
                    Ok(Changes {
                        revision: current,
                        complete,
                        changes,
                    })
                }
                .boxed()
            })
            .await
    }

    /// The digest of all objects.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn digest(&self) -> Result<Digest> {
        let mut digest = Digest::default();
        for mut row in self.odb.query(ALL, Vec::new()).await? {
            digest.add(row.int()?, row.int()?);
        }
        Ok(digest)
    }
}

fn gone(mut row: Row) -> Result<Change> {
    Ok(Change {
        key: key_of(&mut row)?,
        object: None,
    })
}

fn written(row: Row) -> Result<Change> {
    let object = object_of(row)?;
    Ok(Change {
        key: object.key.clone(),
        object: Some(object),
    })
}
