//! One pass: what the database says is active becomes what this node serves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use busker_kit::Seat;
use busker_model::{ActorState, Fault};
use busker_odb::packages::{Package, StatusWrite};

use crate::deployer::PASS_EVERY;
use crate::packages::Shared;
use crate::reports;
use crate::shelf::Shelf;
use crate::stage::{Stage, Standing};
use crate::statics;
use crate::view::{PackageView, StaticView, View};

/// Wait before the first retry of a pass that was stopped by trouble; it doubles up to [`PASS_EVERY`].
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Packages told to be loading; a node that boots with more would spend longer on telling it than on loading them.
const LOADING_TOLD: usize = 16;
/// Ending of static sources.
const STATIC_ENDING: &str = "py";

/// The state of the deployer.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) shared: Arc<Shared>,
    seat: Seat,
    pub(crate) stages: Vec<Stage>,
    pub(crate) shelf: Shelf,
    /// What was active at the last pass.
    active: Vec<Package>,
    /// State and message last written for each package.
    told: HashMap<i64, (&'static str, String)>,
    trouble: Option<Fault>,
    /// Passes in a row that were stopped by trouble.
    stopped: u32,
    static_faults: Vec<String>,
}

impl Work {
    /// Reads the static sources; nothing is loaded yet.
    pub(crate) async fn new(shared: Arc<Shared>, seat: Seat) -> Self {
        let statics = statics::read(shared.parts.static_sources.clone()).await;
        for fault in &statics.faults {
            tracing::error!("{fault}");
        }
        let mut files = Some(statics.files);
        let stages = shared.parts.engines.iter().map(|engine| {
            let own = engine.endings().contains(&STATIC_ENDING);
            let files = if own { files.take() } else { None };
            Stage::new(Arc::clone(engine), files.unwrap_or_default())
        });
        Self {
            stages: stages.collect(),
            shared,
            seat,
            shelf: Shelf::default(),
            active: Vec::new(),
            told: HashMap::new(),
            trouble: None,
            stopped: 0,
            static_faults: statics.faults,
        }
    }

    /// Time until a pass is due without any hint.
    pub(crate) fn next_pass(&self) -> Duration {
        match self.stopped {
            0 => PASS_EVERY,
            times => RETRY_AFTER
                .saturating_mul(1_u32 << times.min(6).saturating_sub(1))
                .min(PASS_EVERY),
        }
    }

    /// Makes this node serve what is active, shows how it went, and answers whether trouble stopped it.
    pub(crate) async fn pass(&mut self) {
        let outcome = self.sync().await;
        self.note(outcome.err());
        self.shared.view.store(self.view());
        self.shared.settled.send_replace(true);
        self.tell_all().await;
    }

    async fn sync(&mut self) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let active = shared.parts.odb.packages().active().await?;
        self.shelf.retain(&active);
        self.active = active;
        self.tell_loading().await;
        let mut outcome = Ok(());
        for stage in &mut self.stages {
            let desired: Vec<&Package> = self
                .active
                .iter()
                .filter(|package| stage.takes(&package.name))
                .collect();
            if stage.is_settled(&desired) {
                continue;
            }
            // One engine in trouble does not keep the others from their packages.
            let brought = stage.bring(&desired, &mut self.shelf, &shared).await;
            outcome = outcome.and(brought);
        }
        outcome
    }

    fn note(&mut self, trouble: Option<Fault>) {
        match &trouble {
            None => {
                self.stopped = 0;
                self.seat.state(ActorState::Running, None);
            }
            Some(fault) => {
                self.stopped = self.stopped.saturating_add(1);
                // The same trouble every few seconds is one line.
                if self.trouble.as_ref().map(|old| &old.message) != Some(&fault.message) {
                    tracing::warn!(
                        "packages wait: {}; tried again every few seconds",
                        reports::with_traceback(fault)
                    );
                }
                let code = fault.code_str().unwrap_or_else(|| fault.class.as_str());
                self.seat.state(ActorState::Degraded, Some(code));
            }
        }
        self.trouble = trouble;
    }

    /// Starts services again that could not be started, or whose supervisor was restarted.
    pub(crate) async fn heal(&self) {
        for stage in &self.stages {
            stage.heal(&self.shared.parts.services).await;
        }
    }

    /// How an active package fares on this node.
    pub(crate) fn standing(&self, package: &Package) -> Standing<'_> {
        match self.stages.iter().find(|stage| stage.takes(&package.name)) {
            Some(stage) => stage.standing(package),
            None => Standing::Waiting,
        }
    }

    /// Why packages wait.
    pub(crate) fn trouble(&self) -> Option<&Fault> {
        self.trouble.as_ref()
    }

    fn waiting_message(&self, package: &Package) -> String {
        if !self.stages.iter().any(|stage| stage.takes(&package.name)) {
            return "no engine of this node takes files with this ending".to_owned();
        }
        self.trouble.as_ref().map_or_else(
            || "not loaded yet".to_owned(),
            |fault| fault.message.to_string(),
        )
    }

    fn view(&self) -> View {
        let packages = self.active.iter().map(|package| {
            let (state, message) = self.fares(package);
            let mut stages = self.stages.iter();
            let serving = stages.find_map(|stage| stage.serving(&package.name));
            PackageView {
                package: package.id,
                name: package.name.clone(),
                generation: package.generation,
                state,
                message: Some(message).filter(|message| !message.is_empty()),
                instead: serving.filter(|id| *id != package.id),
            }
        });
        let unread = self.static_faults.iter().map(|fault| StaticView {
            path: String::new(),
            message: fault.clone(),
        });
        let refused = self.stages.iter().flat_map(Stage::static_faults);
        View {
            generations: self
                .stages
                .iter()
                .map(|stage| (stage.engine.name(), stage.generation()))
                .collect(),
            packages: packages.collect(),
            static_faults: unread.chain(refused).collect(),
            trouble: self.trouble.as_ref().map(|fault| fault.message.to_string()),
        }
    }

    /// State and message of an active package, as written to the database.
    fn fares(&self, package: &Package) -> (&'static str, String) {
        match self.standing(package) {
            Standing::Live => ("live", String::new()),
            Standing::Failed(fault) => ("failed", reports::with_traceback(fault)),
            Standing::Waiting => ("waiting", self.waiting_message(package)),
        }
    }

    async fn tell_loading(&mut self) {
        let waiting = |package: &&Package| {
            matches!(self.standing(package), Standing::Waiting)
                && !self.told.contains_key(&package.id)
        };
        let new: Vec<i64> = self.active.iter().filter(waiting).map(|p| p.id).collect();
        if new.len() <= LOADING_TOLD {
            for id in new {
                self.tell(id, "loading", String::new()).await;
            }
        }
    }

    /// Writes what has changed since it was last written.
    async fn tell_all(&mut self) {
        let now: Vec<_> = self
            .active
            .iter()
            .map(|package| (package.id, self.fares(package)))
            .collect();
        let gone: Vec<i64> = self
            .told
            .keys()
            .copied()
            .filter(|id| now.iter().all(|(active, _)| active != id))
            .collect();
        for (id, (state, message)) in now {
            self.tell(id, state, message).await;
        }
        for id in gone {
            self.tell(id, "drained", String::new()).await;
            self.told.remove(&id);
        }
    }

    /// A status that is not written is written by the next pass.
    async fn tell(&mut self, id: i64, state: &'static str, message: String) {
        let new = (state, message);
        if self.told.get(&id) == Some(&new) {
            return;
        }
        let parts = &self.shared.parts;
        let write = StatusWrite {
            package: id,
            node: parts.node.clone(),
            state: state.to_owned(),
            message: new.1.clone(),
        };
        match parts.odb.packages().set_status(write).await {
            Ok(()) => drop(self.told.insert(id, new)),
            Err(error) => tracing::warn!("the status of package {id} was not written: {error}"),
        }
    }
}
