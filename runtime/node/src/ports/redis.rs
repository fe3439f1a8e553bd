//! Commands of people on the Redis that keeps asynchronous invocations.

use busker_admin::ports::RedisCommands;
use busker_bus::RedisConsole;
use busker_model::redis::RedisReply;
use busker_model::{ErrorClass, Fault};
use busker_service::BoxFuture;

/// The console of the node, when it has a Redis.
#[derive(Debug)]
pub(crate) struct NodeRedis(pub(crate) Option<RedisConsole>);

impl RedisCommands for NodeRedis {
    fn execute(&self, words: Vec<String>) -> BoxFuture<'static, Result<RedisReply, Fault>> {
        match &self.0 {
            Some(console) => console.run(words),
            None => {
                let message = "bus.url: this node has no Redis; set url = \"redis://host:port/database\" \
                    in the section [bus] of its busker.toml";
                let fault = Fault::new(ErrorClass::Unavailable, message);
                Box::pin(std::future::ready(Err(fault
                    .retry(false)
                    .code("redis-not-configured"))))
            }
        }
    }
}
