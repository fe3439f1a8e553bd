//! The scripts; each is run with what they share before it.

use deadpool_redis::redis::Script;

/// All of them.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) greet: Script,
    pub(super) publish: Script,
    pub(super) claim: Script,
    pub(super) renew: Script,
    pub(super) settle: Script,
    pub(super) promote: Script,
    pub(super) reclaim: Script,
    pub(super) sweep: Script,
    pub(super) status: Script,
    pub(super) ledger: Script,
    pub(super) states: Script,
    pub(super) rebury: Script,
    pub(super) dead_list: Script,
    pub(super) dead_edit: Script,
    pub(super) dead_replay: Script,
    pub(super) dead_discard: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let script =
            |text: &str| Script::new(&format!("{}\n{text}", include_str!("scripts/common.lua")));
        Self {
            greet: script(include_str!("scripts/greet.lua")),
            publish: script(include_str!("scripts/publish.lua")),
            claim: script(include_str!("scripts/claim.lua")),
            renew: script(include_str!("scripts/renew.lua")),
            settle: script(include_str!("scripts/settle.lua")),
            promote: script(include_str!("scripts/promote.lua")),
            reclaim: script(include_str!("scripts/reclaim.lua")),
            sweep: script(include_str!("scripts/sweep.lua")),
            status: script(include_str!("scripts/status.lua")),
            ledger: script(include_str!("scripts/ledger.lua")),
            states: script(include_str!("scripts/states.lua")),
            rebury: script(include_str!("scripts/rebury.lua")),
            dead_list: script(include_str!("scripts/dead_list.lua")),
            dead_edit: script(include_str!("scripts/dead_edit.lua")),
            dead_replay: script(include_str!("scripts/dead_replay.lua")),
            dead_discard: script(include_str!("scripts/dead_discard.lua")),
        }
    }
}
