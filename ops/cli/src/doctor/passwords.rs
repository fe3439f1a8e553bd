//! Passwords that anybody would try, a password that was left lying about, and channels without any.

use busker_model::{Family, Secret};
use busker_node::NodeConfig;
use busker_odb::vault::is_sealed;
use busker_odb::{ListFilter, Odb, PasswordCost, Passwords, Vault};

use super::{Check, stores};
use crate::environment::{Environment, TOKEN_FILE};
use crate::exit::Failure;

/// What is tried first. The name of the user is tried as well.
const USUAL: [&str; 8] = [
    "admin", "password", "secret", "changeme", "busker", "zato", "test", "123456",
];
/// Users that are tried; each try costs tens of milliseconds on purpose.
const USERS: usize = 10;
/// Longest file that may hold a password, in bytes.
const FILE_BYTES: u64 = 1_024;
/// Files beside the nodes that are tried as the password of a user.
const FILES: usize = 16;
const NAMES_SHOWN: usize = 10;

/// Looks into the database and at the files beside the nodes; the API is not asked, so nobody is locked out.
pub(super) async fn look(environment: &Environment) -> Vec<Check> {
    let Some(first) = environment.nodes.first() else {
        return Vec::new();
    };
    match checks(environment, first).await {
        Ok(checks) => checks,
        Err(failure) => {
            let remedy = "the database must answer, and busker.key must be its key";
            let place = environment.cluster();
            vec![Check::fail("passwords", place, failure.message, remedy)]
        }
    }
}

async fn checks(environment: &Environment, first: &NodeConfig) -> Result<Vec<Check>, Failure> {
    let place = environment.cluster();
    let odb = stores::open(first).await?;
    let odb = odb.with_vault(Vault::open(&first.key_path())?.into());
    let passwords = Passwords::new(PasswordCost::Full)?;
    let mut checks = vec![
        users(place, &odb, &passwords).await?,
        definitions(place, &odb).await?,
    ];
    checks.extend(left_behind(environment, &odb, &passwords).await?);
    checks.extend(channels(place, first, &odb).await?);
    Ok(checks)
}

async fn users(place: &str, odb: &Odb, passwords: &Passwords) -> Result<Check, Failure> {
    let mut weak = Vec::new();
    for user in odb.users().list().await?.into_iter().take(USERS) {
        let Some(hash) = odb.users().password_hash(&user.name).await? else {
            continue;
        };
        for usual in USUAL.into_iter().chain([user.name.as_str()]) {
            let usual = Secret::new(usual);
            let tried = passwords.verify(&user.name, &usual, Some(&hash));
            if tried.await? {
                weak.push(user.name.clone());
                break;
            }
        }
    }
    let remedy = "busker user DIR change-password --name NAME";
    Ok(verdict(place, ("users", "user"), &weak, remedy))
}

async fn definitions(place: &str, odb: &Odb) -> Result<Check, Failure> {
    let mut weak = Vec::new();
    let page = odb
        .objects()
        .list(&ListFilter::all(Family::Security))
        .await?;
    for object in page.objects {
        let fields = object.settings.as_object().into_iter().flatten();
        let sealed = fields.filter(|(_, value)| value.as_str().is_some_and(is_sealed));
        let name = object.settings["username"].as_str().unwrap_or_default();
        for (field, _) in sealed {
            let secret = odb.objects().reveal(&object, field)?;
            let is_usual = |secret: &Secret| {
                let text = secret.expose();
                USUAL.contains(&text) || text == name || text == object.key.name
            };
            if secret.as_ref().is_some_and(is_usual) {
                weak.push(object.key.name.clone());
            }
        }
    }
    let remedy = "busker security DIR change-password --name NAME";
    Ok(verdict(place, ("credentials", "definition"), &weak, remedy))
}

fn verdict(
    place: &str,
    (name, what): (&'static str, &str),
    weak: &[String],
    remedy: &str,
) -> Check {
    if weak.is_empty() {
        return Check::ok(
            name,
            place,
            format!("no {what} has a password that everybody tries"),
        );
    }
    let message = format!("a password that everybody tries: {}", named(weak));
    Check::fail(name, place, message, remedy)
}

fn named(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMES_SHOWN);
    let shown = names.get(..NAMES_SHOWN).unwrap_or(names).join(", ");
    if more == 0 {
        shown
    } else {
        format!("{shown} and {more} more")
    }
}

/// A file beside the nodes that holds the password of the first user, as one that `quickstart` was given.
async fn left_behind(
    environment: &Environment,
    odb: &Odb,
    passwords: &Passwords,
) -> Result<Option<Check>, Failure> {
    let admin = "admin";
    let Some(hash) = odb.users().password_hash(admin).await? else {
        return Ok(None);
    };
    let entries = std::fs::read_dir(&environment.dir);
    let entries = entries.map_err(|error| Failure::file(&environment.dir, &error))?;
    let small = entries.flatten().filter(|entry| {
        let found = entry.metadata();
        found.is_ok_and(|found| found.is_file() && found.len() <= FILE_BYTES)
            && entry.file_name() != TOKEN_FILE
    });
    for entry in small.take(FILES) {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let password = Secret::new(text.trim_end_matches(['\r', '\n']));
        if passwords.verify(admin, &password, Some(&hash)).await? {
            let path = entry.path().display().to_string();
            let what = format!("{path} holds the password of {admin}");
            let remedy = "keep it elsewhere, and delete the file";
            let place = environment.cluster();
            return Ok(Some(Check::warn("password file", place, what, remedy)));
        }
    }
    Ok(None)
}

async fn channels(place: &str, first: &NodeConfig, odb: &Odb) -> Result<Vec<Check>, Failure> {
    let page = odb
        .objects()
        .list(&ListFilter::all(Family::Channel))
        .await?;
    let active = || page.objects.iter().filter(|channel| channel.active);
    let names = |wanted: &dyn Fn(&serde_json::Value) -> bool| -> Vec<String> {
        let wanted = active().filter(|channel| wanted(&channel.settings));
        wanted.map(|channel| channel.key.name.clone()).collect()
    };
    let open = names(&|settings| settings["security"].is_null());
    let what = format!("{} channels take requests from anybody", open.len());
    let mut checks = vec![if open.is_empty() || first.http.listen.ip().is_loopback() {
        Check::ok("open channels", place, what)
    } else {
        let what = format!("{what}: {}", named(&open));
        let remedy = "busker channel DIR edit --name NAME --set security=NAME";
        Check::warn("open channels", place, what, remedy)
    }];
    let telling = names(&|settings| settings["expose_tracebacks"] == true);
    if !telling.is_empty() {
        let what = format!("callers see tracebacks: {}", named(&telling));
        let remedy = "busker channel DIR edit --name NAME --set expose_tracebacks=false";
        checks.push(Check::warn("tracebacks", place, what, remedy));
    }
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn weak_ones_are_named_up_to_a_number() {
        let names: Vec<String> = (1..=12).map(|number| format!("u{number}")).collect();
        let check = verdict("c", ("users", "user"), &names, "change it");
        assert_eq!(check.verdict, Verdict::Fail);
        assert!(check.what.ends_with("u10 and 2 more"), "{check:?}");
        assert_eq!(
            verdict("c", ("users", "user"), &[], "").verdict,
            Verdict::Ok
        );
    }
}
