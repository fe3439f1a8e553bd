//! Hot-deployed code. Every upload is a row; the newest of a name is active, older ones are its history, and a rollback
//! is a new row with an old payload. Two active packages never define one service.

mod status;

use busker_kit::clock::unix_ms;
use futures::FutureExt;
use serde::Serialize;

pub use self::status::{PackageStatus, STATUS_MESSAGE_CHARS, StatusWrite};
use crate::error::{OdbError, Result};
use crate::objects::NAME_BYTES;
use crate::odb::{Odb, one, take_ticket};
use crate::random;
use crate::store::Tx;
use crate::value::{Row, SqlValue, values};

/// Largest payload, in bytes.
pub const PACKAGE_BYTES: usize = 32 * 1024 * 1024;
/// Generations kept per name, the active one included.
pub const GENERATIONS_KEPT: i64 = 20;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageKind {
    /// One Python file.
    Py,
    /// A zip archive of Python files.
    Zip,
}

/// Whether it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageState {
    /// The one of its name that runs.
    Active,
    /// A newer one of its name is there.
    Replaced,
    /// Undeployed.
    Withdrawn,
}

/// A package without its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Never reused.
    pub id: i64,
    /// File name, such as `stockmarket.py`.
    pub name: String,
    /// From 1, by one per upload of the name.
    pub generation: i64,
    /// What the payload is.
    pub kind: PackageKind,
    /// SHA-256 of the payload, hexadecimal.
    pub sha256: String,
    /// Bytes of the payload.
    pub size: i64,
    /// Names of the services it defines.
    pub services: Vec<String>,
    /// Whether it runs.
    pub state: PackageState,
    /// Package that took its place.
    pub replaced_by: Option<i64>,
    /// Principal.
    pub uploaded_by: String,
    /// Epoch milliseconds.
    pub at_ms: i64,
    /// Cluster revision of its last change of state.
    pub revision: i64,
}

/// What to insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageWrite {
    /// File name.
    pub name: String,
    /// What the payload is.
    pub kind: PackageKind,
    /// The file.
    pub payload: Vec<u8>,
    /// Names of the services it defines, found when it was verified.
    pub services: Vec<String>,
    /// Principal.
    pub uploaded_by: String,
}

/// What an insert did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inserted {
    /// The active package.
    pub package: Package,
    /// False when the same bytes were active already: that package stays.
    pub fresh: bool,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, generation, kind, sha256, size, services, state, replaced_by, ",
            "uploaded_by, at_ms, revision FROM package ",
            $rest
        )
    };
}

const ACTIVE: &str = select!("WHERE state = 'active' ORDER BY name");
const HISTORY: &str = select!("WHERE name = $1 ORDER BY generation DESC");
const GET: &str = select!("WHERE id = $1");
const CHANGED: &str = select!("WHERE revision > $1 ORDER BY revision, id");
const PAYLOAD: &str = "SELECT payload FROM package WHERE id = $1";
const LAST: &str = "SELECT COALESCE(MAX(generation), 0) FROM package WHERE name = $1";
const INSERT: &str = "INSERT INTO package (id, name, generation, kind, sha256, size, payload, \
    services, state, uploaded_by, at_ms, revision) \
    VALUES ($11, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $12)";
const REPLACE: &str = "UPDATE package SET state = 'replaced', replaced_by = $2, revision = $3 \
    WHERE name = $1 AND state = 'active'";
const WITHDRAW: &str = "UPDATE package SET state = 'withdrawn', revision = $2 \
    WHERE name = $1 AND state = 'active' RETURNING id";
const PRUNE: &str = "DELETE FROM package WHERE state <> 'active' AND name = $1 \
    AND generation <= $2";

/// Operations on packages.
#[derive(Debug, Clone, Copy)]
pub struct Packages<'a> {
    odb: &'a Odb,
}

impl<'a> Packages<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self { odb }
    }

    /// Makes this the active package of its name.
    ///
    /// # Errors
    /// `Conflict` when another active package defines one of its services: it names both files. `Invalid` when it is
    /// larger than [`PACKAGE_BYTES`].
    pub async fn insert(&self, write: PackageWrite) -> Result<Inserted> {
        let size = write.payload.len();
        if size > PACKAGE_BYTES {
            return Err(OdbError::Invalid(format!(
                "{}: {size} bytes, more than {PACKAGE_BYTES}",
                write.name
            )));
        }
        if write.name.is_empty() || write.name.len() > NAME_BYTES || write.name.contains('\0') {
            return Err(OdbError::Invalid(format!("name: 1 to {NAME_BYTES} bytes")));
        }
        self.odb.write(move |tx| insert(tx, write).boxed()).await
    }

    /// Makes an older package run again, as a new generation.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` as for an insert.
    pub async fn reinstate(&self, id: i64, who: &str) -> Result<Inserted> {
        let old = self.get(id).await?;
        let write = PackageWrite {
            name: old.name,
            kind: old.kind,
            payload: self.payload(id).await?,
            services: old.services,
            uploaded_by: who.to_owned(),
        };
        self.insert(write).await
    }

    /// Undeploys the active package of a name; its history stays.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn withdraw(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.odb
            .write(move |tx| {
                async move {
                    let ticket = take_ticket(tx, 0).await?;
                    let query = values![name.as_str(), ticket.revision];
                    let rows = tx.query(WITHDRAW, query).await?;
                    one(rows, &format!("active package {name:?}")).map(drop)
                }
                .boxed()
            })
            .await
    }

    /// The package of that id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: i64) -> Result<Package> {
        package_of(one(
            self.odb.query(GET, values![id]).await?,
            &format!("package {id}"),
        )?)
    }

    /// Its bytes.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn payload(&self, id: i64) -> Result<Vec<u8>> {
        one(
            self.odb.query(PAYLOAD, values![id]).await?,
            &format!("package {id}"),
        )?
        .bytes()
    }

    /// What runs: the active package of each name.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn active(&self) -> Result<Vec<Package>> {
        self.select(ACTIVE, Vec::new()).await
    }

    /// All generations of a name that are kept, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn history(&self, name: &str) -> Result<Vec<Package>> {
        self.select(HISTORY, values![name]).await
    }

    /// Packages whose state changed after a cluster revision.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn changed_since(&self, revision: i64) -> Result<Vec<Package>> {
        self.select(CHANGED, values![revision]).await
    }

    async fn select(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Package>> {
        self.odb
            .query(sql, values)
            .await?
            .into_iter()
            .map(package_of)
            .collect()
    }
}

async fn insert(tx: &mut dyn Tx, write: PackageWrite) -> Result<Inserted> {
    let ticket = take_ticket(tx, 1).await?;
    let sha256 = random::sha256(&write.payload);
    for row in tx.query(ACTIVE, Vec::new()).await? {
        let package = package_of(row)?;
        if package.name != write.name {
            refuse_shared(&package, &write)?;
        } else if package.sha256 == sha256 && package.services == write.services {
            return Ok(Inserted {
                package,
                fresh: false,
            });
        }
    }
    let id = ticket.first_number;
    let last = tx.query(LAST, values![write.name.as_str()]).await?;
    let generation = one(last, "generation")?.int()? + 1;
    tx.query(REPLACE, values![write.name.as_str(), id, ticket.revision])
        .await?;
    let services = serde_json::to_string(&write.services).map_err(OdbError::corrupt)?;
    let size = i64::try_from(write.payload.len()).unwrap_or(i64::MAX);
    let row = values![
        write.name.as_str(),
        generation,
        kind_word(write.kind),
        sha256,
        size,
        write.payload,
        services,
        state_word(PackageState::Active),
        write.uploaded_by,
        unix_ms(),
        id,
        ticket.revision
    ];
    tx.query(INSERT, row).await?;
    tx.query(PRUNE, values![write.name, generation - GENERATIONS_KEPT])
        .await?;
    let package = one(tx.query(GET, values![id]).await?, "the inserted package")?;
    Ok(Inserted {
        package: package_of(package)?,
        fresh: true,
    })
}

fn refuse_shared(other: &Package, write: &PackageWrite) -> Result<()> {
    match write
        .services
        .iter()
        .find(|service| other.services.contains(service))
    {
        None => Ok(()),
        Some(service) => Err(OdbError::Conflict(format!(
            "service {service:?} is defined by both {} and {}",
            other.name, write.name
        ))),
    }
}

fn package_of(mut row: Row) -> Result<Package> {
    Ok(Package {
        id: row.int()?,
        name: row.text()?,
        generation: row.int()?,
        kind: kind_of(&row.text()?)?,
        sha256: row.text()?,
        size: row.int()?,
        services: serde_json::from_str(&row.text()?).map_err(OdbError::corrupt)?,
        state: state_of(&row.text()?)?,
        replaced_by: row.opt_int()?,
        uploaded_by: row.text()?,
        at_ms: row.int()?,
        revision: row.int()?,
    })
}

const fn kind_word(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Py => "py",
        PackageKind::Zip => "zip",
    }
}

fn kind_of(word: &str) -> Result<PackageKind> {
    [PackageKind::Py, PackageKind::Zip]
        .into_iter()
        .find(|kind| kind_word(*kind) == word)
        .ok_or_else(|| OdbError::corrupt(format!("package kind {word:?}")))
}

const fn state_word(state: PackageState) -> &'static str {
    match state {
        PackageState::Active => "active",
        PackageState::Replaced => "replaced",
        PackageState::Withdrawn => "withdrawn",
    }
}

fn state_of(word: &str) -> Result<PackageState> {
    [
        PackageState::Active,
        PackageState::Replaced,
        PackageState::Withdrawn,
    ]
    .into_iter()
    .find(|state| state_word(*state) == word)
    .ok_or_else(|| OdbError::corrupt(format!("package state {word:?}")))
}
