//! The Python host: runs services in supervised worker processes outside the node.
//!
//! A zygote (a Python process with our package loaded) forks a worker in milliseconds; each worker is an actor that
//! owns its process, and the traffic to it is one socket with many requests at once, past all mailboxes. The host is an
//! [`Engine`](busker_service::Engine): it verifies a set of packages in a throw-away process, loads it as a new
//! generation beside the one that serves, and retires the old one. What a crash, a hang or a leak of a service does to
//! others is decided here. It is not an interpreter: no Python code runs inside the node.
//!
//! Start with [`PythonHost`], then `worker/life.rs` (a process from fork to end) and `connection.rs` (a request's way).
//! The protocol is in `frame.rs`, `meta.rs` and `segments.rs`; its Python side is the folder `package`.

mod calls;
mod config;
mod connection;
mod crew;
mod embedded;
mod frame;
mod host;
mod interpreter;
mod logs;
mod meta;
mod quarantine;
mod runner;
mod segments;
mod wire;
mod worker;
mod zygote;

pub use config::{Limits, PythonConfig, default_workers};
pub use host::{PythonHost, VERIFY_TIMEOUT};
pub use interpreter::{Interpreter, find as find_interpreter};
pub use worker::PortsCell;
