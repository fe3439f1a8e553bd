//! A stand-in for an engine: it runs nothing, reads a file as a list of what it would do, and remembers what it was asked.
//!
//! `service NAME` defines a service, `needs PATH` imports another file of the set, `broken WHY` fails to import, and
//! `breaks-when-loaded WHY` fails only outside of verification.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use busker_model::{
    ErrorClass, Exception, Fault, Origin, Reply, ServiceDefinition, ServiceName, SourceFrame,
};
use busker_service::ports::{BoxFuture, Engine, Loaded, PackageFile, PackageSet, Rejected};
use busker_service::{Context, Runner};
use parking_lot::Mutex;

/// What the stand-in was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Paths of the files.
    Verify(Vec<String>),
    /// Number and paths.
    Load(u64, Vec<String>),
    /// Number.
    Retire(u64),
}

#[derive(Debug, Default)]
struct Inner {
    asked: Mutex<Vec<Asked>>,
    loaded: Mutex<BTreeSet<u64>>,
    away: AtomicBool,
    panics: AtomicBool,
    fails_to_load: Mutex<BTreeSet<String>>,
}

/// The stand-in. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct StandIn(Arc<Inner>);

impl StandIn {
    /// Everything asked since the last look.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.0.asked.lock())
    }

    /// Generations that are loaded and not retired.
    pub(crate) fn loaded(&self) -> Vec<u64> {
        self.0.loaded.lock().iter().copied().collect()
    }

    /// As without an interpreter.
    pub(crate) fn set_away(&self, away: bool) {
        self.0.away.store(away, SeqCst);
    }

    /// The next verification panics.
    pub(crate) fn panic_once(&self) {
        self.0.panics.store(true, SeqCst);
    }

    /// From now on, a file with this text in it fails when it is loaded, though not when it is verified.
    pub(crate) fn fail_to_load(&self, text: &str) {
        self.0.fails_to_load.lock().insert(text.to_owned());
    }

    fn ask(&self, asked: Asked) -> Result<(), Rejected> {
        self.0.asked.lock().push(asked);
        if !self.0.away.load(SeqCst) {
            return Ok(());
        }
        let fault = Fault::new(ErrorClass::Unavailable, "no interpreter: install one");
        Err(Rejected {
            package: None,
            file: None,
            fault: fault.code("python-missing"),
        })
    }

    fn read(&self, files: &PackageSet, number: u64) -> Result<Vec<ServiceDefinition>, Rejected> {
        let mut definitions: Vec<ServiceDefinition> = Vec::new();
        for file in files {
            let text = String::from_utf8_lossy(&file.bytes);
            if number > 0 {
                let failing = self.0.fails_to_load.lock();
                if let Some(why) = failing.iter().find(|why| text.contains(*why)) {
                    return Err(rejected(file, 1, &format!("{why} cannot be loaded")));
                }
            }
            for (line, directive) in (1..).zip(text.lines()) {
                match directive.split_once(' ') {
                    Some(("service", name)) => {
                        let definition = definition(file, name, number);
                        if definitions
                            .iter()
                            .any(|known| known.name == definition.name)
                        {
                            let mut refused = rejected(file, line, "a name that is taken");
                            refused.fault.class = ErrorClass::Conflict;
                            return Err(refused);
                        }
                        definitions.push(definition);
                    }
                    Some(("needs", path)) if !files.iter().any(|other| other.path == path) => {
                        return Err(rejected(file, line, &format!("there is no {path}")));
                    }
                    Some(("broken", why)) => return Err(rejected(file, line, why)),
                    Some(("breaks-when-loaded", why)) if number > 0 => {
                        return Err(rejected(file, line, why));
                    }
                    Some(_) | None => {}
                }
            }
        }
        Ok(definitions)
    }
}

fn definition(file: &PackageFile, name: &str, number: u64) -> ServiceDefinition {
    let origin = Origin::Python {
        package: file.package,
        file: file.path.clone(),
        pool: "default".to_owned(),
    };
    let mut definition = ServiceDefinition::new(ServiceName::new(name).unwrap(), name, origin);
    definition.generation = number;
    definition
}

fn rejected(file: &PackageFile, line: u32, why: &str) -> Rejected {
    let frame = SourceFrame {
        file: file.path.clone(),
        line,
        function: "<module>".to_owned(),
        source: why.to_owned(),
    };
    let exception = Exception {
        kind: "StandInError".to_owned(),
        message: why.to_owned(),
        frames: vec![frame],
        cause: None,
        service: None,
    };
    Rejected {
        package: Some(file.package),
        file: Some(file.path.clone()),
        fault: Fault::invalid(format!("line {line}: {why}")).exception(exception),
    }
}

fn paths(files: &PackageSet) -> Vec<String> {
    files.iter().map(|file| file.path.clone()).collect()
}

impl Engine for StandIn {
    fn name(&self) -> &'static str {
        "python"
    }

    fn endings(&self) -> &'static [&'static str] {
        &["py", "zip"]
    }

    fn verify(
        &self,
        files: PackageSet,
    ) -> BoxFuture<'static, Result<Vec<ServiceDefinition>, Rejected>> {
        let engine = self.clone();
        Box::pin(async move {
            engine.ask(Asked::Verify(paths(&files)))?;
            assert!(!engine.0.panics.swap(false, SeqCst), "the stand-in panics");
            engine.read(&files, 0)
        })
    }

    fn load(
        &self,
        generation: u64,
        files: PackageSet,
    ) -> BoxFuture<'static, Result<Loaded, Rejected>> {
        let engine = self.clone();
        Box::pin(async move {
            engine.ask(Asked::Load(generation, paths(&files)))?;
            let definitions = engine.read(&files, generation)?;
            assert!(engine.0.loaded.lock().insert(generation), "loaded twice");
            let runner =
                |definition| Arc::new(StandInRunner(Arc::new(definition))) as Arc<dyn Runner>;
            Ok(Loaded {
                generation,
                services: definitions.into_iter().map(runner).collect(),
            })
        })
    }

    fn retire(&self, generation: u64, _grace: Duration) -> BoxFuture<'static, ()> {
        let engine = self.clone();
        Box::pin(async move {
            engine.0.asked.lock().push(Asked::Retire(generation));
            engine.0.loaded.lock().remove(&generation);
        })
    }

    fn status(&self) -> serde_json::Value {
        serde_json::json!({"engine": "stand-in"})
    }
}

/// A service that answers nothing.
#[derive(Debug)]
pub(crate) struct StandInRunner(pub(crate) Arc<ServiceDefinition>);

impl Runner for StandInRunner {
    fn definition(&self) -> &Arc<ServiceDefinition> {
        &self.0
    }

    fn run(&self, _context: Context) -> BoxFuture<'static, Result<Reply, Fault>> {
        Box::pin(std::future::ready(Ok(Reply::default())))
    }
}
