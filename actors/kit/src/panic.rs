//! Panics as values, with the backtrace of the place that panicked.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What a caught panic said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanicReport {
    /// Its message.
    pub message: String,
    /// Where it happened; empty when the hook is not installed.
    pub backtrace: String,
}

/// Installs the hook that keeps the backtrace of a panic for the one who catches it; once per process, in `main`.
pub fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let trace = std::backtrace::Backtrace::force_capture();
            // Not every panic is caught by somebody who tells; this line is all there is of one that is not.
            tracing::error!(place, "a panic: {}", message_of(info.payload()));
            LAST.with(|last| *last.borrow_mut() = Some(format!("at {place}\n{trace}")));
        }));
    });
}

impl PanicReport {
    /// Reads what was caught; call it on the thread that caught it.
    #[must_use]
    pub fn of(payload: &(dyn Any + Send)) -> Self {
        let message = message_of(payload);
        let backtrace = LAST
            .with(|last| last.borrow_mut().take())
            .unwrap_or_default();
        Self { message, backtrace }
    }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
