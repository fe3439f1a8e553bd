//! The tree a bus has on a node, and a worker whose services are one closure.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use busker_bus::health::{BusHealth, Health};
use busker_bus::intake::Room;
use busker_bus::limits::Limits;
use busker_bus::{SqliteConfig, SqliteStore, Store, Worker, intake, keeper};
use busker_kit::clock::unix_ms;
use busker_kit::{Supervisor, SupervisorSpec, Tree};
use busker_model::bus::{Envelope, Head, InvocationState, InvocationStatus};
use busker_model::invocation::ReplyBody;
use busker_model::{ChannelKind, Cid, DataFormat, Delivery, Fault, Payload, Reply, ServiceName};
use busker_service::BoxFuture;
use busker_telemetry::{Events, Metrics};
use bytes::Bytes;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::watch;

/// Permits of each service.
pub(crate) const PERMITS: u32 = 3;
/// Lease of the store.
pub(crate) const LEASE: Duration = Duration::from_millis(300);
/// Longest wait for anything.
const SOON: Duration = Duration::from_secs(20);

type Answer = BoxFuture<'static, Result<ReplyBody, Fault>>;
type Work = Box<dyn Fn(&Envelope) -> Answer + Send + Sync>;

struct Services {
    names: Mutex<BTreeSet<String>>,
    changed: watch::Sender<u64>,
    work: Work,
    running: AtomicU32,
    most: AtomicU32,
    runs: AtomicU32,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Services")
    }
}

#[derive(Debug, Clone)]
struct OneNode(Arc<Services>);

impl Worker for OneNode {
    fn rooms(&self) -> Vec<Room> {
        let names = self.0.names.lock();
        let running = self.0.running.load(Ordering::SeqCst);
        let room = |name: &String| Room {
            service: ServiceName::new(name).unwrap(),
            free: PERMITS.saturating_sub(running),
            limit: PERMITS,
        };
        names.iter().map(room).collect()
    }

    fn run(&self, envelope: Envelope) -> BoxFuture<'static, Result<Reply, Fault>> {
        let services = Arc::clone(&self.0);
        Box::pin(async move {
            let running = services.running.fetch_add(1, Ordering::SeqCst) + 1;
            let _place = Place(Arc::clone(&services));
            services.most.fetch_max(running, Ordering::SeqCst);
            services.runs.fetch_add(1, Ordering::SeqCst);
            let body = (services.work)(&envelope).await?;
            Ok(Reply {
                body,
                ..Reply::default()
            })
        })
    }

    fn version(&self, service: &ServiceName) -> Option<String> {
        let names = self.0.names.lock();
        names
            .contains(service.as_str())
            .then(|| format!("code of {service}"))
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }
}

struct Place(Arc<Services>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    root: Supervisor,
    worker: OneNode,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    folder: TempDir,
}

impl Bench {
    pub(crate) async fn start(work: impl Fn(&Envelope) -> Answer + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            lease: LEASE,
            ..Limits::default()
        };
        let mut config = SqliteConfig::new(folder.path().join("bus.db"));
        config.limits = limits;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(config).await.unwrap());
        let worker = OneNode(Arc::new(Services {
            names: Mutex::new(BTreeSet::from(["a".to_owned()])),
            changed: watch::Sender::new(0),
            work: Box::new(work),
            running: AtomicU32::new(0),
            most: AtomicU32::new(0),
            runs: AtomicU32::new(0),
        }));
        // The tree's names are per process, and tests share one.
        let node = format!("node{}", fastrand::u64(..));
        let tree = Tree::new(&node);
        let (root, _end) = Supervisor::start_root(&tree, SupervisorSpec::new(&node))
            .await
            .unwrap();
        let keeping = keeper::Parts {
            store: Arc::clone(&store),
            events: Events::new(&node),
            metrics: Metrics::new(),
            health: Health::default(),
        };
        let taking = intake::Parts {
            store: Arc::clone(&store),
            worker: Arc::new(worker.clone()),
            limits,
        };
        root.start_child(keeper::spec(&keeping)).await.unwrap();
        root.start_child(intake::spec(&taking)).await.unwrap();
        Self {
            store,
            root,
            worker,
            events: keeping.events,
            metrics: keeping.metrics,
            health: keeping.health,
            folder,
        }
    }

    /// Makes a service known.
    pub(crate) fn deploy(&self, name: &str) {
        self.worker.0.names.lock().insert(name.to_owned());
        self.worker.0.changed.send_modify(|count| *count += 1);
    }

    /// Runs SQL on the file of the store, as nobody should.
    pub(crate) fn tamper(&self, sql: &str) {
        let file = self.folder.path().join("bus.db");
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.busy_timeout(SOON).unwrap();
        assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
    }

    /// Waits until the bus says that it is so.
    pub(crate) async fn until_it_is(&self, health: BusHealth) {
        let end = tokio::time::Instant::now() + SOON;
        while self.health.get() != health {
            assert!(tokio::time::Instant::now() < end, "{:?}", self.health.get());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn most_at_once(&self) -> u32 {
        self.worker.0.most.load(Ordering::SeqCst)
    }

    pub(crate) fn runs(&self) -> u32 {
        self.worker.0.runs.load(Ordering::SeqCst)
    }

    pub(crate) async fn publish(&self, envelope: Envelope) -> Cid {
        let cid = envelope.cid;
        self.store.publish(envelope).await.unwrap();
        cid
    }

    pub(crate) async fn status(&self, cid: Cid) -> InvocationStatus {
        self.store.status(cid).await.unwrap().unwrap()
    }

    /// Waits until an invocation is somewhere.
    pub(crate) async fn until(&self, cid: Cid, state: InvocationState) -> InvocationStatus {
        let end = tokio::time::Instant::now() + SOON;
        loop {
            let status = self.status(cid).await;
            if status.state == state {
                return status;
            }
            assert!(tokio::time::Instant::now() < end, "{status:?}");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// Stops the actors; the store stays.
    pub(crate) async fn stop(self) -> Arc<dyn Store> {
        self.root.stop().await;
        self.store
    }
}

pub(crate) fn envelope(service: &str) -> Envelope {
    Envelope {
        cid: Cid::mint(),
        service: ServiceName::new(service).unwrap(),
        delivery: Delivery::Durable,
        head: Head {
            accepted_ms: unix_ms(),
            channel: ChannelKind::InvokeAsync,
            data_format: DataFormat::Json,
            not_before_ms: None,
            deadline_ms: None,
            key: None,
            traceparent: None,
            principal: None,
            parent: None,
            job: None,
        },
        payload: Payload::Json(Bytes::from_static(b"{\"n\":1}")),
        raw: None,
    }
}

/// Whether a cid is seen for the first time.
pub(crate) fn first_time(cid: Cid) -> bool {
    static SEEN: Mutex<Option<HashSet<Cid>>> = Mutex::new(None);
    SEEN.lock().get_or_insert_default().insert(cid)
}
