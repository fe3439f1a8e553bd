//! Security definitions as channels and outgoing connections use them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use busker_channels::{Guard, Limiter, Shut, TokenSource};
use busker_connector::{Kind, RateLimit, Settings};
use busker_connector_http::Credentials;
use busker_model::object::{NEEDS_SECRET, Violation};
use busker_model::{Fault, Object, ObjectKey, Secret};
use busker_odb::Odb;
use busker_security::wss::PasswordType;
use busker_security::{
    ApiKeySettings, BasicAuthSettings, Definition, JwtSettings, MutualTlsSettings, PreparedApiKey,
    PreparedBasic, PreparedJwt, PreparedMutualTls, PreparedTechAccount, PreparedWss,
    TechAccountSettings, WssSettings,
};
use serde_json::{Value, json};

use crate::jwks::Fetcher;

/// A definition that may be used.
#[derive(Debug)]
pub(crate) struct Secured {
    /// Revision it was made at.
    pub(crate) revision: i64,
    /// For requests that come in.
    pub(crate) definition: Definition,
    /// For requests that go out; `None` where none can.
    pub(crate) credentials: Option<Credentials>,
    /// Bounds requests with its credentials.
    pub(crate) limiter: Option<Arc<Limiter>>,
    /// Fetches its keys for as long as it is there.
    _fetcher: Option<Fetcher>,
}

impl Secured {
    /// What stands in front of a way in.
    pub(crate) fn guard(&self) -> Guard {
        Guard {
            definition: self.definition.clone(),
            limiter: self.limiter.clone(),
        }
    }
}

/// Definitions by name. One that is inactive, or cannot be opened, is not there: what names it is closed.
#[derive(Debug)]
pub(crate) struct Security {
    known: HashMap<String, Secured>,
    /// Those that would be there if they had their secret.
    lacking: HashSet<String>,
    tokens: Arc<dyn TokenSource>,
}

impl Security {
    pub(crate) fn new(tokens: Arc<dyn TokenSource>) -> Self {
        Self {
            known: HashMap::new(),
            lacking: HashSet::new(),
            tokens,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Secured> {
        self.known.get(name)
    }

    /// Whether a definition that is not there only lacks its secret.
    pub(crate) fn lacks_secret(&self, name: &str) -> bool {
        self.lacking.contains(name)
    }

    /// Why a channel with a definition that is not there is closed.
    pub(crate) fn shut(&self, name: &str) -> Shut {
        if self.lacks_secret(name) {
            Shut::NeedsSecret
        } else {
            Shut::NoSecurity
        }
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.lacking.clear();
    }

    pub(crate) fn take(&mut self, odb: &Odb, key: &ObjectKey, object: Option<&Object>) {
        let before = self.known.remove(&key.name);
        self.lacking.remove(&key.name);
        let Some(object) = object.filter(|object| object.active) else {
            return;
        };
        match opened(odb, object) {
            Ok(opened) => {
                let limiter = opened.rate_limit.map(|limit| {
                    let before = before.and_then(|before| before.limiter);
                    Limiter::of(
                        before,
                        format!("security:{}", key.name),
                        limit,
                        &self.tokens,
                    )
                });
                let secured = Secured {
                    revision: object.revision,
                    definition: opened.definition,
                    credentials: opened.credentials,
                    limiter,
                    _fetcher: opened.fetcher,
                };
                self.known.insert(key.name.clone(), secured);
            }
            Err(fault) if fault.code_str() == Some(NEEDS_SECRET) => {
                tracing::warn!("{key} has no secret yet, so what names it is closed");
                self.lacking.insert(key.name.clone());
            }
            Err(fault) => {
                tracing::error!("{key} cannot be used, so what names it is closed: {fault:?}");
            }
        }
    }
}

/// What the object of a definition means.
struct Opened {
    definition: Definition,
    credentials: Option<Credentials>,
    rate_limit: Option<RateLimit>,
    fetcher: Option<Fetcher>,
}

impl Opened {
    fn new(definition: Definition, rate_limit: Option<RateLimit>) -> Self {
        Self {
            definition,
            credentials: None,
            rate_limit,
            fetcher: None,
        }
    }

    fn sends(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }
}

fn opened(odb: &Odb, object: &Object) -> Result<Opened, Fault> {
    match object.kind.as_str() {
        ApiKeySettings::KIND => api_key(odb, object),
        BasicAuthSettings::KIND => basic_auth(odb, object),
        JwtSettings::KIND => jwt(odb, object),
        MutualTlsSettings::KIND => mutual_tls(object),
        TechAccountSettings::KIND => tech_account(odb, object),
        WssSettings::KIND => wss(odb, object),
        other => Err(Fault::invalid(format!(
            "this version has no kind {other:?}"
        ))),
    }
}

fn basic_auth(odb: &Odb, object: &Object) -> Result<Opened, Fault> {
    let mut settings: BasicAuthSettings = read(object)?;
    settings.password = secret(odb, object, "password")?;
    let prepared = PreparedBasic::new(&object.key.name, &settings)?;
    let opened = Opened::new(Definition::BasicAuth(prepared), settings.rate_limit);
    Ok(opened.sends(Credentials::Basic {
        username: settings.username,
        password: settings.password,
    }))
}

fn api_key(odb: &Odb, object: &Object) -> Result<Opened, Fault> {
    let mut settings: ApiKeySettings = read(object)?;
    settings.key = secret(odb, object, "key")?;
    let prepared = PreparedApiKey::new(&object.key.name, &settings)?;
    let opened = Opened::new(Definition::ApiKey(prepared), settings.rate_limit);
    Ok(opened.sends(Credentials::ApiKey {
        header: settings.header,
        key: settings.key,
    }))
}

fn tech_account(odb: &Odb, object: &Object) -> Result<Opened, Fault> {
    let mut settings: TechAccountSettings = read(object)?;
    settings.password = secret(odb, object, "password")?;
    let prepared = PreparedTechAccount::new(&object.key.name, &settings)?;
    Ok(Opened::new(
        Definition::TechAccount(prepared),
        settings.rate_limit,
    ))
}

fn mutual_tls(object: &Object) -> Result<Opened, Fault> {
    let settings: MutualTlsSettings = read(object)?;
    let rate_limit = settings.rate_limit;
    let prepared = PreparedMutualTls::new(&object.key.name, settings);
    Ok(Opened::new(Definition::MutualTls(prepared), rate_limit))
}

fn wss(odb: &Odb, object: &Object) -> Result<Opened, Fault> {
    let mut settings: WssSettings = read(object)?;
    settings.password = secret(odb, object, "password")?;
    let sent = Credentials::UsernameToken {
        username: settings.username.clone(),
        password: settings.password.clone(),
        digest: settings.password_type == PasswordType::Digest,
    };
    let rate_limit = settings.rate_limit;
    let prepared = PreparedWss::new(&object.key.name, settings)?;
    Ok(Opened::new(Definition::Wss(prepared), rate_limit).sends(sent))
}

fn jwt(odb: &Odb, object: &Object) -> Result<Opened, Fault> {
    let mut settings: JwtSettings = read(object)?;
    if settings.secret.is_some() {
        settings.secret = Some(secret(odb, object, "secret")?);
    }
    let prepared = PreparedJwt::new(&object.key.name, &settings)?;
    let fetcher = match (&settings.jwks_url, prepared.slot()) {
        (Some(url), Some(slot)) => Some(Fetcher::start(
            &object.key.name,
            url,
            settings.jwks_refresh_s,
            slot.clone(),
        )?),
        _ => None,
    };
    Ok(Opened {
        fetcher,
        ..Opened::new(Definition::Jwt(prepared), settings.rate_limit)
    })
}

/// The settings as they were checked; a secret that is set is there as something else than itself.
fn read<S: Settings>(object: &Object) -> Result<S, Fault> {
    let mut settings = object.settings.clone();
    if let Some(fields) = settings.as_object_mut() {
        for field in S::SECRETS {
            if fields.contains_key(*field) {
                fields.insert((*field).to_owned(), json!(busker_model::secret::REDACTED));
            }
        }
        fields.retain(|_, value| *value != Value::Null);
    }
    let lacks = |faults: &[Violation]| {
        let absent = S::SECRETS
            .iter()
            .filter(|field| settings.get(**field).is_none());
        let told = |field: &&&str| {
            let field = format!("settings.{field}");
            faults.iter().any(|fault| fault.field == field)
        };
        absent.copied().find(|field| told(&field))
    };
    Kind::read(&settings).map_err(|faults| match lacks(&faults) {
        Some(field) => unset(field),
        None => Fault::violations(faults),
    })
}

fn secret(odb: &Odb, object: &Object, field: &str) -> Result<Secret, Fault> {
    let revealed = odb.objects().reveal(object, field)?;
    revealed.ok_or_else(|| unset(field))
}

fn unset(field: &str) -> Fault {
    Fault::invalid(format!("it has no {field} yet; use its change-password")).code(NEEDS_SECRET)
}
