//! A migrated, empty database of either sort.

use std::sync::Arc;

use busker_model::object::Reference;
use busker_model::{Family, ObjectKey};
use busker_odb::testing::PostgresServer;
use busker_odb::{ObjectWrite, Odb, OdbConfig, Vault};
use serde_json::{Value, json};

/// An open database, and what must live as long.
pub(crate) struct Bench {
    pub(crate) odb: Odb,
    pub(crate) config: OdbConfig,
    folder: tempfile::TempDir,
    _server: Option<PostgresServer>,
}

impl Bench {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = OdbConfig::sqlite(folder.path().join("odb.db"));
        Self::on(config, folder, None).await
    }

    pub(crate) async fn postgres() -> Self {
        let server = PostgresServer::start().await.unwrap();
        let config = server.config(&server.new_database().unwrap(), "");
        Self::on(config, tempfile::tempdir().unwrap(), Some(server)).await
    }

    async fn on(
        config: OdbConfig,
        folder: tempfile::TempDir,
        server: Option<PostgresServer>,
    ) -> Self {
        let vault = Arc::new(Vault::create(&folder.path().join("busker.key")).unwrap());
        let odb = Odb::open(config.clone()).await.unwrap().with_vault(vault);
        odb.migrate().await.unwrap();
        Self {
            odb,
            config,
            folder,
            _server: server,
        }
    }

    /// File with the keys of its vault.
    pub(crate) fn key_file(&self) -> std::path::PathBuf {
        self.folder.path().join("busker.key")
    }

    /// The same database as another node sees it.
    pub(crate) async fn another_node(&self) -> Odb {
        let odb = Odb::open(self.config.clone()).await.unwrap();
        odb.with_vault(Arc::new(Vault::open(&self.key_file()).unwrap()))
    }
}

/// Makes a test for each database out of each function.
macro_rules! on_both {
    ($($promise:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $promise() {
                super::$promise($crate::fixture::Bench::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $promise() {
                super::$promise($crate::fixture::Bench::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;

pub(crate) fn key(family: Family, group: &str, name: &str) -> ObjectKey {
    ObjectKey {
        family,
        group: group.into(),
        name: name.into(),
    }
}

/// A plain HTTP channel of that name on a path of its own.
pub(crate) fn channel(name: &str) -> ObjectWrite {
    write(
        Family::Channel,
        "plain_http",
        name,
        json!({"url_path": format!("/{name}")}),
    )
}

/// A security definition of that name.
pub(crate) fn security(name: &str) -> ObjectWrite {
    write(
        Family::Security,
        "basic-auth",
        name,
        json!({"username": name}),
    )
}

pub(crate) fn write(family: Family, group: &str, name: &str, settings: Value) -> ObjectWrite {
    ObjectWrite {
        key: key(family, group, name),
        kind: "kind".into(),
        active: true,
        unique: None,
        settings,
        secrets: Vec::new(),
        references: Vec::new(),
    }
}

/// The same write with its `security` field naming a definition that must exist.
pub(crate) fn secured_by(mut write: ObjectWrite, name: &str) -> ObjectWrite {
    write.settings["security"] = Value::String(name.into());
    write.references.push(Reference {
        field: "security".into(),
        family: Family::Security,
        group: String::new(),
        name: name.into(),
        required: true,
    });
    write
}
