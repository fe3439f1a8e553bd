//! What is kept of configuration, dictionaries and invocations: inputs that need something to be kept first.

use std::time::Duration;

use busker_integration_tests::until;
use serde_json::{Value, json};

use super::{Scene, source};

/// A service that takes longer than a millisecond.
const SLOW: &str = "walk.slow";

impl Scene {
    /// The key that seals, to be chosen again.
    pub(super) async fn of_crypto(&self, service: &str) -> Option<Value> {
        if service != "busker.crypto.rotate" {
            return None;
        }
        let status = self.do_it("busker.crypto.status", json!({})).await;
        Some(json!({"name": status["key"]}))
    }

    pub(super) async fn of_dictionary(&self, service: &str, tag: &str) -> Option<Value> {
        let (family, verb) = service
            .strip_prefix("busker.dictionary.")?
            .rsplit_once('.')
            .unwrap_or(("", service));
        let value = format!("{family} {verb} {tag}");
        let entry = json!({"system": "crm", "key": "currency", "value": value});
        Some(match (family, verb) {
            ("entry", "create") => entry,
            ("entry", "edit") => {
                let mut changed = self.do_it("busker.dictionary.entry.create", entry).await;
                changed["value"] = json!(format!("{value}, edited"));
                changed
            }
            ("entry", "delete") => {
                let made = self.do_it("busker.dictionary.entry.create", entry).await;
                json!({"number": made["number"]})
            }
            ("translation", "create") => self.path(&value).await,
            ("translation", "edit" | "delete") => {
                let path = self.path(&value).await;
                let create = "busker.dictionary.translation.create";
                let made = self.do_it(create, path).await;
                if verb == "delete" {
                    return Some(json!({"number": made["number"]}));
                }
                let mut path = self.path(&format!("{value}, edited")).await;
                path["number"] = made["number"].clone();
                path
            }
            _ if service == "busker.dictionary.import" => {
                let file = self.do_it("busker.dictionary.export", json!({})).await;
                json!({"data": file["data"], "replace_all": true})
            }
            _ => return None,
        })
    }

    /// Two entries, and the way from one to the other.
    async fn path(&self, value: &str) -> Value {
        for system in ["crm", "erp"] {
            let entry = json!({"system": system, "key": "currency", "value": value});
            self.do_it("busker.dictionary.entry.create", entry).await;
        }
        json!({
            "system1": "crm", "key1": "currency", "value1": value,
            "system2": "erp", "key2": "currency", "value2": value,
        })
    }

    pub(super) async fn of_configuration(&self, service: &str, tag: &str) -> Option<Value> {
        let name = format!("{service} {tag}");
        let newest = async || {
            let listed = self.do_it("busker.revision.list", json!({})).await;
            (listed["current"].clone(), listed["revisions"][0].clone())
        };
        Some(match service {
            "busker.enmasse.plan" | "busker.enmasse.import" => {
                let channel = json!({"name": name, "settings": {"url_path": format!("/{tag}/{service}"), "service": "echo"}});
                json!({"text": json!({"version": 1, "channel.http": [channel]}).to_string()})
            }
            "busker.revision.get" => json!({"revision": newest().await.1["revision"]}),
            "busker.revision.diff" => json!({"from": 0}),
            "busker.revision.revert" => {
                let (before, _) = newest().await;
                let settings = json!({"url_path": format!("/{tag}/{service}"), "service": "echo"});
                self.environment.add_channel(&name, settings).await;
                json!({"revision": before})
            }
            _ => return None,
        })
    }

    pub(super) async fn of_samples(&self, service: &str) -> Option<Value> {
        let (family, verb) = service.strip_prefix("busker.")?.split_once('.')?;
        if verb == "configure" {
            return Some(json!({"name": SLOW, "every": 1}));
        }
        if verb == "list" {
            return Some(json!({"name": SLOW}));
        }
        let cid = self.kept(family).await;
        Some(match verb {
            "replay" => json!({"cid": cid}),
            _ => json!({"name": SLOW, "cid": cid}),
        })
    }

    /// cid of an invocation that is kept, whether for being one in so many or for being slow.
    async fn kept(&self, family: &str) -> Value {
        let code = source(SLOW, 1).replace(
            "        self.response",
            "        __import__('time').sleep(0.02)\n        self.response",
        );
        self.environment.deploy("walk_slow.py", &code).await;
        let all = json!({"name": SLOW, "every": 1});
        self.do_it("busker.sample.configure", all).await;
        let threshold = json!({"name": SLOW, "settings": {"slow_threshold_ms": 1}});
        self.do_it("busker.service.settings.edit", threshold).await;
        let invoked = json!({"name": SLOW, "payload": {}});
        let cid = self.do_it("busker.service.invoke", invoked).await["cid"].clone();
        let list = format!("busker.{family}.list");
        until(
            "an invocation that is kept",
            Duration::from_secs(20),
            || async {
                let kept = self.do_it(&list, json!({"name": SLOW})).await;
                let rows = kept["invocations"].as_array()?;
                rows.iter().any(|row| row["cid"] == cid).then_some(())
            },
        )
        .await;
        cid
    }
}
