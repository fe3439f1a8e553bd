//! Security definitions. All of them start with a random password.

use busker_model::invocation::Role::{Admin, Viewer};
use busker_model::{ErrorClass, Family, Fault};
use serde_json::{Value, json};

use crate::call::{Call, identity};
use crate::http_soap::sec_type;
use crate::kind::{self, Kind, Verb};
use crate::row::{Answer, Row};

/// Required input of a change of passwords.
const CHANGE_PASSWORD: &str = "id,password1,password2";
/// What Zato knows as security definitions; ours of other kinds would be news to its clients.
const KINDS: [&str; 3] = ["basic-auth", "tech-account", "wss"];
/// Settings that the list of all kinds shows.
const SHOWN: [&str; 7] = [
    "username",
    "realm",
    "password_type",
    "reject_empty_nonce_creat",
    "reject_stale_tokens",
    "reject_expiry_limit",
    "nonce_freshness_time",
];

static BASIC_AUTH: Kind = Kind {
    title: "security.basic-auth",
    family: Family::Security,
    kind: "basic-auth",
    settings: &["username", "realm"],
};

/// Its user is its name.
static TECH_ACCOUNT: Kind = Kind {
    title: "security.tech-account",
    family: Family::Security,
    kind: "tech-account",
    settings: &[],
};

static WSS: Kind = Kind {
    title: "security.wss",
    family: Family::Security,
    kind: "wss",
    settings: &[
        "username",
        "password_type",
        "reject_empty_nonce_creat",
        "reject_stale_tokens",
        "reject_expiry_limit",
        "nonce_freshness_time",
    ],
};

pub(crate) fn rows() -> Vec<Row> {
    let mut all = basic_auth();
    all.push(
        Row::code("zato.security.get-list", Viewer, every_kind)
            .takes("cluster_id")
            .lists(
                "id,name,is_active,sec_type | username,realm,password_type,reject_empty_nonce_creat:b,\
                 reject_stale_tokens:b,reject_expiry_limit:i,nonce_freshness_time:i",
            ),
    );
    all.extend(tech_account());
    all.extend(wss());
    all
}

fn basic_auth() -> Vec<Row> {
    let row = |name, role, verb| Row::kind(name, role, verb, &BASIC_AUTH);
    vec![
        row(
            "zato.security.basic-auth.change-password",
            Admin,
            Verb::ChangePassword,
        )
        .takes(CHANGE_PASSWORD),
        row("zato.security.basic-auth.create", Admin, Verb::Create)
            .takes("cluster_id,name,is_active,username,realm")
            .answers("id,name"),
        row("zato.security.basic-auth.delete", Admin, Verb::Delete).takes("id"),
        row("zato.security.basic-auth.edit", Admin, Verb::Edit)
            .takes("id,cluster_id,name,is_active,username,realm")
            .answers("id,name"),
        row("zato.security.basic-auth.get-list", Viewer, Verb::List)
            .takes("cluster_id")
            .lists("id,name,is_active,username,realm"),
    ]
}

fn tech_account() -> Vec<Row> {
    let row = |name, role, verb| Row::kind(name, role, verb, &TECH_ACCOUNT);
    vec![
        row(
            "zato.security.tech-account.change-password",
            Admin,
            Verb::ChangePassword,
        )
        .takes(CHANGE_PASSWORD),
        row("zato.security.tech-account.create", Admin, Verb::Create)
            .takes("cluster_id,name,is_active")
            .answers("id,name"),
        Row::code("zato.security.tech-account.delete", Admin, delete_account)
            .takes("id | current_tech_account_name"),
        row("zato.security.tech-account.edit", Admin, Verb::Edit)
            .takes("id,cluster_id,name,is_active")
            .answers("id,name"),
        row("zato.security.tech-account.get-by-id", Viewer, Verb::Get)
            .takes("id")
            .answers("id,name,is_active"),
        row("zato.security.tech-account.get-list", Viewer, Verb::List)
            .takes("cluster_id")
            .lists("id,name,is_active"),
    ]
}

fn wss() -> Vec<Row> {
    let row = |name, role, verb| Row::kind(name, role, verb, &WSS);
    vec![
        row(
            "zato.security.wss.change-password",
            Admin,
            Verb::ChangePassword,
        )
        .takes(CHANGE_PASSWORD),
        row("zato.security.wss.create", Admin, Verb::Create)
            .takes(
                "cluster_id,name,is_active,username,password_type,reject_empty_nonce_creat:b,reject_stale_tokens:b,\
                 reject_expiry_limit:i,nonce_freshness_time:i",
            )
            .answers("id,name"),
        row("zato.security.wss.delete", Admin, Verb::Delete).takes("id"),
        row("zato.security.wss.edit", Admin, Verb::Edit)
            .takes(
                "id,cluster_id,name,is_active,username,password_type,reject_empty_nonce_creat:b,reject_stale_tokens:b,\
                 reject_expiry_limit:i,nonce_freshness_time:i",
            )
            .answers("id,name"),
        row("zato.security.wss.get-list", Viewer, Verb::List)
            .takes("cluster_id")
            .lists(
                "id,name,is_active,password_type,username,reject_empty_nonce_creat:b,reject_stale_tokens:b,\
                 reject_expiry_limit:i,nonce_freshness_time:i",
            ),
    ]
}

async fn every_kind(call: Call) -> Answer {
    let objects = call.every("busker.security.list").await?;
    let known = objects.iter().filter_map(|object| {
        let kind = object["kind"].as_str()?;
        KINDS.contains(&kind).then(|| row(object, kind))
    });
    Ok(known.collect())
}

fn row(object: &Value, kind: &str) -> Value {
    let mut row = identity(object);
    row["is_active"] = object["active"].clone();
    row["sec_type"] = json!(sec_type(kind));
    for name in SHOWN {
        row[name] = object["settings"][name].clone();
    }
    row
}

/// Zato's console sends the account it comes by itself, which it must not saw off.
async fn delete_account(call: Call) -> Answer {
    let object = call
        .object(TECH_ACCOUNT.family, &[TECH_ACCOUNT.kind])
        .await?;
    let name = object.key.name;
    if call.given("current_tech_account_name") == Some(name.as_str()) {
        let message = format!("Can't delete account [{name}], it is the one that is used now");
        return Err(Fault::new(ErrorClass::Conflict, message));
    }
    kind::run(Verb::Delete, &TECH_ACCOUNT, call).await
}
