//! The mount table: which channel answers a path.
//!
//! Exact paths live in a concurrent hash map, so that one edit among 100,000 channels touches one entry; patterns live
//! in a radix tree that is rebuilt on a change of a pattern and swapped whole. A request reads both without waiting.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use busker_connector_http::ChannelSettings;
use busker_kit::{Gate, Seat};
use busker_model::ServiceName;
use busker_security::Definition;
use dashmap::DashMap;

use crate::channel::Shut;
use crate::limiter::Limiter;
use crate::stats::ChannelStats;

/// What a channel published: everything the front needs to serve a request.
#[derive(Debug)]
pub struct Route {
    /// Name of the channel.
    pub name: String,
    /// Settings.
    pub settings: Arc<ChannelSettings>,
    /// The service it invokes.
    pub service: ServiceName,
    /// Who may call; `None` means anyone.
    pub security: Option<Definition>,
    /// What bounds its requests per time.
    pub limiters: Vec<Arc<Limiter>>,
    /// Why it takes no requests; `None` when it does.
    pub shut: Option<Shut>,
    /// Permits; `None` when the channel sets no bound of its own.
    pub gate: Option<Gate>,
    /// Counters.
    pub stats: ChannelStats,
    /// Where it shows its state.
    pub seat: Seat,
    /// Whether its service has been there since it was mounted.
    pub had_service: AtomicBool,
}

/// A clash found while mounting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountError(pub String);

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MountError {}

/// Channels of one path, by SOAP action; plain HTTP uses the empty action.
type ByAction = Vec<Arc<Route>>;

#[derive(Debug, Default)]
struct Patterns {
    router: matchit::Router<Arc<ByAction>>,
    sources: BTreeMap<String, ByAction>,
}

/// A channel that was found, and the parameters of its pattern, still percent-encoded.
#[derive(Debug)]
pub struct Found {
    /// The channel; with `rivals`, the one that takes what they do not, or just one of them.
    pub route: Arc<Route>,
    /// Parameters in order.
    pub params: Vec<(String, String)>,
    /// Channels that take the request if an element they name is in its body. Mostly there are none.
    pub rivals: Vec<Arc<Route>>,
}

impl Found {
    /// Settles whose the request is once its body is known: `takes` tells whether it holds an element of that name.
    /// `None` when all channels here want another one.
    #[must_use]
    pub fn settled(mut self, takes: impl Fn(&str) -> bool) -> Option<Self> {
        let mut rivals = std::mem::take(&mut self.rivals).into_iter();
        if let Some(route) = rivals.find(|rival| takes(&rival.settings.soap_element)) {
            return Some(Self { route, ..self });
        }
        self.route.settings.soap_element.is_empty().then_some(self)
    }
}

/// The table. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Mount {
    exact: Arc<DashMap<String, ByAction>>,
    patterns: Arc<ArcSwap<Patterns>>,
}

impl Mount {
    /// Mounts a channel, replacing one of the same name on the same path.
    ///
    /// # Errors
    /// When its pattern clashes with another one.
    pub fn insert(&self, route: Arc<Route>) -> Result<(), MountError> {
        let path = route.settings.url_path.clone();
        if !is_pattern(&path) {
            put(&mut self.exact.entry(path).or_default(), route);
            return Ok(());
        }
        self.change_patterns(|sources| {
            put(sources.entry(path.clone()).or_default(), Arc::clone(&route))
        })
    }

    /// Takes a channel out, if it is still the one mounted.
    pub fn remove(&self, route: &Arc<Route>) {
        let path = &route.settings.url_path;
        if is_pattern(path) {
            let removed = self.change_patterns(|sources| {
                if let Some(routes) = sources.get_mut(path) {
                    routes.retain(|other| !Arc::ptr_eq(other, route));
                }
                sources.retain(|_, routes| !routes.is_empty());
            });
            if let Err(error) = removed {
                tracing::error!("patterns could not be rebuilt: {error}");
            }
            return;
        }
        if let Some(mut routes) = self.exact.get_mut(path) {
            routes.retain(|other| !Arc::ptr_eq(other, route));
        }
        self.exact.remove_if(path, |_, routes| routes.is_empty());
    }

    /// The channel for a path and SOAP action (empty for plain HTTP). An exact path beats a pattern.
    #[must_use]
    pub fn find(&self, path: &str, action: &str) -> Option<Found> {
        if let Some((route, rivals)) = self
            .exact
            .get(path)
            .and_then(|routes| pick(&routes, action))
        {
            return Some(Found {
                route,
                params: Vec::new(),
                rivals,
            });
        }
        let patterns = self.patterns.load();
        let matched = patterns.router.at(path).ok()?;
        let params = matched
            .params
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        pick(matched.value, action).map(|(route, rivals)| Found {
            route,
            params,
            rivals,
        })
    }

    /// All channels that a request to this path may be for.
    #[must_use]
    pub fn on(&self, path: &str) -> Vec<Arc<Route>> {
        let exact = self.exact.get(path).map(|routes| routes.clone());
        exact.unwrap_or_else(|| {
            let patterns = self.patterns.load();
            let matched = patterns.router.at(path);
            matched.map_or_else(|_| Vec::new(), |matched| matched.value.to_vec())
        })
    }

    /// All mounted channels, sorted by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Route>> {
        let mut all: Vec<_> = self
            .exact
            .iter()
            .flat_map(|routes| routes.clone())
            .collect();
        all.extend(self.patterns.load().sources.values().flatten().cloned());
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Channels of one path as configured.
    #[must_use]
    pub fn at(&self, url_path: &str) -> Vec<Arc<Route>> {
        let patterns = self.patterns.load();
        let exact = self.exact.get(url_path).map(|routes| routes.clone());
        exact
            .or_else(|| patterns.sources.get(url_path).cloned())
            .unwrap_or_default()
    }

    /// Rebuilds the radix tree from changed sources and swaps it in; concurrent changes are taken in turn.
    fn change_patterns(
        &self,
        change: impl Fn(&mut BTreeMap<String, ByAction>),
    ) -> Result<(), MountError> {
        loop {
            let before = self.patterns.load_full();
            let mut sources = before.sources.clone();
            change(&mut sources);
            let mut router = matchit::Router::new();
            for (path, routes) in &sources {
                router
                    .insert(path.clone(), Arc::new(routes.clone()))
                    .map_err(|error| MountError(format!("url_path {path:?}: {error}")))?;
            }
            let next = Arc::new(Patterns { router, sources });
            let seen = self.patterns.compare_and_swap(&before, next);
            if Arc::ptr_eq(&seen, &before) {
                return Ok(());
            }
        }
    }
}

fn is_pattern(path: &str) -> bool {
    path.contains('{')
}

fn put(routes: &mut ByAction, route: Arc<Route>) {
    let same = |other: &Arc<Route>| {
        other.name == route.name && other.settings.transport == route.settings.transport
    };
    match routes.iter_mut().find(|other| same(other)) {
        Some(place) => *place = route,
        None => routes.push(route),
    }
}

/// The channel of an action; a SOAP channel without an action of its own takes any. Those that go by an element of the
/// body come with it, unless the action says it all.
fn pick(routes: &[Arc<Route>], action: &str) -> Option<(Arc<Route>, ByAction)> {
    let by_action = |route: &&Arc<Route>| route.settings.soap_action == action;
    if !action.is_empty()
        && let Some(route) = routes.iter().find(by_action)
    {
        return Some((Arc::clone(route), Vec::new()));
    }
    let first = |goes_by_element: bool| {
        routes.iter().find(|route| {
            let settings = &route.settings;
            settings.soap_action.is_empty() && settings.soap_element.is_empty() != goes_by_element
        })
    };
    let route = first(false).or_else(|| first(true))?;
    let rivals = routes.iter();
    let rivals = rivals.filter(|route| !route.settings.soap_element.is_empty());
    Some((Arc::clone(route), rivals.cloned().collect()))
}
