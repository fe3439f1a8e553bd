//! `cargo xtask bench`: Busker and its peers measured side by side in one run, ratios first. Absolute figures belong to a
//! machine and an hour; ratios of one run can be compared.

mod contender;
mod environment;
mod peers;
mod proc_tree;
mod report;
mod sync;
mod wrk;

use crate::Outcome;
use crate::args::{Args, Misunderstood};

pub(crate) fn run(args: Args) -> Outcome {
    let (name, rest) = args.split_first();
    match name.as_deref() {
        Some("sync") => sync::run(rest),
        _ => Err(Misunderstood(
            "which one?\n  sync  a synchronous JSON call over HTTP, beside bare servers and Python hosts".to_owned(),
        )
        .into()),
    }
}
