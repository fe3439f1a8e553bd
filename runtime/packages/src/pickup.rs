//! The pickup. Owns: the watch on its folder and what it knows of the files in it. Hears: that something happened in the
//! folder, and a tick in case it did not hear. Says: deploys to the deployer, a line and an event for each file refused.
//! Dies when: its work panics (crash); a folder that cannot be read is a state. Restart: permanent; a fresh one looks at
//! all files and deploys none twice.

mod folder;
mod round;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, Seat, clock};
use busker_model::ActorState;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::packages::{Packages, Shared};
use folder::{Folder, scan};
use round::Round;

/// Time a file must stay as it is before it is deployed.
pub const STABLE_FOR: Duration = Duration::from_millis(200);
/// Longest time between two looks at the folder, in case the kernel dropped a notice.
pub const RESCAN_EVERY: Duration = Duration::from_secs(30);
/// Principal of what is deployed from the folder.
pub const PICKUP_USER: &str = "pickup";

/// Shortest time between two looks at the folder, however much happens in it.
const SCAN_GAP: Duration = Duration::from_millis(20);
/// Wait before a folder that could not be read is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Notices waiting: one says that something happened, and the look that follows sees all of it.
const NOTICES: usize = 1;

/// The child spec of the pickup.
pub(crate) fn spec(packages: &Packages, shared: &Arc<Shared>) -> ChildSpec {
    let (packages, shared) = (packages.clone(), Arc::clone(shared));
    ChildSpec::actor("pickup", "pickup", move |seat| {
        let args = PickupArgs {
            seat,
            packages: packages.clone(),
            shared: Arc::clone(&shared),
        };
        (PickupActor, args)
    })
}

#[derive(Debug)]
struct PickupActor;

#[derive(Debug)]
struct PickupArgs {
    seat: Seat,
    packages: Packages,
    shared: Arc<Shared>,
}

impl Actor for PickupActor {
    type Msg = PumpEnded;
    type State = Pump;
    type Arguments = PickupArgs;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        args: PickupArgs,
    ) -> Result<Pump, ActorProcessingErr> {
        Ok(Pump::vital("pickup", me, run(args)))
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _life: &mut Pump,
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }
}

async fn run(args: PickupArgs) {
    let parts = &args.shared.parts;
    let (notice, mut notices) = mpsc::channel(NOTICES);
    let mut watch = Watch {
        folder: parts.pickup.clone(),
        notice,
        watcher: None,
        told: false,
    };
    let endings = parts
        .engines
        .iter()
        .flat_map(|engine| engine.endings().to_vec());
    let endings: Vec<&str> = endings.collect();
    let mut folder = Folder::default();
    loop {
        // Before the look: what comes after it is noticed.
        let watched = watch.keep();
        let looked = scan(&parts.pickup, &endings).await;
        let looked = looked.map_err(|error| error.to_string());
        match watched.and(looked) {
            Ok(files) => {
                watch.found(&args.seat);
                folder.saw(files, clock::now());
            }
            Err(why) => watch.lost(&args.seat, &why),
        }
        let ready = folder.ready(clock::now());
        if !ready.is_empty() {
            let round = Round {
                packages: &args.packages,
                parts,
                folder: &mut folder,
            };
            round.deploy(ready).await;
        }
        let next = match watch.is_lost() {
            true => LOOK_AGAIN,
            false => folder.next_look(clock::now()).max(SCAN_GAP),
        };
        // Noticed or not: it looks again.
        match timeout(next, notices.recv()).await {
            Ok(Some(())) => sleep(SCAN_GAP).await,
            // The watch holds a sender, so this is never.
            Ok(None) => return,
            Err(_) => {}
        }
    }
}

/// The kernel's notices of a folder.
#[derive(Debug)]
struct Watch {
    folder: PathBuf,
    notice: mpsc::Sender<()>,
    watcher: Option<RecommendedWatcher>,
    /// Whether it was told that there is nothing to watch.
    told: bool,
}

impl Watch {
    /// Watches, unless it does already.
    fn keep(&mut self) -> Result<(), String> {
        if self.watcher.is_none() {
            let watcher = watch(&self.folder, self.notice.clone());
            self.watcher = Some(watcher.map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    fn is_lost(&self) -> bool {
        self.watcher.is_none()
    }

    /// The folder cannot be read, and maybe it is another one when it can be read again.
    fn lost(&mut self, seat: &Seat, why: &str) {
        self.watcher = None;
        // The same every second is one line.
        if !self.told {
            let path = self.folder.display();
            tracing::warn!(
                "the pickup folder {path} cannot be watched: {why}; it is looked for again"
            );
        }
        self.told = true;
        seat.state(ActorState::Degraded, Some("pickup-unreadable"));
    }

    fn found(&mut self, seat: &Seat) {
        self.told = false;
        seat.state(ActorState::Running, None);
    }
}

/// The callback runs on a thread of the watcher and must not wait.
fn watch(folder: &Path, notice: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if changes_something(&event) && notice.try_send(()).is_err() {
            tracing::trace!(
                "a notice waits already: the look that it leads to sees this change too"
            );
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Our own looks at the folder are noticed too, and must not lead to more of them.
fn changes_something(event: &notify::Result<notify::Event>) -> bool {
    // An error may be an overflow: something happened, nobody knows what.
    event.as_ref().map_or(true, |event| match event.kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    })
}
