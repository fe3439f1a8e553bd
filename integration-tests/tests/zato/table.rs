//! The exchanges: what Zato's clients send, and what they are to be told.

use serde_json::{Value, json};

/// Id of the service `zato.ping`.
const PING: u64 = 5_049_499_594_053_499;

/// A request and its answer. `$name` stands for an id that an exchange before has made.
pub(crate) struct Exchange {
    pub(crate) service: &'static str,
    pub(crate) input: Value,
    pub(crate) expected: Expected,
    /// What later rows call the id in the answer.
    pub(crate) keeps: Option<&'static str>,
}

pub(crate) enum Expected {
    Output(Value),
    Failure(u16, &'static str),
}

fn ok(service: &'static str, input: Value, output: Value) -> Exchange {
    Exchange {
        service,
        input,
        expected: Expected::Output(output),
        keeps: None,
    }
}

fn no(service: &'static str, input: Value, status: u16, message: &'static str) -> Exchange {
    Exchange {
        service,
        input,
        expected: Expected::Failure(status, message),
        keeps: None,
    }
}

impl Exchange {
    fn keeps(mut self, name: &'static str) -> Self {
        self.keeps = Some(name);
        self
    }
}

/// All of them, in an order in which they follow each other.
pub(crate) fn all() -> impl Iterator<Item = Exchange> {
    let tables = [
        definitions(),
        channels(),
        accounts(),
        jobs(),
        dictionaries(),
        documents(),
        refusals(),
    ];
    tables.into_iter().flatten()
}

fn definitions() -> Vec<Exchange> {
    let row = |id: &str, name: &str, realm: &str| json!({"id": id, "name": name, "is_active": true, "username": name, "realm": realm});
    vec![
        ok(
            "zato.security.basic-auth.create",
            json!({"cluster_id": 1, "name": "crm", "is_active": true, "username": "crm", "realm": "R & D"}),
            json!({"id": "$crm", "name": "crm"}),
        )
        .keeps("crm"),
        ok(
            "zato.security.basic-auth.get-list",
            json!({"cluster_id": 1}),
            json!([
                row("$admin.invoke", "admin.invoke", "Zato admin invoke"),
                row("$crm", "crm", "R & D"),
                row("$pubapi", "pubapi", "Zato public API")
            ]),
        ),
        ok(
            "zato.security.basic-auth.change-password",
            json!({"id": "$crm", "password1": "a new one", "password2": "a new one"}),
            Value::Null,
        ),
        no(
            "zato.security.basic-auth.change-password",
            json!({"id": "$crm", "password1": "a new one", "password2": "another one"}),
            400,
            "Passwords need to be the same",
        ),
        ok(
            "zato.security.basic-auth.edit",
            json!({"id": "$crm", "cluster_id": 1, "name": "crm2", "is_active": "no", "username": "crm", "realm": "R"}),
            json!({"id": "$crm", "name": "crm2"}),
        ),
        no(
            "zato.security.basic-auth.create",
            json!({"cluster_id": 1, "name": "crm2", "is_active": true, "username": "a:b", "realm": "R"}),
            400,
            "username: may not hold a colon: it parts the username from the password",
        ),
    ]
}

/// Channels; the definition they use is edited above, so that its new name is seen here.
fn channels() -> Vec<Exchange> {
    vec![
        ok(
            "zato.http-soap.create",
            json!({
                "cluster_id": 1, "name": "pinged", "is_active": true, "connection": "channel",
                "transport": "plain_http", "is_internal": false, "url_path": "/pinged", "service": "zato.ping",
                "security_id": "$crm", "data_format": "json"
            }),
            json!({"id": "$channel", "name": "pinged"}),
        )
        .keeps("channel"),
        ok(
            "zato.http-soap.get-list",
            json!({"cluster_id": 1, "connection": "channel", "transport": "plain_http"}),
            json!([{
                "id": "$channel", "name": "pinged", "is_active": true, "is_internal": false, "url_path": "/pinged",
                "service_id": PING, "service_name": "zato.ping", "security_id": "$crm",
                "security_name": "crm2", "sec_type": "basic_auth", "method": "", "soap_action": "",
                "soap_version": "", "data_format": "json", "host": ""
            }]),
        ),
        ok(
            "zato.service.get-channel-list",
            json!({"id": PING, "channel_type": "plain_http"}),
            json!([{"id": "$channel", "name": "pinged"}]),
        ),
        no(
            "zato.http-soap.edit",
            json!({
                "id": "$channel", "cluster_id": 1, "name": "pinged", "is_active": true, "connection": "channel",
                "transport": "plain_http", "url_path": "pinged", "service": "zato.ping"
            }),
            400,
            "url_path: must start with '/' and be at most 1024 bytes long",
        ),
        ok(
            "zato.http-soap.edit",
            json!({
                "id": "$channel", "cluster_id": 1, "name": "pinged", "is_active": true, "connection": "channel",
                "transport": "plain_http", "url_path": "/pinged", "service": "zato.ping", "security_id": "ZATO_NONE"
            }),
            json!({"id": "$channel", "name": "pinged"}),
        ),
        ok("zato.http-soap.delete", json!({"id": "$channel"}), Value::Null),
        ok(
            "zato.http-soap.get-list",
            json!({"cluster_id": 1, "connection": "channel", "transport": "plain_http"}),
            json!([]),
        ),
        ok(
            "zato.security.basic-auth.delete",
            json!({"id": "$crm"}),
            Value::Null,
        ),
    ]
}

fn jobs() -> Vec<Exchange> {
    let job = json!({
        "cluster_id": 1, "name": "nightly", "is_active": false, "job_type": "cron_style", "service": "zato.ping",
        "start_date": "2030-01-01T00:00:00", "cron_definition": "@daily", "extra": "{}"
    });
    let shown = json!({
        "id": "$job", "name": "nightly", "is_active": false, "job_type": "cron_style",
        "start_date": "2030-01-01T00:00:00", "service_id": PING, "service_name": "zato.ping",
        "extra": "{}", "weeks": "", "days": "", "hours": "", "minutes": "", "seconds": "", "repeats": "",
        "cron_definition": "@daily"
    });
    let mut wrong = job.clone();
    wrong["cron_definition"] = json!("");
    vec![
        ok(
            "zato.scheduler.job.create",
            job,
            json!({"id": "$job", "name": "nightly", "cron_definition": "@daily"}),
        )
        .keeps("job"),
        ok(
            "zato.scheduler.job.get-by-name",
            json!({"cluster_id": 1, "name": "nightly"}),
            shown.clone(),
        ),
        ok(
            "zato.scheduler.job.get-list",
            json!({"cluster_id": 1}),
            json!([shown]),
        ),
        no(
            "zato.scheduler.job.create",
            wrong,
            400,
            "Required parameter [cron_definition] missing - value is [None]",
        ),
        ok(
            "zato.scheduler.job.delete",
            json!({"id": "$job"}),
            Value::Null,
        ),
        no(
            "zato.scheduler.job.delete",
            json!({"id": "$job"}),
            404,
            "There is nothing with id [$job]",
        ),
    ]
}

/// Requests that say nothing a service could use.
fn refusals() -> Vec<Exchange> {
    vec![
        ok("zato.ping", json!({}), json!({"pong": "zato"})),
        no(
            "zato.security.basic-auth.get-list",
            json!({}),
            400,
            "Required parameter [cluster_id] missing - value is [None]",
        ),
        no(
            "zato.security.basic-auth.get-list",
            json!({"cluster_id": "one"}),
            400,
            "Conversion error, param:[cluster_id]: expected an integer, got \"one\"",
        ),
        no(
            "zato.security.basic-auth.get-list",
            json!({"cluster_id": 2}),
            404,
            "There is no such cluster_id; the id of this cluster is 1",
        ),
        no(
            "zato.service.invoke",
            json!({"payload": "e30="}),
            400,
            "Either id or name must be given, and not both",
        ),
    ]
}

fn accounts() -> Vec<Exchange> {
    let account = json!({"cluster_id": 1, "name": "batch", "is_active": true});
    let shown = json!({"id": "$account", "name": "batch", "is_active": true});
    let token = json!({
        "cluster_id": 1, "name": "tokens", "is_active": true, "username": "t", "password_type": "clear_text",
        "reject_empty_nonce_creat": true, "reject_stale_tokens": true, "reject_expiry_limit": 3600,
        "nonce_freshness_time": 3600
    });
    let mut listed = token.clone();
    listed["id"] = json!("$wss");
    let made = |id: &str, name: &str| json!({"id": id, "name": name});
    vec![
        ok(
            "zato.security.tech-account.create",
            account,
            made("$account", "batch"),
        )
        .keeps("account"),
        ok(
            "zato.security.tech-account.get-by-id",
            json!({"id": "$account"}),
            shown.clone(),
        ),
        ok(
            "zato.security.tech-account.get-list",
            json!({"cluster_id": 1}),
            json!([shown]),
        ),
        ok(
            "zato.security.tech-account.change-password",
            json!({"id": "$account", "password1": "new", "password2": "new"}),
            Value::Null,
        ),
        no(
            "zato.security.tech-account.delete",
            json!({"id": "$account", "current_tech_account_name": "batch"}),
            409,
            "Can't delete account [batch], it is the one that is used now",
        ),
        ok("zato.security.wss.create", token, made("$wss", "tokens")).keeps("wss"),
        ok(
            "zato.security.wss.get-list",
            json!({"cluster_id": 1}),
            json!([in_order(&listed)]),
        ),
        ok(
            "zato.security.get-list",
            json!({"cluster_id": 1}),
            every_kind(),
        ),
        ok(
            "zato.security.tech-account.delete",
            json!({"id": "$account"}),
            Value::Null,
        ),
        ok(
            "zato.security.wss.delete",
            json!({"id": "$wss"}),
            Value::Null,
        ),
    ]
}

/// Elements have an order, which is that of the declaration.
fn in_order(wss: &Value) -> Value {
    let fields = [
        "id",
        "name",
        "is_active",
        "password_type",
        "username",
        "reject_empty_nonce_creat",
        "reject_stale_tokens",
        "reject_expiry_limit",
        "nonce_freshness_time",
    ];
    let fields = fields.map(|name| (name.to_owned(), wss[name].clone()));
    Value::Object(fields.into_iter().collect())
}

fn every_kind() -> Value {
    let row = |id: &str, name: &str, sec_type: &str, username: &str, realm: &str| {
        let is_wss = sec_type == "wss";
        let of_wss = |value: Value| if is_wss { value } else { json!("") };
        json!({
            "id": id, "name": name, "is_active": true, "sec_type": sec_type, "username": username, "realm": realm,
            "password_type": of_wss(json!("clear_text")), "reject_empty_nonce_creat": of_wss(json!(true)),
            "reject_stale_tokens": of_wss(json!(true)), "reject_expiry_limit": of_wss(json!(3600)),
            "nonce_freshness_time": of_wss(json!(3600))
        })
    };
    json!([
        row(
            "$admin.invoke",
            "admin.invoke",
            "basic_auth",
            "admin.invoke",
            "Zato admin invoke"
        ),
        row("$account", "batch", "tech_acc", "", ""),
        row(
            "$pubapi",
            "pubapi",
            "basic_auth",
            "pubapi",
            "Zato public API"
        ),
        row("$wss", "tokens", "wss", "t", "")
    ])
}

fn dictionaries() -> Vec<Exchange> {
    let create = |system: &str, value: &str, id: &'static str| {
        let input = json!({"system": system, "key": "currency", "value": value});
        let service = "zato.kvdb.data-dict.dictionary.create";
        ok(service, input, json!({"id": format!("${id}")})).keeps(id)
    };
    let question = json!({
        "system1": "crm", "key1": "currency", "value1": "USD", "system2": "iso", "key2": "currency"
    });
    let mut path = question.clone();
    path["value2"] = json!("840");
    let link = "zato.kvdb.data-dict.translation.create";
    let translated = json!({
        "value2": "840", "repr": "'840'", "hex": "383430", "sha1": "c1d2fb848010807be783ec66dd6ddfad6863dbe7",
        "sha256": "fd0f7e53c5b02b688a57ee37f3d52065cb168a7b9fd5a3abd93d37e1559fbd30"
    });
    let delete = |id: &str| {
        ok(
            "zato.kvdb.data-dict.dictionary.delete",
            json!({"id": id}),
            json!({"id": id}),
        )
    };
    vec![
        create("crm", "USD", "usd"),
        create("iso", "840", "number"),
        ok(
            "zato.kvdb.data-dict.dictionary.get-system-list",
            json!({}),
            json!([{"name": "crm"}, {"name": "iso"}]),
        ),
        ok(
            "zato.kvdb.data-dict.dictionary.get-list",
            json!({}),
            json!([
                {"id": "$usd", "system": "crm", "key": "currency", "value": "USD"},
                {"id": "$number", "system": "iso", "key": "currency", "value": "840"}
            ]),
        ),
        ok(link, path.clone(), json!({"id": "$link"})).keeps("link"),
        ok(
            "zato.kvdb.data-dict.translation.translate",
            question,
            translated,
        ),
        ok(
            "zato.kvdb.data-dict.translation.get-last-id",
            json!({}),
            json!({"value": "$link"}),
        ),
        ok(
            "zato.kvdb.data-dict.translation.delete",
            json!({"id": "$link"}),
            Value::Null,
        ),
        delete("$usd"),
        delete("$number"),
    ]
}

fn documents() -> Vec<Exchange> {
    const WSDL: &str =
        "PGRlZmluaXRpb25zIHhtbG5zPSJodHRwOi8vc2NoZW1hcy54bWxzb2FwLm9yZy93c2RsLyIvPg==";
    let of = json!({"name": "zato.ping", "cluster_id": 1});
    vec![
        ok(
            "zato.service.set-wsdl",
            json!({"cluster_id": 1, "name": "zato.ping", "wsdl": WSDL, "wsdl_name": "ping.wsdl"}),
            Value::Null,
        ),
        ok(
            "zato.service.has-wsdl",
            of.clone(),
            json!({"service_id": PING, "has_wsdl": true}),
        ),
        ok(
            "zato.service.get-wsdl",
            json!({"service": "zato.ping", "cluster_id": 1}),
            json!({"content_type": "application/xml", "wsdl": WSDL, "wsdl_name": "ping.wsdl"}),
        ),
        no(
            "zato.service.get-wsdl",
            json!({"service": "zato.no"}),
            404,
            "Service [zato.no] not found",
        ),
        ok(
            "zato.service.configure-request-response",
            json!({"cluster_id": 1, "name": "zato.ping", "sample_req_resp_freq": 0}),
            Value::Null,
        ),
        ok(
            "zato.service.get-request-response",
            of,
            json!({
                "service_id": PING, "sample_req_resp_freq": 0, "sample_cid": "", "sample_req_ts": "",
                "sample_resp_ts": "", "sample_req": "", "sample_resp": ""
            }),
        ),
        ok(
            "zato.service.slow-response.get-list",
            json!({"name": "zato.ping"}),
            json!([]),
        ),
    ]
}
