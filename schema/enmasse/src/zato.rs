//! Exports of Zato's enmasse (2.0 and 3.x, JSON): keys, fields and words of theirs, told in ours.
//!
//! A field that says where the object was, such as an id, is left out; one whose meaning has no place here is left out with
//! a note. What cannot be told in ours is a fault.

use std::collections::BTreeMap;

use crate::declare::{Declared, active, name};
use crate::mark::Problem;
use crate::node::{Data, Entry, Node, find};

/// Keys of Zato whose objects are told in ours.
const TOLD: [&str; 9] = [
    "channel_plain_http",
    "channel_rest",
    "channel_soap",
    "def_sec",
    "http_soap",
    "outconn_plain_http",
    "outconn_rest",
    "outconn_soap",
    "scheduler",
];

/// Keys of Zato whose objects are not.
const UNTOLD: [&str; 38] = [
    "channel_amqp",
    "channel_jms_wmq",
    "channel_web_socket",
    "channel_zmq",
    "cloud_aws_s3",
    "def_amqp",
    "def_cassandra",
    "def_cloud_openstack_swift",
    "def_jms_wmq",
    "def_namespace",
    "email_imap",
    "email_smtp",
    "json_pointer",
    "notif_cloud_openstack_swift",
    "notif_sql",
    "outconn_amqp",
    "outconn_ftp",
    "outconn_jms_wmq",
    "outconn_ldap",
    "outconn_mongodb",
    "outconn_odoo",
    "outconn_sap",
    "outconn_sftp",
    "outconn_sql",
    "outconn_zmq",
    "pubsub_endpoint",
    "pubsub_subscription",
    "pubsub_topic",
    "query_cassandra",
    "rbac_client_role",
    "rbac_permission",
    "rbac_role",
    "rbac_role_permission",
    "search_es",
    "search_solr",
    "tls_ca_cert",
    "xpath",
    "zato_cache_builtin",
];

/// Where an object was, and what Zato derives: nothing is lost without them.
const SILENT: [&str; 16] = [
    "cluster_id",
    "cluster_name",
    "connection",
    "def_name",
    "id",
    "impl_name",
    "is_internal",
    "sec_type",
    "sec_use_rbac",
    "security_id",
    "security_type",
    "service_id",
    "transport",
    "type",
    "job_type",
    "opaque1",
];

/// Fields whose meaning has no place here.
const NOTED: [&str; 21] = [
    "cache_expiry",
    "cache_id",
    "cache_name",
    "cache_type",
    "content_encoding",
    "content_type",
    "data_encoding",
    "has_rbac",
    "hl7_version",
    "http_accept",
    "is_audit_log_received_active",
    "is_audit_log_sent_active",
    "is_rate_limit_active",
    "json_path",
    "match_slash",
    "max_len_messages_received",
    "max_len_messages_sent",
    "merge_url_params_req",
    "rate_limit_def",
    "sec_tls_ca_cert_id",
    "serialization_type",
];

/// Names of a security definition that mean none.
const NO_SECURITY: [&str; 2] = ["zato-no-security", "ZATO_NONE"];

/// How a field of Zato is told.
#[derive(Debug, Clone, Copy)]
enum How {
    /// As it is; empty means not given.
    Same,
    /// As a number, in quotes or not.
    Number,
    /// Seconds, as milliseconds.
    Seconds,
    /// The name of a security definition.
    Security,
    /// Not at all: it has no meaning for this kind.
    Nothing,
}

/// A field of Zato, the setting of ours, and how one becomes the other.
type Field = (&'static str, &'static str, How);

const CHANNEL: &[Field] = &[
    ("url_path", "url_path", How::Same),
    ("method", "method", How::Same),
    ("service", "service", How::Same),
    ("service_name", "service", How::Same),
    ("data_format", "data_format", How::Same),
    ("sec_def", "security", How::Security),
    ("security", "security", How::Security),
    ("security_name", "security", How::Security),
    ("params_pri", "params_pri", How::Same),
    ("url_params_pri", "url_params_pri", How::Same),
    ("host", "", How::Nothing),
    ("ping_method", "", How::Nothing),
    ("pool_size", "", How::Nothing),
    ("timeout", "", How::Nothing),
];
const OUTGOING: &[Field] = &[
    ("host", "address", How::Same),
    ("address_host", "address", How::Same),
    ("url_path", "url_path", How::Same),
    ("method", "method", How::Same),
    ("data_format", "data_format", How::Same),
    ("sec_def", "security", How::Security),
    ("security", "security", How::Security),
    ("security_name", "security", How::Security),
    ("timeout", "timeout_ms", How::Seconds),
    ("pool_size", "pool_size", How::Number),
    ("ping_method", "ping_method", How::Same),
    ("params_pri", "", How::Nothing),
    ("url_params_pri", "", How::Nothing),
    ("service", "", How::Nothing),
    ("service_name", "", How::Nothing),
];
const SOAP: &[Field] = &[
    ("soap_action", "soap_action", How::Same),
    ("soap_version", "soap_version", How::Same),
];
const PLAIN: &[Field] = &[
    ("soap_action", "", How::Nothing),
    ("soap_version", "", How::Nothing),
];
const JOB: &[Field] = &[
    ("service", "service", How::Same),
    ("service_name", "service", How::Same),
    ("extra", "payload", How::Same),
    ("start_date", "start_date", How::Same),
    ("weeks", "weeks", How::Number),
    ("days", "days", How::Number),
    ("hours", "hours", How::Number),
    ("minutes", "minutes", How::Number),
    ("seconds", "seconds", How::Number),
    ("repeats", "repeats", How::Number),
    ("cron_definition", "cron", How::Same),
];

const API_KEY: &[Field] = &[
    ("password", "key", How::Same),
    ("username", "", How::Nothing),
];
const TECH_ACCOUNT: &[Field] = &[("username", "", How::Nothing), ("salt", "", How::Nothing)];

/// Whether a key of the top level is one of Zato's.
pub(crate) fn is_key(key: &str) -> bool {
    TOLD.contains(&key) || UNTOLD.contains(&key)
}

/// Tells one item of a list of Zato.
pub(crate) fn item(
    key: &str,
    node: &Node,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Problem>,
) -> Option<Declared> {
    let Some(entries) = node.entries() else {
        problems.push(Problem::new(node.mark, format!("{key}: must be an object")));
        return None;
    };
    let told = target(key, entries);
    let Target {
        title,
        fields,
        transport,
    } = match told {
        Ok(target) => target,
        Err(message) => {
            problems.push(Problem::new(node.mark, message));
            return None;
        }
    };
    let before = problems.len();
    let mut teller = Teller {
        settings: BTreeMap::new(),
        problems,
        notes,
    };
    let mut declared = Declared {
        title: title.to_owned(),
        mark: node.mark,
        name: String::new(),
        active: true,
        settings: Vec::new(),
    };
    for entry in entries {
        match entry.key.as_str() {
            "name" => declared.name = name(&entry.value, teller.problems),
            "is_active" => declared.active = active(&entry.value, teller.problems),
            _ => teller.field(entry, &fields, title.starts_with("security.")),
        }
    }
    if find(entries, "name").is_none() {
        teller
            .problems
            .push(Problem::new(node.mark, "name: is required"));
    }
    if let Some(transport) = transport {
        teller.set("transport", node, Node::text_at(node.mark, transport));
        // Without a format a service of Zato gets the body as it came.
        if title == "channel.http" && transport == "plain_http" {
            let raw = Node::text_at(node.mark, "raw");
            teller
                .settings
                .entry("data_format".to_owned())
                .or_insert_with(|| setting("data_format", raw));
        }
    }
    declared.settings = teller.settings.into_values().collect();
    (problems.len() == before).then_some(declared)
}

/// What an item is here.
struct Target {
    title: &'static str,
    fields: Vec<Field>,
    transport: Option<&'static str>,
}

fn target(key: &str, entries: &[Entry]) -> Result<Target, String> {
    let word = |key: &str| {
        let entry = find(entries, key);
        entry
            .and_then(|entry| entry.value.text())
            .unwrap_or_default()
    };
    let http = |title, fields: &[Field], transport| {
        let more = if transport == "soap" { SOAP } else { PLAIN };
        Ok(Target {
            title,
            fields: [fields, more].concat(),
            transport: Some(transport),
        })
    };
    match key {
        "channel_plain_http" | "channel_rest" => http("channel.http", CHANNEL, "plain_http"),
        "channel_soap" => http("channel.http", CHANNEL, "soap"),
        "outconn_plain_http" | "outconn_rest" => http("outgoing.http", OUTGOING, "plain_http"),
        "outconn_soap" => http("outgoing.http", OUTGOING, "soap"),
        "http_soap" => match (word("connection"), word("transport")) {
            ("channel", "plain_http") => target("channel_plain_http", entries),
            ("channel", "soap") => target("channel_soap", entries),
            ("outgoing", "plain_http") => target("outconn_plain_http", entries),
            ("outgoing", "soap") => target("outconn_soap", entries),
            _ => Err(
                "http_soap: connection is channel or outgoing, and transport is plain_http or soap"
                    .to_owned(),
            ),
        },
        "scheduler" => {
            let title = match word("job_type") {
                "one_time" => "job.one-time",
                "interval_based" => "job.interval",
                "cron_style" => "job.cron",
                _ => {
                    return Err(
                        "scheduler: job_type is one_time, interval_based or cron_style".to_owned(),
                    );
                }
            };
            Ok(Target {
                title,
                fields: JOB.to_vec(),
                transport: None,
            })
        }
        "def_sec" => definition(match word("type") {
            "" => word("sec_type"),
            kind => kind,
        }),
        _ => Err(format!(
            "{key}: this version has no such objects, so this one cannot be imported; take it out"
        )),
    }
}

fn definition(kind: &str) -> Result<Target, String> {
    let (title, fields) = match kind {
        "basic_auth" => ("security.basic-auth", &[][..]),
        "apikey" => ("security.api-key", API_KEY),
        "jwt" => ("security.jwt", &[][..]),
        "tech_acc" => ("security.tech-account", TECH_ACCOUNT),
        "wss" => ("security.wss", &[][..]),
        _ => {
            return Err(
                "def_sec: this version takes the types basic_auth, apikey, jwt, tech_acc and wss"
                    .to_owned(),
            );
        }
    };
    Ok(Target {
        title,
        fields: fields.to_vec(),
        transport: None,
    })
}

struct Teller<'p> {
    settings: BTreeMap<String, Entry>,
    problems: &'p mut Vec<Problem>,
    notes: &'p mut Vec<Problem>,
}

impl Teller<'_> {
    /// Tells one field. Fields of security definitions that are not told otherwise are the same there.
    fn field(&mut self, entry: &Entry, fields: &[Field], is_security: bool) {
        let key = entry.key.as_str();
        let is_empty = entry.value.is_null() || entry.value.text() == Some("");
        let known = fields.iter().find(|(theirs, ..)| *theirs == key);
        match known {
            _ if is_empty || SILENT.contains(&key) => {}
            Some((_, _, How::Nothing)) => {}
            Some((_, ours, how)) => {
                if let Some(value) = self.told(entry, *how) {
                    self.set(ours, &entry.value, value);
                }
            }
            None if NOTED.contains(&key) => {
                let message = format!("{key}: has no place here and is left out");
                self.notes.push(Problem::new(entry.mark, message));
            }
            None if is_security => self.set(key, &entry.value, entry.value.clone()),
            None => {
                let message = format!("{key:?} is not known here; take it out if it is not needed");
                self.problems.push(Problem::new(entry.mark, message));
            }
        }
    }

    fn told(&mut self, entry: &Entry, how: How) -> Option<Node> {
        let mark = entry.value.mark;
        let text = entry.value.text();
        let plain = |text: String| Node {
            mark,
            data: Data::Scalar { text, plain: true },
        };
        match how {
            How::Same | How::Nothing => Some(entry.value.clone()),
            How::Number => text.map(|text| plain(text.to_owned())),
            How::Security => text
                .filter(|name| !NO_SECURITY.contains(name))
                .map(|name| Node::text_at(mark, name)),
            How::Seconds => {
                let seconds = text.and_then(|text| text.parse::<f64>().ok());
                let whole = seconds.map(|seconds| (seconds * 1_000.0).round());
                let told = whole.filter(|ms| (1.0..=3_600_000.0).contains(ms));
                if told.is_none() {
                    let message = format!("{}: must be seconds, up to an hour", entry.key);
                    self.problems.push(Problem::new(mark, message));
                }
                told.map(|ms| plain(format!("{ms:.0}")))
            }
        }
    }

    /// Sets one of ours; two fields that mean the same must say the same.
    fn set(&mut self, ours: &str, at: &Node, value: Node) {
        let entry = Entry {
            mark: at.mark,
            ..setting(ours, value)
        };
        match self.settings.get(ours) {
            Some(there) if there.value.text() != entry.value.text() => {
                let message = format!("says otherwise than another field that also means {ours}");
                self.problems.push(Problem::new(at.mark, message));
            }
            Some(_) => {}
            None => drop(self.settings.insert(ours.to_owned(), entry)),
        }
    }
}

fn setting(key: &str, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        mark: value.mark,
        value,
    }
}
