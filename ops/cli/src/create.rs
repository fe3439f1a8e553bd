//! `busker create odb|join-token|node`: a cluster in steps, on several machines.
//!
//! A node that joins needs keys of the cluster. They wait for it in the database, sealed; the token that the operator carries
//! over holds the key to them, the address of the database, and nothing else of worth. Whoever uses it deletes what waits.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use busker_kit::clock;
use busker_model::Secret;
use busker_node::{ClusterTransport, NodeConfig};
use busker_odb::joins::{Invitation, Joins};
use busker_odb::{Odb, OdbConfig, Vault};
use serde::{Deserialize, Serialize};

use crate::args::{CreateNodeArgs, CreateOdbArgs, JoinTokenArgs};
use crate::environment::{Environment, TOKEN_FILE};
use crate::exit::{Exit, Failure};
use crate::quickstart::folder::{Common, NodeFolder, make_private};
use crate::quickstart::{self, authority, cluster, write_private};
use crate::{lifecycle, output, prompt};

/// What every join token starts with, so that a leaked one is recognised.
const PREFIX: &str = "busker-join-1.";
const MINUTE: Duration = Duration::from_secs(60);

/// What the token holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    invitation: String,
    key: String,
    node: String,
    odb_url: String,
}

/// What waits in the database.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle {
    cluster: String,
    busker_key: String,
    cluster_secret: String,
    redis: String,
    redis_password: Option<String>,
    redis_authority: Option<String>,
    transport: ClusterTransport,
    certificate: String,
    certificate_key: String,
    authority: String,
}

/// Makes the schema, or brings it up to this version.
pub(crate) async fn odb(args: &CreateOdbArgs) -> Result<(), Failure> {
    let odb = open_odb(&args.odb, args.odb_password_file.as_deref()).await?;
    let steps = odb.migrate().await?;
    output::say(&match steps {
        0 => "The schema is up to date".to_owned(),
        1 => "The schema is up to date after 1 step".to_owned(),
        more => format!("The schema is up to date after {more} steps"),
    })
}

async fn open_odb(url: &str, password_file: Option<&Path>) -> Result<Odb, Failure> {
    let config = match url.strip_prefix("sqlite:") {
        Some(path) => OdbConfig::sqlite(path),
        None => {
            let password = quickstart::odb_password(password_file)?;
            OdbConfig::postgres(url, Some(password))
        }
    };
    Ok(Odb::open(config).await?)
}

/// Invites a node: a token that makes it, once.
pub(crate) async fn join_token(args: &JoinTokenArgs) -> Result<(), Failure> {
    if let Some(wrong) = busker_node::wrong_name(&args.node) {
        return Err(Failure::usage(format!("--node: {wrong}")));
    }
    let environment = Environment::open(&args.dir)?;
    let known = &environment.nodes[0];
    let Some(shared) = cluster::Shared::of_node(known)? else {
        return Err(Failure::new(
            Exit::Conflict,
            format!(
                "{}: this node is alone; only a cluster on PostgreSQL and Redis takes more nodes: \
                 see `busker quickstart create --help`",
                known.dir.display()
            ),
        ));
    };
    let odb = Odb::open(known.odb()?).await?;
    let taken = odb.nodes().list().await?;
    let has_folder = environment
        .nodes
        .iter()
        .any(|node| node.node.name == args.node);
    if has_folder || taken.iter().any(|node| node.name == args.node) {
        return Err(Failure::new(
            Exit::Conflict,
            format!(
                "--node: {:?} is a node of this cluster already: choose another name",
                args.node
            ),
        ));
    }
    let issued = authority::open(&environment.dir.join("ca"))?.issue(&args.node)?;
    let bundle = bundle(known, shared, issued)?;
    let (vault, key) = Vault::fresh()?;
    let bundle = Secret::new(json(&bundle)?);
    let sealed = vault.seal(&Joins::place(&args.node), &bundle)?;
    let expires_ms = clock::unix_ms() + millis(MINUTE * args.valid_minutes);
    let invitation = Invitation {
        node: args.node.clone(),
        sealed,
    };
    let token = Token {
        invitation: odb.joins().invite(invitation, expires_ms).await?,
        key: key.expose().to_owned(),
        node: args.node.clone(),
        odb_url: known.odb.url.clone(),
    };
    let text = format!("{PREFIX}{}\n", URL_SAFE_NO_PAD.encode(json(&token)?));
    write_private(&args.token_file, &text)?;
    output::say(&format!(
        "The token for {} is in {}; it works once, until {}",
        args.node,
        args.token_file.display(),
        crate::info::utc(expires_ms)
    ))?;
    output::say("On the other machine: busker create node DIR --token-file FILE --host ADDRESS")
}

fn bundle(
    known: &NodeConfig,
    shared: cluster::Shared,
    issued: authority::Issued,
) -> Result<Bundle, Failure> {
    let key = known.key_path();
    Ok(Bundle {
        cluster: known.node.cluster.clone(),
        busker_key: fs::read_to_string(&key).map_err(|error| Failure::file(&key, &error))?,
        cluster_secret: shared.secret.expose().to_owned(),
        redis: shared.redis,
        redis_password: shared
            .redis_password
            .map(|password| password.expose().to_owned()),
        redis_authority: shared.redis_authority,
        transport: shared.transport,
        certificate: issued.certificate,
        certificate_key: issued.key,
        authority: issued.authority,
    })
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| Failure::new(Exit::Internal, format!("a token: {error}")))
}

/// Makes the folder of a node that was invited.
pub(crate) async fn node(args: &CreateNodeArgs) -> Result<(), Failure> {
    let token = read_token(&args.token_file)?;
    let dir = std::path::absolute(&args.dir).map_err(|error| Failure::file(&args.dir, &error))?;
    let folder = NodeFolder::new(&dir, token.node.clone(), args.host, args.port_base)?;
    // Before the token is spent: all that can be wrong on this machine.
    if folder.dir.exists() {
        let message = format!(
            "{} is there already: name another folder",
            folder.dir.display()
        );
        return Err(Failure::new(Exit::Conflict, message));
    }
    let password = quickstart::odb_password(args.odb_password_file.as_deref())?;
    make_private(&dir)?;
    let odb = Odb::open(OdbConfig::postgres(&token.odb_url, Some(password.clone()))).await?;
    let taken = odb.joins().take(&token.invitation).await;
    let invitation = taken.map_err(|error| {
        if matches!(error, busker_odb::OdbError::NotFound(_)) {
            let message = "--token-file: the token was used already, or has expired: make another with `busker create join-token`";
            Failure::new(Exit::NotFound, message)
        } else {
            error.into()
        }
    })?;
    let sealed = Vault::of_text(&token.key)?
        .open_sealed(&Joins::place(&invitation.node), &invitation.sealed)?;
    let bundle: Bundle = serde_json::from_str(sealed.expose()).map_err(|_| {
        let message = "--token-file: its cluster runs another version of Busker: use the same one";
        Failure::new(Exit::Invalid, message)
    })?;
    let made = fill(&folder, bundle, &token.odb_url, &password);
    if let Err(failure) = made {
        drop(fs::remove_dir_all(&folder.dir));
        return Err(Failure::new(
            failure.exit,
            format!("{}; the token is spent: make another", failure.message),
        ));
    }
    if !dir.join(TOKEN_FILE).exists() {
        quickstart::command_line_token(&odb, &dir).await?;
    }
    output::say(&format!(
        "{} created in {}",
        folder.name,
        folder.dir.display()
    ))?;
    output::say(&format!(
        "Start it with: busker start {}",
        folder.dir.display()
    ))
}

fn read_token(file: &Path) -> Result<Token, Failure> {
    let text = prompt::password_file(file)?;
    let wrong = || {
        let message = format!(
            "--token-file: {} holds no join token: `busker create join-token` writes one",
            file.display()
        );
        Failure::new(Exit::Invalid, message)
    };
    let encoded = text
        .expose()
        .trim()
        .strip_prefix(PREFIX)
        .ok_or_else(wrong)?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| wrong())?;
    serde_json::from_slice(&bytes).map_err(|_| wrong())
}

fn fill(
    folder: &NodeFolder,
    bundle: Bundle,
    odb_url: &str,
    odb_password: &Secret,
) -> Result<(), Failure> {
    folder.make()?;
    write_private(&folder.dir.join("busker.key"), &bundle.busker_key)?;
    let shared = cluster::Shared {
        redis: bundle.redis,
        redis_password: bundle.redis_password.map(Secret::new),
        redis_authority: bundle.redis_authority,
        secret: Secret::new(bundle.cluster_secret),
        transport: bundle.transport,
    };
    shared.write(&folder.dir)?;
    let issued = authority::Issued {
        certificate: bundle.certificate,
        key: bundle.certificate_key,
        authority: bundle.authority,
    };
    issued.write(&folder.dir.join("certs"))?;
    folder.configure(&Common {
        cluster: &bundle.cluster,
        odb_url,
        odb_password: Some(odb_password),
        shared: Some(&shared),
    })?;
    // Read back, so that what is written is what a node accepts.
    let config = NodeConfig::load(&folder.dir)?;
    for (section, listen) in [("http", config.http.listen), ("admin", config.admin.listen)] {
        // Told now rather than at the first start, which is when it matters.
        if let Err(failure) = lifecycle::free(section, listen) {
            output::say(&format!("note: {}", failure.message))?;
        }
    }
    Ok(())
}
