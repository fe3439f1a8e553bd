//! The scheduler: one actor per job, on the node that has the role.
//!
//! [`Schedule`] says when a job is due and is pure; `plan` decides what that means now; the `job` actor waits for it; the
//! recorder writes every fire to the operational database before it is handed over, so that a fire has one cid whatever
//! happens, and every fire ends in a verdict. What a job invokes runs elsewhere: this crate knows the invoker port only.
//! Which node has the role is decided elsewhere too, and told through [`Parts::held`].
//!
//! Start with [`Scheduler`], then `life`.

mod cron_line;
mod dates;
mod fire;
mod job;
mod life;
mod plan;
mod recorder;
mod role;
mod runs;
mod schedule;
mod scheduler;
mod settings;
mod store;
mod zone;

pub use chrono_tz::Tz;
pub use cron_line::{CronError, CronLine};
pub use fire::HANDOVER_PATIENCE;
pub use life::{BOOT_PATIENCE, REPLAN_EVERY};
pub use plan::{AHEAD_MAX_MS, CATCH_UP_ALL_MAX, MISSED_AFTER_MS};
pub use role::{CLOCK_CHECK_EVERY, CLOCK_JUMP_MS};
pub use runs::{RUN_SERVICE, runner};
pub use schedule::{COUNTED_MAX, Schedule, Stretch, meaning};
pub use scheduler::{Attached, Desired, Executed, JobDesired, Parts, Scheduler};
pub use settings::{
    CATCH_UP_WINDOW_MAX_S, CATCH_UP_WINDOW_S, CatchUp, CronWhen, IntervalWhen, JITTER_MAX_MS,
    JobKind, JobSettings, MAX_RUN_TIME_MOST_S, MAX_RUN_TIME_S, OneTimeWhen, Overlap, PAYLOAD_BYTES,
    RunSettings, When,
};
pub use store::{FireStore, Loaded, StoreError, SystemWall, Wall};
pub use zone::{ClockMark, Due, written};
