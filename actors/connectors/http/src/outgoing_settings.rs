//! Settings of an outgoing HTTP connection.

use busker_connector::{Kind, Settings};
use busker_model::object::{Reference, Violation};
use busker_model::{DataFormat, Family, Transport};
use reqwest::Certificate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::breaker::BreakerSettings;
use crate::settings::MAX_TIMEOUT_MS;
use crate::ssrf::Guard;
use crate::token::is_method;

/// Most requests of one connection at once.
const MAX_POOL: u32 = 10_000;
/// Most repetitions of one request.
const MAX_RETRIES: u32 = 10;
/// Largest answer that may be allowed, in bytes.
const MAX_RESPONSE_BYTES: u64 = 1024 * 1024 * 1024;

/// Version of SOAP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SoapVersion {
    /// SOAP 1.1.
    #[default]
    #[serde(rename = "1.1")]
    V11,
    /// SOAP 1.2.
    #[serde(rename = "1.2")]
    V12,
}

/// Settings of an outgoing HTTP connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutgoingSettings {
    /// Address, `http` or `https`, such as `https://crm.example.com`; a path in it comes before `url_path`.
    pub address: String,
    /// Path, such as `/api/v1`; requests append to it.
    #[serde(default)]
    pub url_path: String,
    /// Method of requests that name none; without it, GET for an empty body and POST for any other.
    #[serde(default)]
    pub method: Option<String>,
    /// Security definition with the credentials to send; none sends none.
    #[serde(default)]
    pub security: Option<String>,
    /// Envelope of bodies.
    #[serde(default)]
    #[schemars(schema_with = "transport_schema")]
    pub transport: Transport,
    /// Format of bodies, which decides their Content-Type; json unless given, and always xml for soap.
    #[serde(default)]
    #[schemars(schema_with = "data_format_schema")]
    pub data_format: Option<DataFormat>,
    /// SOAP action.
    #[serde(default)]
    pub soap_action: String,
    /// SOAP version.
    #[serde(default)]
    pub soap_version: SoapVersion,
    /// Longest time for a request with its repetitions, in milliseconds.
    #[serde(default = "timeout_ms")]
    #[schemars(range(min = 1, max = MAX_TIMEOUT_MS))]
    pub timeout_ms: u64,
    /// Longest time to connect, in milliseconds.
    #[serde(default = "connect_timeout_ms")]
    #[schemars(range(min = 1, max = MAX_TIMEOUT_MS))]
    pub connect_timeout_ms: u64,
    /// Most requests at once on one node; as many more may wait.
    #[serde(default = "pool_size")]
    #[schemars(range(min = 1, max = MAX_POOL))]
    pub pool_size: u32,
    /// Longest answer, in bytes, unpacked.
    #[serde(default = "max_response_bytes")]
    #[schemars(range(min = 1, max = MAX_RESPONSE_BYTES))]
    pub max_response_bytes: u64,
    /// Certificates, in PEM, of the authorities that may have issued the peer's, instead of those the system knows.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// Whether redirects are followed; else they are the answer.
    #[serde(default)]
    pub follow_redirects: bool,
    /// Whether link-local addresses, where clouds keep credentials, may be reached.
    #[serde(default)]
    pub allow_link_local: bool,
    /// Method of a ping.
    #[serde(default = "ping_method")]
    pub ping_method: String,
    /// Most repetitions of a request that is safe to repeat.
    #[serde(default = "retries")]
    #[schemars(range(max = MAX_RETRIES))]
    pub retries: u32,
    /// When to stop calling a peer that is away.
    #[serde(default)]
    pub breaker: BreakerSettings,
}

fn timeout_ms() -> u64 {
    10_000
}

fn connect_timeout_ms() -> u64 {
    3_000
}

fn pool_size() -> u32 {
    64
}

fn max_response_bytes() -> u64 {
    16 * 1024 * 1024
}

fn ping_method() -> String {
    "HEAD".to_owned()
}

fn retries() -> u32 {
    2
}

fn transport_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"enum": OutgoingSettings::GROUPS, "default": "plain_http"})
}

fn data_format_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"enum": ["json", "xml", "form", "raw", null]})
}

impl OutgoingSettings {
    /// The kind that these settings make, as the catalog lists it.
    #[must_use]
    pub fn kind() -> Kind {
        let example = || json!({"address": "https://crm.example.com", "url_path": "/api/v1", "timeout_ms": 10_000});
        Kind::of::<Self>(Family::Outgoing, "an outgoing HTTP connection", example).with_ping()
    }

    /// Format of bodies.
    #[must_use]
    pub fn format(&self) -> DataFormat {
        match (self.transport, self.data_format) {
            (Transport::Soap, _) => DataFormat::Xml,
            (Transport::PlainHttp, format) => format.unwrap_or_default(),
        }
    }
}

impl Settings for OutgoingSettings {
    const KIND: &'static str = "http";
    const GROUPS: &'static [&'static str] =
        &[Transport::PlainHttp.as_str(), Transport::Soap.as_str()];

    fn check(&self) -> Vec<Violation> {
        let mut faults = Faults(Vec::new());
        self.check_target(&mut faults);
        self.check_message(&mut faults);
        self.check_limits(&mut faults);
        faults.0
    }

    fn references(&self) -> Vec<Reference> {
        let security = self.security.as_ref().map(|name| Reference {
            field: "security".to_owned(),
            family: Family::Security,
            group: String::new(),
            name: name.clone(),
            required: true,
        });
        security.into_iter().collect()
    }

    fn group(&self) -> &'static str {
        self.transport.as_str()
    }
}

struct Faults(Vec<Violation>);

impl Faults {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0
            .push(Violation::new(format!("settings.{field}"), message));
    }

    fn range(&mut self, field: &str, value: u64, from: u64, to: u64) {
        if !(from..=to).contains(&value) {
            self.add(field, format!("must be from {from} to {to}"));
        }
    }
}

impl OutgoingSettings {
    fn check_target(&self, faults: &mut Faults) {
        match Url::parse(&self.address) {
            Err(error) => faults.add(
                "address",
                format!("is no address ({error}); write it as https://host:port"),
            ),
            Ok(url) => self.check_address(&url, faults),
        }
        if !self.url_path.is_empty() && !self.url_path.starts_with('/') {
            faults.add("url_path", "must be empty or start with '/'");
        }
        if self.url_path.contains(['?', '#', ' ']) {
            faults.add(
                "url_path",
                "may not hold '?', '#' or a space; a query is given with each request",
            );
        }
    }

    fn check_address(&self, url: &Url, faults: &mut Faults) {
        if !matches!(url.scheme(), "http" | "https") {
            faults.add("address", "must start with http:// or https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            faults.add(
                "address",
                "may not hold credentials; name a security definition instead",
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            faults.add(
                "address",
                "may not hold '?' or '#'; a query is given with each request",
            );
        }
        if self.ca_pem.is_some() && self.authorities().is_none() {
            faults.add(
                "ca_pem",
                "holds no certificate; give the whole file, from -----BEGIN CERTIFICATE----- on",
            );
        }
        if let Err(denied) = Guard::of(self).check(url) {
            faults.add("address", format!("{denied}; allow_link_local allows it"));
        }
    }

    /// The authorities to trust, when the system's are not; `None` when the text holds no certificate.
    pub(crate) fn authorities(&self) -> Option<Vec<Certificate>> {
        let pem = self.ca_pem.as_ref()?;
        Certificate::from_pem_bundle(pem.as_bytes())
            .ok()
            .filter(|found| !found.is_empty())
    }

    fn check_message(&self, faults: &mut Faults) {
        if let Some(method) = self.method.as_ref().filter(|method| !is_method(method)) {
            faults.add(
                "method",
                format!("{method:?} is not a method in upper case, such as POST"),
            );
        }
        if !is_method(&self.ping_method) {
            let method = &self.ping_method;
            faults.add(
                "ping_method",
                format!("{method:?} is not a method in upper case, such as HEAD"),
            );
        }
        let is_soap = self.transport == Transport::Soap;
        if is_soap
            && self
                .data_format
                .is_some_and(|format| format != DataFormat::Xml)
        {
            faults.add(
                "data_format",
                "must be xml, or left out, for transport soap",
            );
        }
        if !is_soap && !self.soap_action.is_empty() {
            faults.add("soap_action", "is for transport soap only");
        }
        if self
            .soap_action
            .contains(|c: char| c == '"' || c.is_control() || !c.is_ascii())
        {
            faults.add("soap_action", "may hold printable ASCII only, and no quote");
        }
    }

    fn check_limits(&self, faults: &mut Faults) {
        faults.range("timeout_ms", self.timeout_ms, 1, MAX_TIMEOUT_MS);
        faults.range(
            "connect_timeout_ms",
            self.connect_timeout_ms,
            1,
            MAX_TIMEOUT_MS,
        );
        faults.range("pool_size", self.pool_size.into(), 1, MAX_POOL.into());
        faults.range(
            "max_response_bytes",
            self.max_response_bytes,
            1,
            MAX_RESPONSE_BYTES,
        );
        faults.range("retries", self.retries.into(), 0, MAX_RETRIES.into());
        faults.range("breaker.failures", self.breaker.failures.into(), 1, 1000);
        faults.range("breaker.open_ms", self.breaker.open_ms, 1, MAX_TIMEOUT_MS);
        faults.range(
            "breaker.window_ms",
            self.breaker.window_ms,
            1,
            MAX_TIMEOUT_MS,
        );
    }
}

#[cfg(test)]
mod tests;
