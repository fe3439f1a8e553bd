//! Panics as values, with the backtrace of the place that panicked.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Once;
use std::task::Poll;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether somebody catches what panics on this thread now, and tells of it.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
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
            // This line is all there is of a panic that nobody catches; who catches one tells of it, with its cid.
            if !CAUGHT.get() {
                tracing::error!(place, "a panic: {}", message_of(info.payload()));
            }
            LAST.with(|last| *last.borrow_mut() = Some(format!("at {place}\n{trace}")));
        }));
    });
}

/// Runs work; a panic in it is a value, of which the caller has to tell.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, PanicReport> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let outer = CAUGHT.replace(true);
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        CAUGHT.set(outer);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => Poll::Ready(Err(PanicReport::of(payload.as_ref()))),
        }
    })
    .await
}

impl PanicReport {
    /// Reads what was caught, on the thread that panicked.
    fn of(payload: &(dyn Any + Send)) -> Self {
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
