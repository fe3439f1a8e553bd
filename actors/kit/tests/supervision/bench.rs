//! Probes that journal what they do, and a node to put them under.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message, pg};
use busker_kit::{Backoff, ChildSpec, Crash, RootEnd, Seat, Supervisor, SupervisorSpec, Tree};
use busker_model::ActorState;
use busker_model::report::{ActorPath, ReportKind};
use tokio::sync::mpsc;

/// What the probes did, in order: `+name` a start, `-name` a graceful end.
pub(crate) type Journal = mpsc::Sender<String>;

#[derive(Debug)]
pub(crate) enum Poke {
    Fail,
    Panic,
    End,
}
impl Message for Poke {}

pub(crate) struct Probe {
    name: String,
    journal: Journal,
    refuse: Arc<AtomicBool>,
    linger: Duration,
}

impl Actor for Probe {
    type Msg = Poke;
    type State = Seat;
    type Arguments = Seat;

    async fn pre_start(&self, me: ActorRef<Poke>, seat: Seat) -> Result<Seat, ActorProcessingErr> {
        if self.refuse.load(SeqCst) {
            return Err(Crash::new("refused to start").into());
        }
        pg::join(seat.path().to_string(), vec![me.get_cell()]);
        self.journal.try_send(format!("+{}", self.name))?;
        Ok(seat)
    }

    async fn handle(
        &self,
        me: ActorRef<Poke>,
        poke: Poke,
        _: &mut Seat,
    ) -> Result<(), ActorProcessingErr> {
        match poke {
            Poke::Fail => Err(Crash::new("told to fail").cause("poke of 1 byte").into()),
            Poke::Panic => panic!("told to panic"),
            Poke::End => {
                me.stop(None);
                Ok(())
            }
        }
    }

    async fn post_stop(
        &self,
        _: ActorRef<Poke>,
        seat: &mut Seat,
    ) -> Result<(), ActorProcessingErr> {
        seat.state(ActorState::Draining, None);
        tokio::time::sleep(self.linger).await;
        self.journal.try_send(format!("-{}", self.name))?;
        Ok(())
    }
}

/// One node with probes under it. Node names differ, because process groups are process-wide.
pub(crate) struct Bench {
    pub(crate) tree: Tree,
    pub(crate) root: Supervisor,
    pub(crate) end: RootEnd,
    pub(crate) journal: mpsc::Receiver<String>,
    pub(crate) said: Journal,
    pub(crate) node: String,
}

pub(crate) fn steady(first_ms: u64) -> Backoff {
    Backoff {
        first: Duration::from_millis(first_ms),
        max: Duration::from_secs(30),
        factor: 2,
        jitter_percent: 0,
        reset_after: Duration::from_secs(60),
    }
}

pub(crate) fn probe(
    name: &str,
    journal: &Journal,
    refuse: &Arc<AtomicBool>,
    linger: Duration,
) -> ChildSpec {
    let (kept, journal, refuse) = (name.to_owned(), journal.clone(), Arc::clone(refuse));
    ChildSpec::actor(name, "probe", move |seat| {
        let probe = Probe {
            name: kept.clone(),
            journal: journal.clone(),
            refuse: Arc::clone(&refuse),
            linger,
        };
        (probe, seat)
    })
    .backoff(steady(100))
}

pub(crate) fn quick(name: &str, journal: &Journal) -> ChildSpec {
    probe(
        name,
        journal,
        &Arc::new(AtomicBool::new(false)),
        Duration::ZERO,
    )
}

impl Bench {
    pub(crate) async fn new(spec: impl FnOnce(&Journal) -> SupervisorSpec) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let node = format!("n{}", NEXT.fetch_add(1, SeqCst));
        let (said, journal) = mpsc::channel(4096);
        let tree = Tree::new(&node);
        let (root, end) = Supervisor::start_root(&tree, spec(&said)).await.unwrap();
        Self {
            tree,
            root,
            end,
            journal,
            said,
            node,
        }
    }

    pub(crate) fn path(&self, below: &str) -> ActorPath {
        below
            .split('/')
            .fold(ActorPath::root(&self.node), |path, name| path.child(name))
    }

    pub(crate) fn state(&self, below: &str) -> Option<ActorState> {
        self.tree.get(&self.path(below)).map(|info| info.state)
    }

    /// The live probe at a path. Two may be there while an old one finishes: the first one is asked.
    pub(crate) fn poke(&self, below: &str, poke: Poke) {
        let members = pg::get_members(&self.path(below).to_string());
        members.first().unwrap().send_message(poke).unwrap();
    }

    pub(crate) fn is_up(&self, below: &str) -> bool {
        !pg::get_members(&self.path(below).to_string()).is_empty()
    }

    pub(crate) fn said(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.journal.try_recv().ok()).collect()
    }

    pub(crate) fn count(&self, below: &str, kind: ReportKind) -> usize {
        let path = self.path(below);
        self.tree
            .recent(1000)
            .iter()
            .filter(|report| report.path == path && report.kind == kind)
            .count()
    }
}

pub(crate) async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

pub(crate) fn spec(name: &str) -> SupervisorSpec {
    SupervisorSpec::new(name).intensity(1000, Duration::from_secs(1))
}
