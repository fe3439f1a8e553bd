//! The cluster as this node takes part in it: its name and secret, its role, its sessions. A node without `[cluster]` is
//! alone, and always has the role.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::{ChildSpec, OnExcess, SupervisorSpec};
use busker_membership::beacon::Facts;
use busker_membership::gateway::Host;
use busker_membership::lease::LeaseTiming;
use busker_membership::roster::Patience;
use busker_membership::{
    Cluster, ClusterKeys, MemberId, Members, MembersParts, Peers, PubSubTransport, RedisAddress,
    Role, RoleParts, TcpTransport, TlsPaths, Transport, role,
};
use busker_model::{Fault, Origin};
use busker_odb::roles::SCHEDULER;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::config::{ClusterSection, ClusterTransport, NodeConfig};
use crate::ground::{Ground, step};
use crate::ports::ClusterTokens;

mod host;
mod store;

pub(crate) use store::LeasedStore;

/// Longest wait to join; a node that has not by then, since Redis is away, serves without the others meanwhile.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What a node of a cluster has from the start. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub(crate) members: Members,
    /// The role that fires jobs.
    pub(crate) role: Role,
    redis: RedisAddress,
    keys: ClusterKeys,
    transport: Transport,
}

impl Membership {
    /// Reads secret, certificates and addresses; nothing is opened yet. `None` for a node that is alone.
    pub(crate) fn of(config: &NodeConfig, incarnation: &str) -> Result<Option<Self>, Fault> {
        let Some(section) = &config.cluster else {
            return Ok(None);
        };
        let me = MemberId::new(&config.node.name, incarnation);
        let wrong = step("cluster");
        let secret = section.secret(config).map_err(&wrong)?;
        let password = section.redis_password(config).map_err(&wrong)?;
        let redis = RedisAddress {
            url: section.redis.clone(),
            root_certificate: section.redis_root_certificate(config).map_err(&wrong)?,
            password,
            cluster: config.node.cluster.clone(),
        };
        let keys = ClusterKeys::new(&secret)?;
        let transport = transport(config, section, (&redis, &keys, &me))?;
        Ok(Some(Self {
            members: Members::new(me),
            role: Role::new(SCHEDULER),
            redis,
            keys,
            transport,
        }))
    }

    /// Starts what makes this node a member, and waits until it is one.
    pub(crate) async fn start(
        &self,
        ground: &Ground,
        revision: watch::Receiver<i64>,
    ) -> Result<Peers, Fault> {
        let cluster = Cluster::new(self.members_parts(ground, revision), self.transport.clone());
        cluster.try_door().await?;
        let peers = cluster.peers();
        let host: Arc<dyn Host> = Arc::new(host::NodeHost(ground.clone()));
        let started = ground.root.start_child(cluster.spec(&host)).await;
        started.map_err(step("cluster"))?;
        if !self.members.joined(JOIN_TIMEOUT).await? {
            tracing::warn!(
                "Redis at {} is away: this node serves without the others until it is back",
                self.redis.url
            );
        }
        let started = ground.root.start_child(self.roles(ground)).await;
        started.map_err(step("roles"))?;
        Ok(peers)
    }

    /// The buckets that rate limits of all nodes take from.
    pub(crate) fn tokens(&self) -> Result<ClusterTokens, Fault> {
        ClusterTokens::new(&self.redis, self.members.clone())
    }

    fn roles(&self, ground: &Ground) -> ChildSpec {
        let parts = RoleParts {
            role: self.role.clone(),
            me: self.members.me().clone(),
            redis: self.redis.clone(),
            odb: ground.odb.clone(),
            events: ground.events.clone(),
            timing: LeaseTiming::default(),
        };
        let spec = SupervisorSpec::new("roles").on_excess(OnExcess::Escalate);
        ChildSpec::supervisor(spec.child(role::spec(&parts)))
    }

    fn members_parts(&self, ground: &Ground, revision: watch::Receiver<i64>) -> MembersParts {
        let (own, role) = (ground.clone(), self.role.clone());
        let address = self.advertised(ground);
        let built_in = built_in(ground);
        let facts = move || Facts {
            session_address: address.clone(),
            http_address: own.config.http.listen.to_string(),
            admin_address: own.config.admin.listen.to_string(),
            state: own.board.get().as_word().to_owned(),
            revision: *revision.borrow(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            built_in: built_in.clone(),
            in_flight: in_flight(&own),
            roles: role
                .epoch()
                .map(|epoch| (role.name().to_owned(), epoch))
                .into_iter()
                .collect(),
        };
        MembersParts {
            members: self.members.clone(),
            born_ms: ground.started_ms,
            redis: self.redis.clone(),
            keys: self.keys.clone(),
            facts: Arc::new(facts),
            patience: Patience::default(),
            events: ground.events.clone(),
        }
    }

    /// Where the others reach this node.
    fn advertised(&self, ground: &Ground) -> String {
        let section = ground.config.cluster.as_ref();
        let told = section.and_then(|section| section.advertise.clone());
        told.unwrap_or_else(|| self.transport.address())
    }

    /// The node that holds the role of the scheduler, as far as this one knows.
    pub(crate) fn role_holder(&self) -> Option<String> {
        if self.role.epoch().is_some() {
            return Some(self.members.me().name.to_string());
        }
        let view = self.members.view();
        view.holder(self.role.name())
            .map(|(holder, _)| holder.name.to_string())
    }
}

fn transport(
    config: &NodeConfig,
    section: &ClusterSection,
    (redis, keys, me): (&RedisAddress, &ClusterKeys, &MemberId),
) -> Result<Transport, Fault> {
    match (section.transport, section.listen) {
        (ClusterTransport::Redis, _) => {
            PubSubTransport::new(redis, keys, me).map(Transport::PubSub)
        }
        (ClusterTransport::Tcp, None) => Err(Fault::invalid("cluster.listen: is missing")),
        (ClusterTransport::Tcp, Some(listen)) => {
            let files = TlsPaths {
                certificate: config.path(&section.certificate),
                key: config.path(&section.key),
                authority: config.path(&section.authority),
            };
            TcpTransport::new(listen, &files).map(Transport::Tcp)
        }
    }
}

/// A digest of the services that are part of this program, so that nodes see when theirs differ.
fn built_in(ground: &Ground) -> String {
    let mut names: Vec<String> = ground
        .directory
        .all()
        .iter()
        .filter(|entry| entry.runner.definition().origin == Origin::Rust)
        .map(|entry| entry.runner.definition().name.to_string())
        .collect();
    names.sort_unstable();
    let digest = Sha256::digest(names.join("\n"));
    let bytes = digest.iter().take(8);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn in_flight(ground: &Ground) -> u64 {
    let gates = ground.directory.all();
    gates
        .iter()
        .map(|entry| u64::from(entry.gate.in_flight()))
        .sum()
}
