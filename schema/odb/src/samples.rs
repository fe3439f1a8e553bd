//! Invocations kept to be looked at: every n-th one of a service, and those that took too long. They come masked and cut;
//! this is where old ones go.

use busker_kit::clock::unix_ms;
use futures::FutureExt;
use serde::Serialize;
use serde_json::Value;

use crate::error::{OdbError, Result};
use crate::odb::{Odb, one};
use crate::random;
use crate::store::{Tx, bulk};
use crate::value::{Row, SqlValue, values};

/// Rows kept of one kind for one service.
pub const KEPT_PER_SERVICE: i64 = 200;
/// Rows kept in all.
pub const KEPT_IN_ALL: i64 = 20_000;
/// A row is forgotten so many milliseconds after its invocation began: a week.
pub const KEPT_MS: i64 = 7 * 86_400_000;
/// Longest page of a list.
pub const SAMPLE_PAGE: i64 = 1_000;
/// Longest text kept of a request or an answer, in bytes.
pub const BODY_BYTES: usize = 16 * 1024;

/// Why an invocation is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleKind {
    /// Every n-th one.
    Sample,
    /// It took longer than the threshold of its service.
    Slow,
}

impl SampleKind {
    /// The word it is kept under.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Slow => "slow",
        }
    }
}

/// What is kept of a request or an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SampleBody {
    /// The text, secrets masked, at most [`BODY_BYTES`].
    pub text: String,
    /// Bytes it had.
    pub bytes: i64,
    /// `whole`, `cut`, `withheld` when it could not be masked, `too-large` to be looked at.
    pub state: String,
    /// Values that were masked.
    pub masked: i64,
}

/// What is known of an invocation beside its payloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SampleHead {
    /// Service.
    pub service: String,
    /// cid.
    pub cid: String,
    /// Node it ran on.
    pub node: String,
    /// Code that ran, such as `stockmarket.GetMarketCap of stockmarket.py, package 53`.
    pub version: String,
    /// Generation that ran.
    pub generation: i64,
    /// When it began, epoch milliseconds.
    pub started_ms: i64,
    /// Time it took, in microseconds.
    pub took_micros: i64,
    /// Threshold of its service, in microseconds.
    pub threshold_micros: i64,
    /// `ok`, or the class of the failure.
    pub outcome: String,
    /// Way it came: channel, format, transport, caller, parameters.
    pub origin: Value,
}

/// What to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleWrite {
    /// Why.
    pub kind: SampleKind,
    /// What is known of it.
    pub head: SampleHead,
    /// What was asked.
    pub request: SampleBody,
    /// What was answered, or why it failed.
    pub response: SampleBody,
}

/// A row without its payloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SampleRow {
    /// Sorts by time.
    pub id: String,
    /// `sample` or `slow`.
    pub kind: String,
    /// What is known of it.
    pub head: SampleHead,
    /// Bytes of the request.
    pub request_bytes: i64,
    /// Bytes of the answer.
    pub response_bytes: i64,
}

/// A whole row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// `sample` or `slow`.
    pub kind: String,
    /// What is known of it.
    pub head: SampleHead,
    /// What was asked.
    pub request: SampleBody,
    /// What was answered, or why it failed.
    pub response: SampleBody,
}

macro_rules! head {
    () => {
        "service, cid, node, version, generation, started_ms, took_micros, threshold_micros, outcome, head"
    };
}

const INTO: &str = concat!(
    "service_sample (id, kind, ",
    head!(),
    ", request, request_bytes, request_state, request_masked, ",
    "response, response_bytes, response_state, response_masked)"
);
const LIST: &str = concat!(
    "SELECT id, kind, request_bytes, response_bytes, ",
    head!(),
    " FROM service_sample WHERE kind = $1 AND ($2 = '' OR service = $2) ",
    "ORDER BY id DESC LIMIT $3 OFFSET $4"
);
const COUNT: &str =
    "SELECT COUNT(*) FROM service_sample WHERE kind = $1 AND ($2 = '' OR service = $2)";
const GET: &str = concat!(
    "SELECT kind, request, request_bytes, request_state, request_masked, ",
    "response, response_bytes, response_state, response_masked, ",
    head!(),
    " FROM service_sample WHERE cid = $1 AND ($2 = '' OR service = $2) AND ($3 = '' OR kind = $3) ",
    "ORDER BY id DESC LIMIT $4"
);
const DELETE: &str = "DELETE FROM service_sample WHERE kind = $1 AND service = $2 \
    AND ($3 = '' OR cid = $3) RETURNING id";
const PRUNE: &str = "DELETE FROM service_sample WHERE kind = $1 AND service = $2 AND id <= \
    (SELECT id FROM service_sample WHERE kind = $1 AND service = $2 ORDER BY id DESC LIMIT 1 OFFSET $3)";
const FORGET: &str = "DELETE FROM service_sample WHERE started_ms < $1";
const FORGET_MORE: &str = "DELETE FROM service_sample WHERE id <= \
    (SELECT id FROM service_sample ORDER BY id DESC LIMIT 1 OFFSET $1)";

/// Rows of one cid that are looked at: retries and nested invocations share it.
const SAME_CID: i64 = 100;

/// Operations on kept invocations.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a>(&'a Odb);

impl<'a> Samples<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Keeps these, in their order; of each service the oldest beyond [`KEPT_PER_SERVICE`] go.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn keep(&self, batch: Vec<SampleWrite>) -> Result<()> {
        let now = unix_ms();
        let mut rows = Vec::with_capacity(batch.len());
        let mut lines: Vec<(&'static str, String)> = Vec::new();
        for (index, write) in batch.into_iter().enumerate() {
            let line = (write.kind.as_str(), write.head.service.clone());
            if !lines.contains(&line) {
                lines.push(line);
            }
            // Fixed widths, so that text sorts like time; the random end tells nodes apart.
            let id = format!("{now:013}-{index:05}-{}", random::hex::<4>()?);
            rows.push(row_of(id, write));
        }
        self.0.write(move |tx| keep(tx, rows, lines).boxed()).await
    }

    /// Forgets what is too old or too much.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn forget_old(&self, now_ms: i64) -> Result<()> {
        self.0.query(FORGET, values![now_ms - KEPT_MS]).await?;
        self.0
            .query(FORGET_MORE, values![KEPT_IN_ALL])
            .await
            .map(drop)
    }

    /// A page of one kind, newest first, of one service or of all when that is empty; and how many there are.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn list(
        &self,
        kind: SampleKind,
        service: &str,
        offset: i64,
        limit: i64,
    ) -> Result<(i64, Vec<SampleRow>)> {
        let service = service.to_owned();
        self.0
            .read(move |tx| {
                async move {
                    let count = values![kind.as_str(), service.as_str()];
                    let total = one(tx.query(COUNT, count).await?, "count")?.int()?;
                    let limit = limit.clamp(0, SAMPLE_PAGE);
                    let page = values![kind.as_str(), service, limit, offset];
                    let rows = tx.query(LIST, page).await?;
                    let rows: Result<Vec<SampleRow>> = rows.into_iter().map(listed).collect();
                    Ok((total, rows?))
                }
                .boxed()
            })
            .await
    }

    /// Those of a cid, newest first, of one service and one kind where they are named.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn of_cid(
        &self,
        cid: &str,
        service: &str,
        kind: Option<SampleKind>,
    ) -> Result<Vec<Sample>> {
        let kind = kind.map_or("", SampleKind::as_str);
        let rows = self.0.query(GET, values![cid, service, kind, SAME_CID]);
        rows.await?.into_iter().map(sample_of).collect()
    }

    /// Deletes those of a service, or of one cid of it when that is not empty; answers how many there were.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn delete(&self, kind: SampleKind, service: &str, cid: &str) -> Result<usize> {
        let query = values![kind.as_str(), service, cid];
        Ok(self.0.query(DELETE, query).await?.len())
    }
}

async fn keep(
    tx: &mut dyn Tx,
    rows: Vec<[SqlValue; 20]>,
    lines: Vec<(&'static str, String)>,
) -> Result<()> {
    bulk::insert(tx, INTO, "", rows).await?;
    for (kind, service) in lines {
        tx.query(PRUNE, values![kind, service, KEPT_PER_SERVICE])
            .await?;
    }
    Ok(())
}

fn row_of(id: String, write: SampleWrite) -> [SqlValue; 20] {
    let SampleWrite {
        kind,
        head,
        request,
        response,
    } = write;
    [
        id.into(),
        kind.as_str().into(),
        head.service.into(),
        head.cid.into(),
        head.node.into(),
        head.version.into(),
        head.generation.into(),
        head.started_ms.into(),
        head.took_micros.into(),
        head.threshold_micros.into(),
        head.outcome.into(),
        head.origin.to_string().into(),
        request.text.into(),
        request.bytes.into(),
        request.state.into(),
        request.masked.into(),
        response.text.into(),
        response.bytes.into(),
        response.state.into(),
        response.masked.into(),
    ]
}

fn head_of(row: &mut Row) -> Result<SampleHead> {
    Ok(SampleHead {
        service: row.text()?,
        cid: row.text()?,
        node: row.text()?,
        version: row.text()?,
        generation: row.int()?,
        started_ms: row.int()?,
        took_micros: row.int()?,
        threshold_micros: row.int()?,
        outcome: row.text()?,
        origin: serde_json::from_str(&row.text()?).map_err(OdbError::corrupt)?,
    })
}

fn listed(mut row: Row) -> Result<SampleRow> {
    Ok(SampleRow {
        id: row.text()?,
        kind: row.text()?,
        request_bytes: row.int()?,
        response_bytes: row.int()?,
        head: head_of(&mut row)?,
    })
}

fn sample_of(mut row: Row) -> Result<Sample> {
    Ok(Sample {
        kind: row.text()?,
        request: body_of(&mut row)?,
        response: body_of(&mut row)?,
        head: head_of(&mut row)?,
    })
}

fn body_of(row: &mut Row) -> Result<SampleBody> {
    Ok(SampleBody {
        text: row.text()?,
        bytes: row.int()?,
        state: row.text()?,
        masked: row.int()?,
    })
}
