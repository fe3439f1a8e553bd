//! Where the operational database is.

use std::path::PathBuf;

use busker_model::Secret;

/// Which database, and how to reach it.
#[derive(Debug, Clone)]
pub enum OdbConfig {
    /// Embedded, for a single node. The file is made with mode 0600 when it is not there.
    Sqlite {
        /// The database file; `-wal`, `-shm` and `.migrate.lock` appear beside it.
        path: PathBuf,
        /// How hard a commit is pressed to the disk.
        sync: SqliteSync,
    },
    /// For clusters.
    Postgres {
        /// `postgresql://user@host:port/database`. Loopback and Unix sockets are plain unless the URL says
        /// `sslmode=require`; any other host is TLS with a checked certificate unless it says `sslmode=disable`.
        url: String,
        /// Connections of this node, from 1; one more listens for changes.
        pool_size: usize,
        /// Password, when it is not in the URL (where it should not be).
        password: Option<Secret>,
        /// PEM file of the authority that signed the server's certificate; `None` means the public ones.
        root_certificate: Option<PathBuf>,
    },
}

impl OdbConfig {
    /// SQLite at `path`, every commit on disk before it is answered.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::Sqlite {
            path: path.into(),
            sync: SqliteSync::Full,
        }
    }

    /// PostgreSQL at `url` with [`POSTGRES_POOL_SIZE`] connections.
    #[must_use]
    pub fn postgres(url: impl Into<String>, password: Option<Secret>) -> Self {
        Self::Postgres {
            url: url.into(),
            pool_size: POSTGRES_POOL_SIZE,
            password,
            root_certificate: None,
        }
    }
}

/// `PRAGMA synchronous` of SQLite in WAL mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqliteSync {
    /// A commit survives the loss of power.
    Full,
    /// A commit survives a crash of the process; the last ones may go with the power.
    Normal,
}

/// Connections to PostgreSQL per node, unless told otherwise.
pub const POSTGRES_POOL_SIZE: usize = 8;
