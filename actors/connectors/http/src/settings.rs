//! Settings of an HTTP channel. Field names are those of Zato where it had them.

use busker_connector::{RateLimit, read_part};
use busker_model::invocation::UrlParamsPriority;
use busker_model::object::{Reference, Violation};
use busker_model::{DataFormat, Family, Placement, ServiceName, Transport};
use serde::{Deserialize, Serialize};

use crate::outgoing_settings::SoapVersion;

/// Longest timeout a channel may set, in milliseconds.
pub const MAX_TIMEOUT_MS: u64 = 3_600_000;
/// Longest path of a channel, in bytes.
const MAX_PATH_BYTES: usize = 1024;

/// Whether a query or path parameter beats a field of the message with the same name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamsPriority {
    /// It does.
    #[default]
    ChannelParamsOverMsg,
    /// It does not.
    MsgOverChannelParams,
}

/// Settings of an HTTP channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// Path, exact (`/crm`) or with patterns (`/crm/{id}`).
    pub url_path: String,
    /// Method, upper case; none means any.
    #[serde(default)]
    pub method: Option<String>,
    /// Service it invokes; it may be deployed later.
    pub service: String,
    /// Name of a security definition; none means anyone may call.
    #[serde(default)]
    pub security: Option<String>,
    /// Format of bodies.
    #[serde(default)]
    pub data_format: DataFormat,
    /// Envelope of bodies.
    #[serde(default)]
    pub transport: Transport,
    /// SOAP action; empty takes any.
    #[serde(default)]
    pub soap_action: String,
    /// Element in the body of a request that is for it, where the path and no SOAP action say so: `name`, or
    /// `{namespace}name`; empty takes any.
    #[serde(default)]
    pub soap_element: String,
    /// SOAP version it takes; none takes both.
    #[serde(default)]
    pub soap_version: Option<SoapVersion>,
    /// Longest time for a request, in milliseconds; none leaves it to the service.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Most requests at once on one node; none means no bound of its own.
    #[serde(default)]
    pub max_concurrency: Option<u32>,
    /// Longest body in bytes; none leaves it to the node's `limits.body_bytes`.
    #[serde(default)]
    pub max_body_bytes: Option<u64>,
    /// Most requests per time; none sets no limit.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
    /// Whether parameters beat the message.
    #[serde(default)]
    pub params_pri: ParamsPriority,
    /// Whether the query or the path wins when both have a parameter.
    #[serde(default)]
    pub url_params_pri: UrlParamsPriority,
    /// Whether a request ends where it stands when its client hangs up; otherwise it goes on, and its answer is dropped.
    #[serde(default)]
    pub cancel_on_disconnect: bool,
    /// Which nodes serve it.
    #[serde(default)]
    pub placement: Placement,
    /// Whether a service's traceback goes to the caller; for development only.
    #[serde(default)]
    pub expose_tracebacks: bool,
}

impl ChannelSettings {
    /// Reads settings from JSON and checks them.
    ///
    /// # Errors
    /// Every fault found, each with its field.
    pub fn read(settings: &serde_json::Value) -> Result<Self, Vec<Violation>> {
        let mut read: Self = read_part(settings)?;
        if read.transport == Transport::Soap {
            read.data_format = DataFormat::Xml;
        }
        read.method = read.method.filter(|method| !method.is_empty());
        let faults = read.check();
        if faults.is_empty() {
            Ok(read)
        } else {
            Err(faults)
        }
    }

    fn check(&self) -> Vec<Violation> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: String| {
            faults.push(Violation::new(format!("settings.{field}"), message));
        };
        if !self.url_path.starts_with('/') || self.url_path.len() > MAX_PATH_BYTES {
            fault(
                "url_path",
                format!("must start with '/' and be at most {MAX_PATH_BYTES} bytes long"),
            );
        }
        if let Err(error) = matchit::Router::new().insert(self.url_path.as_str(), ()) {
            fault(
                "url_path",
                format!("{error}; a pattern is written {{name}}, or {{*rest}} at the end"),
            );
        }
        if self.url_path.contains(['?', '#', ' ']) {
            fault("url_path", "may not hold '?', '#' or a space".to_owned());
        }
        if let Some(method) = &self.method
            && !method.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            fault(
                "method",
                format!("{method:?} is not a method in upper case, such as POST"),
            );
        }
        if let Err(error) = ServiceName::new(&self.service) {
            fault("service", error.to_string());
        }
        if self
            .timeout_ms
            .is_some_and(|ms| ms == 0 || ms > MAX_TIMEOUT_MS)
        {
            fault(
                "timeout_ms",
                format!("must be from 1 to {MAX_TIMEOUT_MS} milliseconds"),
            );
        }
        if self.max_concurrency == Some(0) {
            fault("max_concurrency", "must be at least 1".to_owned());
        }
        if self.transport == Transport::PlainHttp && !self.soap_action.is_empty() {
            fault("soap_action", "is for transport soap only".to_owned());
        }
        if self.transport == Transport::PlainHttp && self.soap_version.is_some() {
            fault("soap_version", "is for transport soap only".to_owned());
        }
        if let Some(wrong) = self.wrong_element() {
            fault("soap_element", wrong.to_owned());
        }
        faults.extend(self.rate_limit.and_then(RateLimit::check));
        faults
    }

    fn wrong_element(&self) -> Option<&'static str> {
        if self.soap_element.is_empty() {
            return None;
        }
        if self.transport == Transport::PlainHttp {
            return Some("is for transport soap only");
        }
        if !self.soap_action.is_empty() {
            return Some(
                "is for a channel without soap_action: either the action or the element says whose a request is",
            );
        }
        let rest = self.soap_element.strip_prefix('{');
        let (namespace, name) = rest
            .and_then(|rest| rest.split_once('}'))
            .unwrap_or(("", &self.soap_element));
        let inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(inner)
            && !namespace.contains(char::is_whitespace);
        (!is_name).then_some("must be the name of an XML element, or {namespace}name")
    }

    /// Other objects it names.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let security = self.security.as_ref().map(|name| Reference {
            field: "security".to_owned(),
            family: Family::Security,
            group: String::new(),
            name: name.clone(),
            required: true,
        });
        security.into_iter().collect()
    }

    /// What no two channels may share.
    #[must_use]
    pub fn unique(&self) -> String {
        if self.soap_element.is_empty() {
            return format!("{} {}", self.url_path, self.soap_action);
        }
        format!("{}  {}", self.url_path, self.soap_element)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_is_listed_with_its_field() {
        let faults = ChannelSettings::read(&json!({
            "url_path": "crm/{id", "service": "a b", "method": "post", "timeout_ms": 0, "soap_action": "x"
        }))
        .unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "settings.url_path",
                "settings.url_path",
                "settings.method",
                "settings.service",
                "settings.timeout_ms",
                "settings.soap_action"
            ]
        );
    }

    #[test]
    fn a_path_is_exact_or_a_pattern_that_can_be_mounted() {
        let read = |path: &str| ChannelSettings::read(&json!({"url_path": path, "service": "a"}));
        for path in ["/a", "/a/{id}", "/a/{id}/b/{*rest}"] {
            assert!(read(path).is_ok(), "{path}");
        }
        for path in ["/a/{id", "/a}b{", "/a/{}", "/a/{*rest}/b"] {
            let faults = read(path).unwrap_err();
            assert_eq!(faults[0].field, "settings.url_path", "{path}");
        }
    }

    #[test]
    fn an_unknown_field_is_named() {
        let faults =
            ChannelSettings::read(&json!({"url_path": "/a", "service": "a", "metod": "GET"}))
                .unwrap_err();
        assert!(faults[0].message.contains("metod"), "{faults:?}");
    }

    #[test]
    fn an_element_tells_soap_channels_of_one_path_apart() {
        let read = |more: serde_json::Value| {
            let mut settings = json!({"url_path": "/a", "service": "a", "transport": "soap"});
            settings
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            ChannelSettings::read(&settings)
        };
        let keys: Vec<String> = [
            json!({}),
            json!({"soap_action": "b"}),
            json!({"soap_element": "b"}),
            json!({"soap_element": "{urn:x}b"}),
        ]
        .map(|more| read(more).unwrap().unique())
        .into();
        let mut unlike = keys.clone();
        unlike.sort();
        unlike.dedup();
        assert_eq!(unlike.len(), keys.len(), "{keys:?}");
        for more in [
            json!({"soap_element": "b", "soap_action": "b"}),
            json!({"soap_element": "a b"}),
            json!({"soap_element": "{urn:x}"}),
            json!({"soap_element": "b", "transport": "plain_http"}),
        ] {
            let faults = read(more.clone()).unwrap_err();
            assert_eq!(faults[0].field, "settings.soap_element", "{more}");
        }
    }

    #[test]
    fn soap_is_always_xml() {
        let read =
            ChannelSettings::read(&json!({"url_path": "/a", "service": "a", "transport": "soap"}))
                .unwrap();
        assert_eq!(read.data_format, DataFormat::Xml);
    }
}
