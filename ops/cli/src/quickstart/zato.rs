//! The security definitions in front of the Zato-compatible endpoints, as Zato's own quickstart made them.

use std::path::Path;

use busker_model::{Family, ObjectKey};
use busker_odb::{ObjectWrite, Odb, SecretWrite};
use serde_json::json;

use super::{password, write_private};
use crate::exit::Failure;

/// File with a line `user:password` for each definition, as HTTP clients take it.
pub(super) const PASSWORDS_FILE: &str = "zato.passwords";
/// Names of the definitions, which are their usernames, and the realms of their challenges.
const DEFINITIONS: [(&str, &str); 2] = [
    ("pubapi", "Zato public API"),
    ("admin.invoke", "Zato admin invoke"),
];
/// Kind of the definitions.
const KIND: &str = "basic-auth";
/// Who makes them, for their history.
const WHO: &str = "quickstart";

/// Makes them with random passwords, and writes those down; all nodes of the cluster find them in the database.
pub(super) async fn definitions(odb: Odb, dir: &Path) -> Result<(), Failure> {
    let mut lines = String::new();
    for (name, realm) in DEFINITIONS {
        let secret = password::secret()?;
        lines.push_str(&format!("{name}:{}\n", secret.expose()));
        let write = ObjectWrite {
            key: ObjectKey {
                family: Family::Security,
                group: KIND.to_owned(),
                name: name.to_owned(),
            },
            kind: KIND.to_owned(),
            active: true,
            settings: json!({"username": name, "realm": realm}),
            secrets: vec![("password".to_owned(), SecretWrite::Set(secret))],
            references: Vec::new(),
            // As every definition has it, so that a name stands for one.
            unique: Some(name.to_owned()),
        };
        odb.objects().create(write, WHO).await?;
    }
    write_private(&dir.join(PASSWORDS_FILE), &lines)
}
