//! Services to read, to try a node with and to measure it by.
//!
//! They are what an author of Rust services would write, and use nothing but `busker-service`. Nothing of the node
//! depends on them. Start with [`CurrencyConvert`], which has typed input, an outgoing connection and failures;
//! `python/hello.py` is the first step in Python.

mod codes;
mod echo;
mod money;
mod order;
mod rates;

use busker_model::NameError;
use busker_service::Registry;

pub use codes::CurrencyCode;
pub use echo::{Echo, InputLogger, TypedEcho};
pub use order::OrderTotal;
pub use rates::{CurrencyConvert, RATES_CONNECTION};

/// Registers all of them.
///
/// # Errors
/// When one of the names is registered already.
pub fn register(registry: &mut Registry) -> Result<(), NameError> {
    registry.add(Echo)?;
    registry.add(InputLogger)?;
    registry.add(TypedEcho)?;
    registry.add(CurrencyConvert)?;
    registry.add(CurrencyCode)?;
    registry.add(OrderTotal)
}

#[cfg(test)]
mod tests;
