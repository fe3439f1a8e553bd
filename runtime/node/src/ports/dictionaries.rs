//! Translations of data dictionaries, remembered for a while.
//!
//! What is remembered was read at a revision of the cluster, and counts as long as that is the newest this node has heard
//! of: every write of dictionaries takes a revision, and the database tells it to all nodes when it commits. A word that
//! got lost on the way costs [`REMEMBERED_FOR`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_kit::clock;
use busker_model::Fault;
use busker_odb::Odb;
use busker_odb::dictionaries::Item;
use busker_service::ports::Term;
use busker_service::{BoxFuture, Dictionaries};
use dashmap::DashMap;
use tokio::sync::watch;

/// Translations remembered; when there are as many, all are forgotten.
const REMEMBERED: usize = 4_096;
/// Longest time one is remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(10);

/// Asks the database what it does not remember. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct OdbDictionaries {
    odb: Odb,
    newest: watch::Receiver<i64>,
    known: Arc<DashMap<Term, Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    /// Newest revision that was heard of before it was read.
    revision: i64,
    until: Instant,
    value: Option<Arc<str>>,
}

impl OdbDictionaries {
    pub(crate) fn new(odb: &Odb) -> Self {
        Self {
            newest: odb.subscribe(),
            odb: odb.clone(),
            known: Arc::default(),
        }
    }

    fn remembered(&self, term: &Term, revision: i64) -> Option<Known> {
        let known = self.known.get(term)?;
        let holds = known.revision == revision && clock::now() < known.until;
        holds.then(|| known.clone())
    }

    async fn ask(self, term: Term, revision: i64) -> Result<Option<Arc<str>>, Fault> {
        let from = Item::new(&term.system1, &term.key1, &term.value1);
        let dictionaries = self.odb.dictionaries();
        let found = dictionaries
            .translate(&from, &term.system2, &term.key2)
            .await?;
        let value: Option<Arc<str>> = found.map(Into::into);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let known = Known {
            revision,
            until: clock::now() + REMEMBERED_FOR,
            value: value.clone(),
        };
        self.known.insert(term, known);
        Ok(value)
    }
}

impl Dictionaries for OdbDictionaries {
    fn translate(&self, term: Term) -> BoxFuture<'static, Result<Option<Arc<str>>, Fault>> {
        let revision = *self.newest.borrow();
        match self.remembered(&term, revision) {
            Some(known) => Box::pin(std::future::ready(Ok(known.value))),
            None => Box::pin(self.clone().ask(term, revision)),
        }
    }
}

#[cfg(test)]
mod tests {
    use busker_odb::OdbConfig;
    use busker_odb::dictionaries::Path;

    use super::*;

    fn term(value: &str) -> Term {
        let [system1, key1, value1, system2, key2] = ["a", "b", value, "c", "d"].map(str::to_owned);
        Term {
            system1,
            key1,
            value1,
            system2,
            key2,
        }
    }

    #[tokio::test]
    async fn what_is_remembered_goes_with_the_next_write_and_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let odb = Odb::open(OdbConfig::sqlite(folder.path().join("odb.db")));
        let odb = odb.await.unwrap();
        odb.migrate().await.unwrap();
        let dictionaries = OdbDictionaries::new(&odb);
        let kept = odb.dictionaries();
        let (from, to) = (Item::new("a", "b", "x"), Item::new("c", "d", "1"));
        kept.create(from.clone()).await.unwrap();
        let target = kept.create(to.clone()).await.unwrap();
        assert_eq!(dictionaries.translate(term("x")).await.unwrap(), None);
        kept.link(Path { from, to }).await.unwrap();
        for _ in 0..2 {
            let found = dictionaries.translate(term("x")).await.unwrap();
            assert_eq!(found.as_deref(), Some("1"));
        }
        assert_eq!(dictionaries.known.len(), 1);
        kept.edit(target.number, Item::new("c", "d", "2"))
            .await
            .unwrap();
        let found = dictionaries.translate(term("x")).await.unwrap();
        assert_eq!(found.as_deref(), Some("2"));
        for number in 0..REMEMBERED {
            dictionaries
                .translate(term(&number.to_string()))
                .await
                .unwrap();
        }
        assert!(dictionaries.known.len() <= REMEMBERED);
    }
}
