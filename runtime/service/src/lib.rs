//! What the author of a Rust service imports, and the ports between services and the rest of the node.
//!
//! It is not an engine and starts nothing: the gate that runs services is in `busker-services`, the channels that call
//! them in `busker-channels`. Start with [`Service`] and [`Context`]; a service is registered in one explicit list,
//! [`Registry`]. The traits in [`ports`] let this crate's users call the node without knowing it.
//!
//! ```
//! use busker_service::prelude::*;
//!
//! #[derive(Deserialize, SimpleIo)]
//! struct Symbol {
//!     symbol: String,
//! }
//!
//! #[derive(Serialize, SimpleIo)]
//! struct Quote {
//!     provider: String,
//!     value: String,
//! }
//!
//! struct GetQuote;
//!
//! impl Service for GetQuote {
//!     const NAME: &'static str = "stockmarket.get-quote";
//!     type Input = Symbol;
//!     type Output = Vec<Quote>;
//!
//!     async fn handle(&self, ctx: &Context, input: Symbol) -> Result<Vec<Quote>, Fault> {
//!         let answer = ctx.http("Yahoo! YQL").query("symbol", &input.symbol).get().await?;
//!         Ok(vec![Quote { provider: "Yahoo!".into(), value: answer.text().into_owned() }])
//!     }
//! }
//! ```

pub mod context;
pub mod io;
mod lenient;
pub mod outgoing;
pub mod ports;
pub mod record;
pub mod registry;
pub mod runner;
pub mod service;

pub use busker_service_derive::SimpleIo;
pub use context::Context;
pub use io::{Input, Output, Raw, SimpleIo};
pub use outgoing::{HttpAnswer, HttpCall, Ping};
pub use ports::{
    BoxFuture, Bus, Dictionaries, Engine, Invoker, KeyValue, Loaded, OutgoingHttp, PackageFile,
    PackageSet, Ports, Recorder,
};
pub use registry::Registry;
pub use runner::Runner;
pub use service::{Options, Service};

/// Everything a service needs, for `use busker_service::prelude::*`.
pub mod prelude {
    pub use busker_model::{ErrorClass, Fault, Reply, Request};
    pub use serde::{Deserialize, Serialize};

    pub use crate::{Context, HttpAnswer, Options, Raw, Service, SimpleIo};
}
