//! A node's tree with nothing but outgoing connections.

use std::time::Duration;

use busker_connector_http::Credentials;
use busker_kit::{FamilyOutcome, OnExcess, Supervisor, SupervisorSpec, Tree, clock};
use busker_model::report::{ActorInfo, ActorPath};
use busker_model::{ActorState, Cid, Family, Fault, Object, ObjectKey, Transport};
use busker_outgoing::{Outgoing, OutgoingDesired, OutgoingFamily};
use busker_service::{HttpAnswer, HttpCall, OutgoingHttp};
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) struct Bench {
    pub(crate) outgoing: Outgoing,
    pub(crate) supervisor: Supervisor,
    /// Whether definitions of connections that are set lack their secret.
    pub(crate) needs_secret: bool,
    tree: Tree,
    family: OutgoingFamily,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let tree = Tree::new("outgoing");
        let spec = SupervisorSpec::new("outgoing").on_excess(OnExcess::Park);
        let (supervisor, _end) = Supervisor::start_root(&tree, spec).await.unwrap();
        let outgoing = Outgoing::new("node1");
        let family = OutgoingFamily::new(supervisor.clone(), outgoing.clone());
        Self {
            outgoing,
            supervisor,
            needs_secret: false,
            tree,
            family,
        }
    }

    /// Makes one connection what these settings say.
    pub(crate) async fn set(&mut self, name: &str, settings: Value) -> FamilyOutcome {
        self.set_object(object(name, settings), None).await
    }

    pub(crate) async fn set_object(
        &mut self,
        object: Object,
        credentials: Option<Credentials>,
    ) -> FamilyOutcome {
        let key = object.key.clone();
        self.family
            .apply(vec![(
                key,
                Some(OutgoingDesired {
                    object,
                    credentials,
                    needs_secret: self.needs_secret,
                }),
            )])
            .await
    }

    pub(crate) async fn delete(&mut self, name: &str) -> FamilyOutcome {
        self.family
            .apply(vec![(object(name, json!({})).key, None)])
            .await
    }

    pub(crate) async fn get(&self, name: &str) -> Result<HttpAnswer, Fault> {
        self.outgoing.send(name, Transport::PlainHttp, call()).await
    }

    pub(crate) fn seen(&self, child: &str) -> ActorInfo {
        self.tree
            .get(&ActorPath::root("outgoing").child(child))
            .unwrap()
    }

    /// Whether a connection shows this state and a note that starts so.
    pub(crate) fn shows(&self, child: &str, state: ActorState, note: Option<&str>) {
        let seen = self.seen(child);
        assert_eq!(seen.state, state, "{seen:?}");
        let text = seen.note.clone().unwrap_or_default();
        assert_eq!(seen.note.is_some(), note.is_some(), "{seen:?}");
        assert!(text.starts_with(note.unwrap_or_default()), "{seen:?}");
    }
}

pub(crate) fn object(name: &str, settings: Value) -> Object {
    let group = settings
        .get("transport")
        .and_then(Value::as_str)
        .unwrap_or("plain_http")
        .to_owned();
    Object {
        key: ObjectKey {
            family: Family::Outgoing,
            group,
            name: name.to_owned(),
        },
        kind: "http".to_owned(),
        number: 1,
        active: true,
        settings,
        revision: 1,
    }
}

pub(crate) fn call() -> HttpCall {
    HttpCall {
        method: "GET".to_owned(),
        path: String::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Bytes::new(),
        cid: Cid::mint(),
        traceparent: None,
        deadline: clock::now() + Duration::from_secs(5),
    }
}
