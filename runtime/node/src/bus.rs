//! The bus of a node: its store, as `busker.toml` says, and the actors that claim from it and look after it.

use std::path::Path;
use std::sync::Arc;

use busker_bus::{
    MessageBus, RedisConfig, RedisStore, SqliteConfig, SqliteStore, Store, intake, keeper,
    limits::Limits,
};
use busker_model::{Fault, Secret};

use crate::config::{BUS_PASSWORD_VARIABLE, NodeConfig, variable};
use crate::ground::{Ground, step};
use crate::ports::BusWorker;

/// Opens the store.
pub(crate) async fn open(config: &NodeConfig, incarnation: &str) -> Result<MessageBus, Fault> {
    let url = config.bus_url();
    let store: Arc<dyn Store> = match url.strip_prefix("sqlite:") {
        Some(path) => {
            let file = config.path(Path::new(path));
            let opened = SqliteStore::open(SqliteConfig::new(file)).await;
            Arc::new(opened.map_err(unavailable)?)
        }
        None => {
            let redis = RedisConfig {
                url: url.to_owned(),
                password: password(config)?,
                cluster: config.node.cluster.clone(),
                consumer: format!("{}:{incarnation}", config.node.name),
                limits: Limits::default(),
            };
            Arc::new(RedisStore::open(redis).await.map_err(unavailable)?)
        }
    };
    Ok(MessageBus::new(store))
}

/// Starts the keeper, then the intake. Nothing is claimed before there are services.
pub(crate) async fn start(ground: &Ground) -> Result<(), Fault> {
    let supervisor = ground.family("bus").await?;
    let store = Arc::clone(ground.bus.store());
    let keeper = keeper::Parts {
        store: Arc::clone(&store),
        events: ground.events.clone(),
    };
    let intake = intake::Parts {
        store,
        worker: Arc::new(BusWorker(ground.directory.clone())),
        limits: Limits::default(),
    };
    for child in [keeper::spec(&keeper), intake::spec(&intake)] {
        supervisor.start_child(child).await.map_err(step("bus"))?;
    }
    Ok(())
}

fn unavailable(error: busker_bus::BusError) -> Fault {
    let fault = Fault::from(error);
    step("bus")(format!("bus.url: {fault:?}"))
}

fn password(config: &NodeConfig) -> Result<Option<Secret>, Fault> {
    if let (None, Some(cluster)) = (&config.bus.url, &config.cluster) {
        return cluster.redis_password(config).map_err(step("bus"));
    }
    let Some(file) = &config.bus.password_file else {
        return Ok(variable(BUS_PASSWORD_VARIABLE).map(Secret::new));
    };
    let path = config.path(file);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let message = format!("bus.password_file: {}: {error}", path.display());
        step("bus")(message)
    })?;
    Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
}
