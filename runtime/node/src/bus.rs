//! The bus of a node: its store, as `busker.toml` says, and the actors that claim from it and look after it.

use std::path::Path;
use std::sync::Arc;

use busker_bus::{
    MessageBus, RedisConfig, RedisConsole, RedisFacts, RedisStore, SqliteConfig, SqliteStore,
    Store, intake, keeper, limits::Limits,
};
use busker_kit::ChildSpec;
use busker_model::{Fault, Secret};
use busker_odb::Odb;

use crate::config::{BUS_PASSWORD_VARIABLE, ClusterSection, NodeConfig, variable};
use crate::ground::{Ground, step};
use crate::ports::BusWorker;

/// What the URL of a file begins with.
const FILE: &str = "sqlite:";

/// Opens the store.
pub(crate) async fn open(
    config: &NodeConfig,
    incarnation: &str,
    odb: &Odb,
) -> Result<MessageBus, Fault> {
    let store: Arc<dyn Store> = match redis(config, incarnation)? {
        None => {
            let path = config.bus_url().trim_start_matches(FILE);
            let file = config.path(Path::new(path));
            let opened = SqliteStore::open(SqliteConfig::new(file)).await;
            Arc::new(opened.map_err(unavailable)?)
        }
        Some(redis) => {
            let opened = RedisStore::open(redis, odb.clone()).await;
            Arc::new(opened.map_err(unavailable)?)
        }
    };
    Ok(MessageBus::new(store))
}

/// The Redis that keeps asynchronous invocations, for commands of people; `None` when a file keeps them.
pub(crate) fn console(
    config: &NodeConfig,
    incarnation: &str,
) -> Result<Option<RedisConsole>, Fault> {
    let redis = redis(config, incarnation)?;
    let console = redis.as_ref().map(RedisConsole::new);
    console.transpose().map_err(unavailable)
}

/// What each Redis that a node uses says of itself: that of its bus, and that of its cluster where it is another one. Changes
/// nothing. An error is one that does not answer, or whose password cannot be read.
pub async fn redis_facts(config: &NodeConfig) -> Vec<Result<RedisFacts, Fault>> {
    let mut found = Vec::new();
    if let Some(bus) = redis(config, "").transpose() {
        found.push(facts(bus).await);
    }
    let cluster = config.cluster.as_ref();
    if let Some(cluster) = cluster.filter(|cluster| cluster.redis != config.bus_url()) {
        found.push(facts(redis_of_cluster(config, cluster)).await);
    }
    found
}

async fn facts(redis: Result<RedisConfig, Fault>) -> Result<RedisFacts, Fault> {
    Ok(RedisFacts::ask(&redis?).await?)
}

fn redis_of_cluster(config: &NodeConfig, cluster: &ClusterSection) -> Result<RedisConfig, Fault> {
    let wrong = step("cluster");
    Ok(RedisConfig {
        url: Secret::new(cluster.redis.as_str()),
        root_certificate: cluster.redis_root_certificate(config).map_err(&wrong)?,
        password: cluster.redis_password(config).map_err(&wrong)?,
        node: config.node.name.clone(),
        cluster: config.node.cluster.clone(),
        consumer: config.node.name.clone(),
        limits: Limits::default(),
    })
}

/// The Redis that keeps asynchronous invocations, as the file of the node says; `None` when a file keeps them.
fn redis(config: &NodeConfig, incarnation: &str) -> Result<Option<RedisConfig>, Fault> {
    let url = config.bus_url();
    if url.starts_with(FILE) {
        return Ok(None);
    }
    Ok(Some(RedisConfig {
        url: Secret::new(url),
        root_certificate: root_certificate(config)?,
        node: config.node.name.clone(),
        password: password(config)?,
        cluster: config.node.cluster.clone(),
        consumer: format!("{}:{incarnation}", config.node.name),
        limits: Limits::default(),
    }))
}

/// Starts the keeper, which looks after what is stored.
pub(crate) async fn start(ground: &Ground) -> Result<(), Fault> {
    let keeper = keeper::Parts {
        store: Arc::clone(ground.bus.store()),
        events: ground.events.clone(),
        metrics: ground.metrics.clone(),
        health: ground.bus.health().clone(),
    };
    start_child(ground, keeper::spec(&keeper)).await
}

/// Starts the intake: from now on this node runs what was handed over. An invocation must find all that its service uses, so
/// this comes after configuration and packages.
pub(crate) async fn take_work(ground: &Ground) -> Result<(), Fault> {
    let intake = intake::Parts {
        store: Arc::clone(ground.bus.store()),
        worker: Arc::new(BusWorker(ground.directory.clone())),
        limits: Limits::default(),
    };
    start_child(ground, intake::spec(&intake)).await
}

async fn start_child(ground: &Ground, child: ChildSpec) -> Result<(), Fault> {
    let supervisor = ground.family("bus").await?;
    let started = supervisor.start_child(child).await;
    started.map(drop).map_err(step("bus"))
}

fn unavailable(error: busker_bus::BusError) -> Fault {
    let fault = Fault::from(error);
    let detail = fault.detail.as_ref();
    let detail = detail.and_then(|detail| detail.operator.as_deref());
    let detail = detail.map(|detail| format!(" ({detail})"));
    step("bus")(format!("{}{}", fault.message, detail.unwrap_or_default()))
}

fn root_certificate(config: &NodeConfig) -> Result<Option<Vec<u8>>, Fault> {
    if let (None, Some(cluster)) = (&config.bus.url, &config.cluster) {
        return cluster.redis_root_certificate(config).map_err(step("bus"));
    }
    let Some(file) = &config.bus.root_certificate else {
        return Ok(None);
    };
    let path = config.path(file);
    let read = std::fs::read(&path).map_err(|error| {
        let message = format!("bus.root_certificate: {}: {error}", path.display());
        step("bus")(message)
    })?;
    Ok(Some(read))
}

fn password(config: &NodeConfig) -> Result<Option<Secret>, Fault> {
    if let (None, Some(cluster)) = (&config.bus.url, &config.cluster) {
        return cluster.redis_password(config).map_err(step("bus"));
    }
    let Some(file) = &config.bus.password_file else {
        let given = variable(BUS_PASSWORD_VARIABLE).map(Secret::new);
        // Every node of a machine sees the variable; what its own file says goes first.
        return Ok(given.filter(|_| !config.bus.holds_password()));
    };
    let read = config.read_secret("bus.password_file", file);
    read.map(Some).map_err(step("bus"))
}
