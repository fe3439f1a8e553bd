//! The kit: the only crate that starts actors and tasks.
//!
//! ractor gives links and events; the [`Supervisor`] here adds what it leaves out: strategies, restart budgets, backoff,
//! ordered start, reverse graceful stop, and a report of every event in the [`Tree`]. Work that follows traffic never
//! passes a mailbox: it takes a permit of a [`Gate`] and runs as a tracked task, reading a snapshot from a [`Slot`];
//! sockets live in a [`Pump`]. This crate knows nothing of channels, services or nodes.
//!
//! Start with [`Supervisor`] and [`ChildSpec`], then [`Gate`].

mod ask;
mod child;
pub mod clock;
mod family;
mod gate;
mod guarded;
mod panic;
mod pump;
mod restart;
mod slot;
mod supervisor;
mod tree;

pub use ask::ask;
pub use child::{
    ChildSpec, Crash, DEFAULT_GRACE, DEFAULT_START_TIMEOUT, Shutdown, StartError, SupervisorSpec,
};
pub use family::{Family, FamilyOutcome};
pub use gate::{Closed, Drained, Gate, GateSettings, Permit, Refused, WorkEnd};
pub use panic::{PanicReport, install_panic_hook};
pub use pump::{BLOCKING_THREADS, Pump, PumpEnded, install_runtime};
pub use ractor;
pub use restart::{Backoff, Intensity, OnExcess, Restart, Strategy};
pub use slot::Slot;
pub use supervisor::{RootEnd, Supervisor};
pub use tree::{RECENT_REPORTS, REPORT_BACKLOG, Seat, Tree};
