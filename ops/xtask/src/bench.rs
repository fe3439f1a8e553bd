//! `cargo xtask bench`: Busker and its peers measured side by side in one run, ratios first. Absolute figures belong to a
//! machine and an hour; ratios of one run can be compared.

mod contender;
mod crowd;
mod environment;
mod gateway;
mod isolation;
mod link;
mod peers;
mod proc_tree;
mod queue;
mod report;
mod steady;
mod sync;
mod workers;
mod wrk;

use crate::Outcome;
use crate::args::{Args, Misunderstood};

const WHICH: &str = "which one?
  sync       a synchronous JSON call over HTTP, beside bare servers and Python hosts
  async      an asynchronous invocation, beside a bare client of Redis Streams and Python task queues
  gateway    a question from node to node, beside a bare echo with the same TLS
  isolation  what the neighbours of a service that misbehaves feel
  workers    what a second HTTP worker and a second Python worker bring
  channels   100,000 channels: memory for each, time to start, first and last";

pub(crate) fn run(args: Args) -> Outcome {
    let (name, rest) = args.split_first();
    match name.as_deref() {
        Some("sync") => sync::run(rest),
        Some("async") => queue::run(rest),
        Some("gateway") => gateway::run(rest),
        Some("isolation") => isolation::run(rest),
        Some("workers") => workers::run(rest),
        Some("channels") => crowd::run(rest),
        _ => Err(Misunderstood(WHICH.to_owned()).into()),
    }
}
