//! A scheduler in a tree of its own, with a clock, a store and an invoker that the test holds.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use busker_kit::{ChildSpec, Family, OnExcess, Pump, Supervisor, SupervisorSpec, Tree};
use busker_model::{
    Cid, Fault, Object, ObjectKey, Origin, Payload, Reply, Request, ServiceDefinition, ServiceName,
};
use busker_odb::{ObjectWrite, Odb};
use busker_scheduler::{
    Attached, Desired, FireStore, JobDesired, Parts, RUN_SERVICE, Scheduler, Wall, runner,
};
use busker_service::outgoing::{HttpAnswer, HttpCall, Ping};
use busker_service::ports::{AsyncOptions, NoDictionaries, NoKeyValue};
use busker_service::{BoxFuture, Context, Invoker, OutgoingHttp, Ports};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Runs a simulation at most this long, in simulated time.
const SETTLE: Duration = Duration::from_millis(5);

/// A clock on the wall that follows tokio's, and jumps when it is told to.
#[derive(Debug)]
pub(crate) struct TestWall {
    base_ms: i64,
    started: Instant,
    jumped_ms: AtomicI64,
}

impl TestWall {
    pub(crate) fn at(text: &str) -> Arc<Self> {
        Arc::new(Self {
            base_ms: utc(text),
            started: Instant::now(),
            jumped_ms: AtomicI64::new(0),
        })
    }

    pub(crate) fn jump(&self, by: i64) {
        self.jumped_ms.fetch_add(by, SeqCst);
    }
}

impl Wall for TestWall {
    fn unix_ms(&self) -> i64 {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap();
        self.base_ms + passed + self.jumped_ms.load(SeqCst)
    }
}

pub(crate) fn utc(text: &str) -> i64 {
    let zone = "UTC".to_owned();
    let when = serde_json::json!({"start_date": text, "time_zone": zone});
    let when = busker_scheduler::When::checked(busker_scheduler::JobKind::OneTime, when).unwrap();
    when.compiled(0)
        .unwrap()
        .next_after(i64::MIN / 2)
        .unwrap()
        .at_ms
}

/// What was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handed {
    pub(crate) cid: Cid,
    pub(crate) service: String,
    pub(crate) payload: String,
    pub(crate) job: Option<String>,
    pub(crate) at_ms: i64,
}

/// Takes runs, and runs those that are followed.
#[derive(Debug)]
pub(crate) struct Sink {
    wall: Arc<dyn Wall>,
    pub(crate) handed: Mutex<Vec<Handed>>,
    /// What is refused, and with what.
    pub(crate) refusal: Mutex<Option<Fault>>,
    /// Services that are not deployed.
    pub(crate) missing: Mutex<HashSet<String>>,
    /// How long a run of a job takes, and how it ends.
    pub(crate) takes: Mutex<(Duration, Option<Fault>)>,
    /// Runs that ran to their end.
    pub(crate) ended: Mutex<Vec<Cid>>,
    scheduler: Mutex<Option<Scheduler>>,
    pumps: Mutex<Vec<Pump>>,
}

impl Sink {
    fn new(wall: Arc<dyn Wall>) -> Arc<Self> {
        Arc::new(Self {
            wall,
            handed: Mutex::default(),
            refusal: Mutex::default(),
            missing: Mutex::default(),
            takes: Mutex::default(),
            ended: Mutex::default(),
            scheduler: Mutex::default(),
            pumps: Mutex::default(),
        })
    }

    pub(crate) fn handed(&self) -> Vec<Handed> {
        self.handed.lock().clone()
    }

    fn follow(self: &Arc<Self>, request: Request) {
        let scheduler = self.scheduler.lock().clone().unwrap();
        let ports = Arc::new(Ports {
            invoker: self.clone(),
            http: Arc::new(NoHttp),
            key_value: Arc::new(NoKeyValue),
            dictionaries: Arc::new(NoDictionaries),
            cluster: "test".into(),
            node: "node1".into(),
        });
        let run = runner(&scheduler)
            .unwrap()
            .run(Context::new(request, ports));
        let pump = Pump::spawn("followed-run", async move {
            run.await.unwrap();
        });
        self.pumps.lock().push(pump);
    }
}

/// The sink behind its port: the port needs a handle to itself.
#[derive(Debug)]
pub(crate) struct SinkPort(pub(crate) Arc<Sink>);

impl Invoker for Sink {
    fn invoke(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        let fault = Fault::not_found(request.service.to_string());
        Box::pin(std::future::ready(Err(fault)))
    }

    fn invoke_async(
        &self,
        request: Request,
        _how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>> {
        let cid = request.cid;
        self.handed.lock().push(Handed {
            cid,
            service: request.service.to_string(),
            payload: String::from_utf8_lossy(&request.raw).into_owned(),
            job: request.job.as_ref().map(|job| job.name.clone()),
            at_ms: self.wall.unix_ms(),
        });
        Box::pin(std::future::ready(Ok(cid)))
    }

    fn definition(&self, service: &str) -> Option<Arc<ServiceDefinition>> {
        if self.missing.lock().contains(service) {
            return None;
        }
        let name = ServiceName::new(service).unwrap();
        Some(Arc::new(ServiceDefinition::new(name, "test", Origin::Rust)))
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Invoker for SinkPort {
    fn invoke(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        self.0.invoke(request)
    }

    fn invoke_async(
        &self,
        request: Request,
        how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>> {
        let refusal = self.0.refusal.lock().clone();
        if let Some(fault) = refusal {
            return Box::pin(std::future::ready(Err(fault)));
        }
        if request.service.as_str() == RUN_SERVICE {
            self.0.follow(request.clone());
        }
        self.0.invoke_async(request, how)
    }

    fn definition(&self, service: &str) -> Option<Arc<ServiceDefinition>> {
        self.0.definition(service)
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Attached for SinkPort {
    fn run(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        let sink = Arc::clone(&self.0);
        let (takes, fault) = sink.takes.lock().clone();
        Box::pin(async move {
            assert!(matches!(
                request.payload,
                Payload::None | Payload::Raw(_) | Payload::Json(_)
            ));
            sleep(takes).await;
            sink.ended.lock().push(request.cid);
            fault.map_or_else(|| Ok(Reply::default()), Err)
        })
    }
}

#[derive(Debug)]
struct NoHttp;

impl OutgoingHttp for NoHttp {
    fn send(
        &self,
        connection: &str,
        _transport: busker_model::Transport,
        _call: HttpCall,
    ) -> BoxFuture<'static, Result<HttpAnswer, Fault>> {
        Box::pin(std::future::ready(Err(Fault::not_found(connection))))
    }

    fn ping(
        &self,
        connection: &str,
        _transport: busker_model::Transport,
    ) -> BoxFuture<'static, Result<Ping, Fault>> {
        Box::pin(std::future::ready(Err(Fault::not_found(connection))))
    }
}

/// A running scheduler.
pub(crate) struct Bench {
    pub(crate) sink: Arc<Sink>,
    pub(crate) scheduler: Scheduler,
    pub(crate) held: watch::Sender<bool>,
    pub(crate) services: watch::Sender<u64>,
    pub(crate) tree: Tree,
    family: Family<Desired>,
    root: Supervisor,
    revision: i64,
}

impl Bench {
    pub(crate) async fn start(wall: Arc<dyn Wall>, store: Arc<dyn FireStore>) -> Self {
        let sink = Sink::new(Arc::clone(&wall));
        let (held, is_held) = watch::channel(true);
        let (services, changed) = watch::channel(0);
        let scheduler = Scheduler::new(Parts {
            node: "node1".to_owned(),
            store,
            invoker: Arc::new(SinkPort(Arc::clone(&sink))),
            attached: Arc::new(SinkPort(Arc::clone(&sink))),
            wall,
            services: changed,
            held: is_held,
        });
        *sink.scheduler.lock() = Some(scheduler.clone());
        let jobs = SupervisorSpec::new("scheduler").on_excess(OnExcess::Park);
        let spec = SupervisorSpec::new("node1").child(ChildSpec::supervisor(jobs));
        let tree = Tree::new("node1");
        let (root, _end) = Supervisor::start_root(&tree, spec).await.unwrap();
        let own = scheduler.clone();
        let make = move |name: &str, desired: &Desired| own.spec(name, desired);
        let supervisor = root.supervisor("scheduler").await.unwrap();
        let mut family = Family::new(supervisor, make);
        let role = vec![(Scheduler::ROLE.to_owned(), Some(Desired::Role))];
        assert_eq!(family.apply(role).await.started, 1);
        Self {
            sink,
            scheduler,
            held,
            services,
            tree,
            family,
            root,
            revision: 0,
        }
    }

    /// Makes a job what it should be.
    pub(crate) async fn job(&mut self, number: i64, kind: &str, settings: Value) {
        self.set(number, (kind, settings), true).await;
    }

    pub(crate) async fn set(&mut self, number: i64, (kind, settings): (&str, Value), active: bool) {
        self.revision += 1;
        let desired = desired(number, kind, settings, (active, self.revision));
        let changes = vec![(
            format!("job{number}"),
            Some(Desired::Job(Box::new(desired))),
        )];
        let outcome = self.family.apply(changes).await;
        assert!(outcome.failed.is_empty(), "{outcome:?}");
    }

    /// Many at once.
    pub(crate) async fn jobs(&mut self, jobs: Vec<(i64, &str, Value)>) {
        self.revision += 1;
        let changes = jobs.into_iter().map(|(number, kind, settings)| {
            let job = desired(number, kind, settings, (true, self.revision));
            (format!("job{number}"), Some(Desired::Job(Box::new(job))))
        });
        let outcome = self.family.apply(changes.collect()).await;
        assert!(outcome.failed.is_empty(), "{outcome:?}");
    }

    pub(crate) async fn remove(&mut self, number: i64) {
        self.family
            .apply(vec![(format!("job{number}"), None)])
            .await;
    }

    /// Ends everything in order, as a node that is stopped does.
    pub(crate) async fn stop(self) {
        self.root.stop().await;
    }

    /// State and note of a job.
    pub(crate) fn shown(&self, number: i64) -> (String, String) {
        let path = busker_model::report::ActorPath::root("node1")
            .child("scheduler")
            .child(&format!("job{number}"));
        let row = self.tree.get(&path).unwrap();
        (row.state.as_str().to_owned(), row.note.unwrap_or_default())
    }
}

fn desired(
    number: i64,
    kind: &str,
    settings: Value,
    (active, revision): (bool, i64),
) -> JobDesired {
    let object = Object {
        key: job_key(number),
        kind: kind.to_owned(),
        number,
        active,
        settings,
        revision,
    };
    JobDesired::of(&object).unwrap()
}

/// Lets simulated time pass.
pub(crate) async fn pass(time: Duration) {
    sleep(time).await;
    sleep(SETTLE).await;
}

/// A migrated SQLite database with so many jobs in it, numbered from 1.
pub(crate) async fn sqlite(folder: &tempfile::TempDir, jobs: i64) -> Odb {
    let config = busker_odb::OdbConfig::sqlite(folder.path().join("odb.db"));
    let odb = Odb::open(config).await.unwrap();
    odb.migrate().await.unwrap();
    let writes = (1..=jobs).map(|number| ObjectWrite {
        key: job_key(number),
        kind: "cron".to_owned(),
        active: true,
        settings: serde_json::json!({}),
        secrets: Vec::new(),
        references: Vec::new(),
        unique: None,
    });
    let made = odb
        .objects()
        .create_many(writes.collect(), "ann")
        .await
        .unwrap();
    assert!(
        made.iter()
            .zip(1..)
            .all(|(object, number)| object.number == number)
    );
    odb
}

fn job_key(number: i64) -> ObjectKey {
    ObjectKey {
        family: busker_model::Family::Job,
        group: "job".to_owned(),
        name: format!("job{number}"),
    }
}
