//! The whole way with the real Python host.

use std::sync::{Arc, OnceLock};

use busker_kit::{ChildSpec, RootEnd, Supervisor, SupervisorSpec, Tree, clock};
use busker_model::{ErrorClass, Fault, Origin};
use busker_odb::{Odb, OdbConfig};
use busker_packages::{Packages, Parts};
use busker_python::{PythonConfig, PythonHost};
use busker_service::Engine;
use busker_services::{Directory, ServiceFamily};
use busker_telemetry::Events;

use crate::bench::Home;

const SERVICE: &str = "market.get-quote";

fn source(answer: &str) -> String {
    format!(
        "from zato.server.service import Service\nclass GetQuote(Service):\n    name = '{SERVICE}'\n    \
         def handle(self):\n        self.response.payload = {{'quote': {answer}}}\n"
    )
}

struct Node {
    packages: Packages,
    directory: Directory,
    root: Supervisor,
    _end: RootEnd,
    _home: Home,
}

impl Node {
    async fn start() -> Self {
        let home = Home::new();
        let odb = Odb::open(OdbConfig::sqlite(home.path().join("odb.db"))).await;
        let odb = odb.unwrap();
        odb.migrate().await.unwrap();
        let tree = Tree::new("node1");
        let mut spec = SupervisorSpec::new("node1");
        for name in ["services", "python", "packages"] {
            spec = spec.child(ChildSpec::supervisor(SupervisorSpec::new(name)));
        }
        let (root, end) = Supervisor::start_root(&tree, spec).await.unwrap();
        let mut config = PythonConfig::new(home.path().join("python"), "node1");
        config.workers = 1;
        config.environment = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
        let under = root.supervisor("python").await.unwrap();
        let host = PythonHost::start(config, Arc::new(OnceLock::new()), under).await;
        let directory = Directory::default();
        let services = root.supervisor("services").await.unwrap();
        let parts = Parts {
            odb,
            node: "node1".to_owned(),
            engines: vec![host.unwrap() as Arc<dyn Engine>],
            services: ServiceFamily::new(services, &directory),
            events: Events::new("node1"),
            pickup: home.pickup(),
            static_sources: Vec::new(),
        };
        let supervisor = root.supervisor("packages").await.unwrap();
        let packages = Packages::start(parts, &supervisor).await.unwrap();
        packages.settled().await;
        Self {
            packages,
            directory,
            root,
            _end: end,
            _home: home,
        }
    }

    async fn deploy(&self, name: &str, text: String) -> Result<i64, Fault> {
        let (bytes, who) = (text.into(), "ann".to_owned());
        let deployed = self.packages.deploy(name.to_owned(), bytes, who).await;
        deployed.map(|deployed| deployed.package)
    }

    fn serving(&self) -> Option<i64> {
        let entry = self.directory.get(SERVICE)?;
        match entry.runner.definition().origin {
            Origin::Python { package, .. } => Some(package),
            Origin::Internal | Origin::Rust => None,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn python_code_goes_live_fails_and_comes_back() {
    let node = Node::start().await;
    let first = node.deploy("market.py", source("1")).await.unwrap();
    assert_eq!(node.serving(), Some(first));
    let began = clock::now();
    let second = node.deploy("market.py", source("2")).await.unwrap();
    println!("deploy to live: {:?}", began.elapsed());
    assert_eq!(node.serving(), Some(second));

    let broken = node.deploy("market.py", "def broken(:\n".to_owned()).await;
    let fault = broken.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Invalid);
    assert!(fault.message.contains("market.py, line 1"), "{fault}");

    let fault = node.deploy("other.py", source("3")).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Conflict, "{fault}");
    for named in ["market.py", "other.py", SERVICE] {
        assert!(fault.message.contains(named), "{fault}");
    }

    let needs = "import no_such_library\n".to_owned();
    let fault = node.deploy("needs.py", needs).await.unwrap_err();
    assert!(fault.message.contains("no_such_library"), "{fault}");
    assert_eq!(node.serving(), Some(second));

    let began = clock::now();
    let (name, who) = ("market.py".to_owned(), "ann".to_owned());
    let back = node.packages.rollback(name, None, who).await.unwrap();
    println!("rollback to live: {:?}", began.elapsed());
    assert_eq!(node.serving(), Some(back.package));
    node.root.stop().await;
}
