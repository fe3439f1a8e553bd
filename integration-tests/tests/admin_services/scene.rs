//! What each admin service is called with: objects that are made for it, so that what it ends was meant to end.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_bus::testing::RedisServer;
use busker_integration_tests::{Environment, until};
use busker_odb::nodes::NodeRecord;
use busker_odb::{Odb, OdbConfig};
use serde_json::{Value, json};

mod kept;

/// Invocation that fails for good: the service wants a text.
const HOPELESS: &str = "samples.echo";
const WSDL: &str = "<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\"/>";

/// A running node on a Redis, and what was made on it.
pub(crate) struct Scene {
    pub(crate) environment: Environment,
    odb: Odb,
    _redis: RedisServer,
}

fn source(service: &str, answer: u32) -> String {
    format!(
        "from zato.server.service import Service\n\nclass Walked(Service):\n    name = '{service}'\n\n    def handle(self):\n        self.response.payload = {{'answer': {answer}}}\n"
    )
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let redis = RedisServer::start().await.unwrap();
        let bus = format!("[bus]\nurl = \"{}\"", redis.url());
        let environment = Environment::start_with(&bus).await;
        environment
            .deploy("walk.py", &source("walk.there", 1))
            .await;
        let odb = Odb::open(OdbConfig::sqlite(environment.node().join("data/odb.db")));
        Self {
            odb: odb.await.unwrap(),
            environment,
            _redis: redis,
        }
    }

    async fn do_it(&self, service: &str, input: Value) -> Value {
        self.environment.ok(service, input).await
    }

    /// The input of one call: `tag` is another one for each.
    pub(crate) async fn input(&self, described: &Value, tag: &str) -> Value {
        let service = described["name"].as_str().unwrap();
        if let Some(kind) = self.is_of_kind(service) {
            return self.of_object(&kind, described, tag).await;
        }
        let family = service.split('.').nth(1).unwrap();
        let known = match family {
            "cluster" | "node" => self.of_cluster(service, tag).await,
            "job" => self.of_job(service, tag).await,
            "message" => self.of_message(service).await,
            "package" | "service" => self.of_service(service, tag).await,
            "token" | "user" => self.of_people(service, tag).await,
            "tree" => self.of_tree(service, tag).await,
            "dictionary" => self.of_dictionary(service, tag).await,
            "enmasse" | "revision" => self.of_configuration(service, tag).await,
            "sample" | "slow-request" => self.of_samples(service).await,
            "redis" => Some(json!({"command": "PING"})),
            "crypto" => self.of_crypto(service).await,
            _ => None,
        };
        known.unwrap_or_else(|| described["example"].clone())
    }

    /// `family.kind` of a service that is made from the catalog.
    fn is_of_kind(&self, service: &str) -> Option<String> {
        let (title, verb) = service.strip_prefix("busker.")?.rsplit_once('.')?;
        let verbs = [
            "create",
            "edit",
            "delete",
            "get",
            "list",
            "ping",
            "change-password",
        ];
        let is_object = title.contains('.') && !title.starts_with("dictionary.");
        (is_object && verbs.contains(&verb)).then(|| title.to_owned())
    }

    async fn of_object(&self, title: &str, described: &Value, tag: &str) -> Value {
        let service = described["name"].as_str().unwrap();
        let verb = service.rsplit('.').next().unwrap();
        let name = format!("walk.{title}.{verb}-{tag}");
        let mut input = described["example"].clone();
        if verb == "list" {
            return input;
        }
        input["name"] = json!(name);
        if verb == "create" {
            own(&mut input["settings"], &name);
            return input;
        }
        let create = format!("busker.{title}.create");
        let all = self.do_it("busker.admin.describe", json!({})).await;
        let all = all["services"].as_array().unwrap();
        let created = all.iter().find(|one| one["name"] == create).unwrap();
        let mut settings = created["example"]["settings"].clone();
        own(&mut settings, &name);
        let made = json!({"name": name, "active": true, "settings": settings});
        self.do_it(&create, made).await;
        input
    }

    async fn of_cluster(&self, service: &str, tag: &str) -> Option<Value> {
        Some(match service {
            "busker.cluster.edit" => json!({"description": tag, "guarded": false}),
            "busker.node.drain" | "busker.node.ping" => json!({"node": "node1"}),
            "busker.node.resume" => {
                self.do_it("busker.node.drain", json!({"node": "node1"}))
                    .await;
                json!({"node": "node1"})
            }
            "busker.node.delete" => {
                let node = NodeRecord {
                    name: format!("gone-{tag}"),
                    incarnation: "1".to_owned(),
                    address: "127.0.0.1:1".to_owned(),
                    admin_address: "127.0.0.1:1".to_owned(),
                    state: "stopped".to_owned(),
                    revision: 1,
                    seen_ms: 1,
                    info: json!({}),
                };
                self.odb.nodes().heartbeat(&node).await.unwrap();
                json!({"node": node.name})
            }
            _ => return None,
        })
    }

    async fn of_job(&self, service: &str, tag: &str) -> Option<Value> {
        if service == "busker.job.next-fires" {
            return None;
        }
        let name = format!("{service} {tag}");
        let settings =
            json!({"service": "samples.echo", "payload": "{\"text\":\"a\"}", "hours": 100});
        let made = json!({"name": name, "settings": settings});
        self.do_it("busker.job.interval.create", made).await;
        self.environment
            .up(&format!("node1/scheduler/interval:{name}"))
            .await;
        Some(json!({"name": name}))
    }

    async fn of_message(&self, service: &str) -> Option<Value> {
        let cid = match service {
            "busker.message.get-ledger" | "busker.message.list-dead" => return None,
            "busker.message.get-status" => self.handed_over(json!({"text": "a"})).await,
            _ => self.dead().await,
        };
        Some(match service {
            "busker.message.edit-dead" => json!({"cid": cid, "payload": {"text": "better"}}),
            _ => json!({"cid": cid}),
        })
    }

    async fn handed_over(&self, payload: Value) -> Value {
        let input = json!({"name": HOPELESS, "payload": payload, "async": true});
        self.do_it("busker.service.invoke", input).await["cid"].clone()
    }

    async fn dead(&self) -> Value {
        let cid = self.handed_over(json!({})).await;
        until("a dead letter", Duration::from_secs(20), || async {
            let status = self
                .do_it("busker.message.get-status", json!({"cid": cid}))
                .await;
            (status["state"] == "dead").then_some(())
        })
        .await;
        cid
    }

    async fn of_service(&self, service: &str, tag: &str) -> Option<Value> {
        let verb = service.rsplit('.').next().unwrap();
        let (name, file) = (
            format!("walk.{verb}-{tag}"),
            format!("walk_{verb}_{tag}.py"),
        );
        let deploy = async |answer| self.environment.deploy(&file, &source(&name, answer)).await;
        let mut wsdl = json!({"name": name, "payload_base64": STANDARD.encode(WSDL)});
        Some(match verb {
            "deploy" => {
                json!({"name": file, "payload_base64": STANDARD.encode(source(&name, 1))})
            }
            "delete" => {
                deploy(1).await;
                json!({"name": name})
            }
            "rollback" => {
                deploy(1).await;
                deploy(2).await;
                json!({"name": file})
            }
            "set-wsdl" => wsdl,
            "get-wsdl" | "has-wsdl" | "delete-wsdl" => {
                self.do_it("busker.service.set-wsdl", wsdl.take()).await;
                json!({"name": name})
            }
            "invoke" => json!({"name": "samples.echo", "payload": {"text": tag}}),
            "list" => return None,
            _ if service == "busker.package.get" => {
                let of = json!({"name": "walk.py"});
                let known = self.do_it("busker.package.list", of).await;
                json!({"package": known["packages"][0]["id"]})
            }
            _ => json!({"name": "walk.there"}),
        })
    }

    async fn of_people(&self, service: &str, tag: &str) -> Option<Value> {
        let (family, verb) = service.strip_prefix("busker.")?.split_once('.')?;
        let name = format!("{verb}-{tag}");
        let user = json!({"name": name, "password": "a long password", "role": "viewer"});
        Some(match (family, verb) {
            (_, "list") => return None,
            ("token", "create") => json!({"name": name, "role": "viewer"}),
            ("token", _) => {
                self.do_it("busker.token.create", json!({"name": name}))
                    .await;
                json!({"name": name})
            }
            (_, "create") => user,
            (_, verb) => {
                self.do_it("busker.user.create", user).await;
                match verb {
                    "set-role" => json!({"name": name, "role": "developer"}),
                    "change-password" => {
                        json!({"name": name, "password1": "another one", "password2": "another one"})
                    }
                    _ => json!({"name": name}),
                }
            }
        })
    }

    async fn of_tree(&self, service: &str, tag: &str) -> Option<Value> {
        let verb = service.strip_prefix("busker.tree.")?;
        if verb == "get" {
            return Some(json!({"prefix": "node1/channels", "limit": 5}));
        }
        let name = format!("{verb}-{tag}");
        let settings = json!({"url_path": format!("/{name}"), "service": "samples.echo"});
        self.environment.add_channel(&name, settings).await;
        Some(json!({"path": format!("node1/channels/plain_http:{name}")}))
    }

    /// Makes up for what a call did to the node that others need.
    pub(crate) async fn after(&self, service: &str) {
        if service == "busker.node.drain" {
            self.do_it("busker.node.resume", json!({"node": "node1"}))
                .await;
        }
    }
}

/// Gives settings what may be there once, and a peer that nobody else has.
fn own(settings: &mut Value, name: &str) {
    for (field, value) in [
        ("url_path", format!("/{name}")),
        ("address", "http://127.0.0.1:1".to_owned()),
    ] {
        if settings.get(field).is_some() {
            settings[field] = json!(value);
        }
    }
}
