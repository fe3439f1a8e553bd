//! Changes of the roster as events that people read.

use busker_model::event::Severity;
use busker_telemetry::Events;
use serde_json::{Map, Value, json};

use crate::member::MemberId;
use crate::roster::{Change, Departure};

/// Tells one change, as seen by node `me`.
pub(super) fn tell(events: &Events, me: &str, change: &Change) {
    let (severity, name, message, peer) = words(me, change);
    match severity {
        Severity::Info => tracing::info!("{message}"),
        Severity::Warning => tracing::warn!("{message}"),
        Severity::Error => tracing::error!("{message}"),
    }
    let mut fields = Map::new();
    if let Some(peer) = peer {
        fields.insert("peer".to_owned(), json!(*peer.name));
        fields.insert("incarnation".to_owned(), json!(*peer.incarnation));
    }
    if let Change::Clock(_, Some(ms)) = change {
        fields.insert("ahead_ms".to_owned(), Value::from(*ms));
    }
    events.tell(severity, name, message, fields);
}

/// Tells that a peer was built with other services than this node.
pub(super) fn services_differ(events: &Events, me: &str, peer: &MemberId) {
    let message = format!(
        "nodes {me} and {} were built with different services: a request for one that a node lacks is answered there \
         with 404",
        peer.name
    );
    tracing::warn!("{message}");
    let fields = [("peer".to_owned(), json!(*peer.name))];
    let fields = fields.into_iter().collect();
    events.tell(Severity::Warning, "node-services-differ", message, fields);
}

type Words<'c> = (Severity, &'static str, String, Option<&'c MemberId>);

fn words<'c>(me: &str, change: &'c Change) -> Words<'c> {
    match change {
        Change::Joined(peer) => {
            let message = format!("node {} is in the cluster", peer.name);
            (Severity::Info, "node-joined", message, Some(peer))
        }
        Change::Suspected(peer) => {
            let message = format!("node {} has missed some beacons", peer.name);
            (Severity::Warning, "node-suspected", message, Some(peer))
        }
        Change::Cleared(peer) => {
            let message = format!("node {} is heard again", peer.name);
            (Severity::Info, "node-cleared", message, Some(peer))
        }
        Change::Gone(peer, why) => gone(peer, *why),
        Change::NameTaken { by, yields, .. } => {
            let who = if *yields {
                "this one, which is younger, gives way"
            } else {
                "that one is younger and has to give way"
            };
            let message = format!("another node is called {:?} as well: {who}", by.name);
            (Severity::Error, "node-name-taken", message, Some(by))
        }
        Change::Clock(peer, Some(ms)) => {
            let message = format!(
                "the clock of node {} is {ms} ms off that of {me}: let both follow one time server",
                peer.name
            );
            (Severity::Warning, "node-clock-off", message, Some(peer))
        }
        Change::Clock(peer, None) => {
            let message = format!("the clock of node {} agrees again", peer.name);
            (Severity::Info, "node-clock-right", message, Some(peer))
        }
        Change::OtherProtocol(peer, version) => {
            let message = format!(
                "node {} speaks version {version} of the cluster's protocol: \
                 it is not in the roster until all nodes run one version",
                peer.name
            );
            (Severity::Error, "node-other-protocol", message, Some(peer))
        }
        Change::Sight(true) => {
            let message = format!("node {me} hears the cluster");
            (Severity::Info, "cluster-heard", message, None)
        }
        Change::Sight(false) => {
            let message = format!(
                "node {me} does not hear its own beacons: Redis is away or slow; nobody is judged meanwhile"
            );
            (Severity::Warning, "cluster-not-heard", message, None)
        }
    }
}

fn gone(peer: &MemberId, why: Departure) -> Words<'_> {
    let name = &peer.name;
    let (severity, message) = match why {
        Departure::Left => (Severity::Info, format!("node {name} has left the cluster")),
        Departure::Replaced => (Severity::Info, format!("node {name} was started again")),
        Departure::Silent => (
            Severity::Error,
            format!("node {name} is silent and has been taken out of the roster"),
        ),
    };
    (severity, "node-gone", message, Some(peer))
}
