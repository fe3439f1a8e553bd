//! The command line as people meet it: a stranger with `--help`, keys and certificates, users and tokens, logs, the doctor,
//! shells.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

mod doctor;
mod keys;
mod keys_of_a_cluster;
mod logs;
mod operators;
mod people;
mod readme;
mod shells;
