//! One Redis, one database, and nodes that have nothing but their membership.

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_bus::testing::RedisServer;
use busker_kit::{ChildSpec, Supervisor, SupervisorSpec, Tree, clock};
use busker_membership::beacon::Facts;
use busker_membership::lease::LeaseTiming;
use busker_membership::roster::Patience;
use busker_membership::{
    ClusterKeys, MemberId, Members, MembersParts, RedisAddress, Role, RoleParts, members, role,
};
use busker_model::Secret;
use busker_odb::roles::SCHEDULER;
use busker_odb::{Odb, OdbConfig};
use busker_telemetry::Events;

/// Longest wait for something that is to happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Bench {
    pub(crate) redis: RedisServer,
    pub(crate) odb: Odb,
    _folder: tempfile::TempDir,
}

pub(crate) struct Node {
    pub(crate) role: Role,
    pub(crate) members: Members,
    pub(crate) events: Events,
    root: Supervisor,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = OdbConfig::sqlite(folder.path().join("odb.db"));
        let odb = Odb::open(config).await.unwrap();
        odb.migrate().await.unwrap();
        Self {
            redis: RedisServer::start().await.unwrap(),
            odb,
            _folder: folder,
        }
    }

    pub(crate) fn address(&self) -> RedisAddress {
        RedisAddress {
            url: self.redis.url(),
            root_certificate: None,
            password: None,
            cluster: "c".to_owned(),
        }
    }

    pub(crate) fn role_parts(&self, name: &str) -> RoleParts {
        RoleParts {
            role: Role::new(SCHEDULER),
            me: MemberId::new(name, "1"),
            redis: self.address(),
            odb: self.odb.clone(),
            events: Events::new(name),
            timing: LeaseTiming::default(),
        }
    }

    pub(crate) fn members_parts(&self, id: &MemberId, born_ms: i64) -> MembersParts {
        MembersParts {
            members: Members::new(id.clone()),
            born_ms,
            redis: self.address(),
            keys: ClusterKeys::new(&Secret::new("0123456789abcdef".repeat(2))).unwrap(),
            facts: Arc::new(|| Facts {
                state: "running".to_owned(),
                ..Facts::default()
            }),
            patience: Patience::default(),
            events: Events::new(&id.name),
        }
    }

    /// A node that is a contender for the role, and nothing else.
    pub(crate) async fn contender(&self, name: &str) -> Node {
        let parts = self.role_parts(name);
        let members = Members::new(parts.me.clone());
        let child = role::spec(&parts);
        Node::start(name, child, (parts.role, members, parts.events)).await
    }

    /// A node that is a member, and nothing else.
    pub(crate) async fn member(&self, id: &MemberId) -> Node {
        let parts = self.members_parts(id, clock::unix_ms());
        let child = members::spec(&parts);
        let events = parts.events.clone();
        Node::start(
            &id.name,
            child,
            (Role::new(SCHEDULER), parts.members, events),
        )
        .await
    }
}

impl Node {
    async fn start(
        name: &str,
        child: ChildSpec,
        (role, members, events): (Role, Members, Events),
    ) -> Self {
        let spec = SupervisorSpec::new(name).child(child);
        let (root, _end) = Supervisor::start_root(&Tree::new(name), spec)
            .await
            .unwrap();
        Self {
            role,
            members,
            events,
            root,
        }
    }

    pub(crate) async fn stop(&self) {
        self.root.stop().await;
    }

    pub(crate) fn told(&self, name: &str) -> usize {
        let told = self.events.recent(usize::MAX);
        told.iter().filter(|event| event.name == name).count()
    }

    /// The names of the peers it lists.
    pub(crate) fn peers(&self) -> Vec<String> {
        let view = self.members.view();
        view.peers
            .iter()
            .map(|peer| peer.id.name.to_string())
            .collect()
    }
}

/// Waits until something is so; how long it took.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start: Instant = clock::now();
    while !holds() {
        assert!(
            clock::now().duration_since(start) < SOON,
            "{what} is not so after {SOON:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    clock::now().duration_since(start)
}
