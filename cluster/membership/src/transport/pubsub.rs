//! Sessions over Redis pub/sub, for networks in which nodes reach Redis but not each other.
//!
//! Whatever Redis loses would put a stream of bytes out of step for good: so each frame has a number and a tag, and a gap,
//! a silence, a frame that nobody took, or a connection that broke ends the stream. It is never mended; the session is
//! made anew. While Redis is away there are no sessions.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use busker_kit::Pump;
use busker_model::Fault;
use deadpool_redis::redis::aio::{MultiplexedConnection, PubSub};
use deadpool_redis::redis::{self, Msg};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
    duplex, split,
};
use tokio::time::timeout;

use super::{Accepted, Accepting, Listener, Target, Way, failed};
use crate::limits::{
    PIPE_BUFFER, PIPE_FRAME, PIPE_KEEPALIVE, PIPE_SILENCE, PUBLISH_TIMEOUT, REDIS_OPEN_TIMEOUT,
};
use crate::member::MemberId;
use crate::redis::{Link, RedisAddress};
use crate::secret::{ClusterKeys, TAG};
use crate::stream::BoxBytes;

/// Length of what comes before the data of a frame: its number and its tag.
const PREAMBLE: usize = 8 + TAG;

/// The way over Redis.
#[derive(Debug, Clone)]
pub struct PubSubTransport {
    link: Arc<Link>,
    keys: ClusterKeys,
    me: MemberId,
}

/// Asks a node to meet on a pair of channels.
#[derive(Debug, Serialize, Deserialize)]
struct Knock {
    pipe: String,
}

impl PubSubTransport {
    /// A way; nothing is connected yet.
    ///
    /// # Errors
    /// `Invalid` when the URL is none.
    pub fn new(redis: &RedisAddress, keys: &ClusterKeys, me: &MemberId) -> Result<Self, Fault> {
        Ok(Self {
            link: Arc::new(Link::open(redis)?),
            keys: keys.clone(),
            me: me.clone(),
        })
    }

    fn door(&self, of: &MemberId) -> String {
        self.link.name(&format!("door:{of}"))
    }

    /// One end of a pipe: what it hears on, and what it says on.
    fn end(&self, pipe: &str, caller: bool) -> End {
        let channel = |way: &str| self.link.name(&format!("pipe:{pipe}:{way}"));
        let (out, back) = (channel("out"), channel("back"));
        let (hears, says) = if caller { (back, out) } else { (out, back) };
        End {
            hears,
            says,
            keys: self.keys.clone(),
        }
    }

    async fn reach(self, to: Target) -> Result<Pipe, Fault> {
        let pipe = random_name()?;
        let end = self.end(&pipe, true);
        // First the ear, then the knock: what is said before somebody listens is lost.
        let mut heard = self.link.subscribe(&[&end.hears]).await?;
        let knock = serde_json::to_string(&Knock { pipe })
            .map_err(|error| Fault::internal(error.to_string()))?;
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.door(&to.id)).arg(knock);
        if self.link.run::<i64>(&publish).await? == 0 {
            return Err(failed(
                format!("node {}", to.id.name),
                "does not listen on Redis",
            ));
        }
        let first = timeout(REDIS_OPEN_TIMEOUT, heard.on_message().next()).await;
        let welcome = first.ok().flatten();
        let welcome = welcome.is_some_and(|frame| end.open(0, frame.get_payload_bytes()).is_some());
        if !welcome {
            return Err(failed(
                format!("node {}", to.id.name),
                "did not answer over Redis",
            ));
        }
        let connection = self.link.dedicated(PUBLISH_TIMEOUT).await?;
        Ok(Pipe::start(end, heard, connection, (0, 1)))
    }

    async fn welcome(self, knock: Knock) -> Result<Accepted, Fault> {
        let end = self.end(&knock.pipe, false);
        let heard = self.link.subscribe(&[&end.hears]).await?;
        let mut connection = self.link.dedicated(PUBLISH_TIMEOUT).await?;
        end.publish(&mut connection, 0, &[]).await?;
        Ok(Accepted {
            bytes: Box::new(Pipe::start(end, heard, connection, (1, 0))),
            // The tag of each frame is the proof: whoever has the secret is one of us.
            may_be_called: Box::new(|_| true),
        })
    }
}

fn random_name() -> Result<String, Fault> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Fault::internal(format!("no randomness: {error}")))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

impl Way for PubSubTransport {
    fn address(&self) -> String {
        "redis".to_owned()
    }

    fn listen(&self) -> BoxFuture<'static, Result<Box<dyn Listener>, Fault>> {
        let this = self.clone();
        async move {
            let heard = this.link.subscribe(&[&this.door(&this.me)]).await?;
            let door: Box<dyn Listener> = Box::new(Door {
                heard: heard.into_on_message().boxed(),
                way: this,
            });
            Ok(door)
        }
        .boxed()
    }

    fn dial(&self, to: Target) -> BoxFuture<'static, Result<BoxBytes, Fault>> {
        let reached = self.clone().reach(to);
        async move {
            let bytes: BoxBytes = Box::new(reached.await?);
            Ok(bytes)
        }
        .boxed()
    }
}

struct Door {
    heard: BoxStream<'static, Msg>,
    way: PubSubTransport,
}

impl Listener for Door {
    fn accept(&mut self) -> BoxFuture<'_, Result<Accepting, Fault>> {
        async move {
            let gone = || failed("the line to Redis", "broke");
            let knock = self.heard.next().await.ok_or_else(gone)?;
            let knock = serde_json::from_slice(knock.get_payload_bytes());
            let way = self.way.clone();
            let accepting = async move {
                let knock = knock.map_err(|error| failed("a knock over Redis", error))?;
                way.welcome(knock).await
            };
            Ok(accepting.boxed())
        }
        .boxed()
    }
}

/// One end of a pipe.
#[derive(Debug, Clone)]
struct End {
    hears: String,
    says: String,
    keys: ClusterKeys,
}

impl End {
    /// The data of a frame, if it is the one of that number and of our cluster.
    fn open<'f>(&self, number: u64, frame: &'f [u8]) -> Option<&'f [u8]> {
        let (preamble, data) = frame.split_at_checked(PREAMBLE)?;
        let (is, tag) = preamble.split_at_checked(8)?;
        let expected = number.to_be_bytes();
        let is_ours = self
            .keys
            .is_tagged(&[self.hears.as_bytes(), &expected, data], tag);
        (is == expected && is_ours).then_some(data)
    }

    fn seal(&self, number: u64, data: &[u8]) -> Vec<u8> {
        let number = number.to_be_bytes();
        let tag = self.keys.tag(&[self.says.as_bytes(), &number, data]);
        [&number[..], &tag[..], data].concat()
    }

    async fn publish(
        &self,
        connection: &mut MultiplexedConnection,
        number: u64,
        data: &[u8],
    ) -> Result<(), Fault> {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&self.says).arg(self.seal(number, data));
        let taken: i64 = timeout(PUBLISH_TIMEOUT, publish.query_async(connection))
            .await
            .map_err(|error| failed("a frame over Redis", error))?
            .map_err(|error| failed("a frame over Redis", error))?;
        if taken == 0 {
            return Err(failed("a frame over Redis", "nobody took it"));
        }
        Ok(())
    }
}

/// A stream of bytes over a pair of channels; its pumps end with it.
#[derive(Debug)]
struct Pipe {
    io: DuplexStream,
    _in: Pump,
    _out: Pump,
}

impl Pipe {
    /// Starts to carry; `says` and `hears` are the numbers of the next frame in each direction.
    fn start(
        end: End,
        heard: PubSub,
        connection: MultiplexedConnection,
        (says, hears): (u64, u64),
    ) -> Self {
        let (io, far) = duplex(PIPE_BUFFER);
        let (read, write) = split(far);
        let sending = send(end.clone(), connection, read, says);
        let receiving = receive(end, heard, write, hears);
        Self {
            io,
            _in: Pump::spawn("pipe-in", receiving),
            _out: Pump::spawn("pipe-out", sending),
        }
    }
}

/// Carries what the session writes. A session that ends, ends the channel: the other side hears no keepalive any more.
async fn send(
    end: End,
    mut connection: MultiplexedConnection,
    mut read: ReadHalf<DuplexStream>,
    mut number: u64,
) {
    let mut buffer = vec![0; PIPE_FRAME];
    loop {
        let length = match timeout(PIPE_KEEPALIVE, read.read(&mut buffer)).await {
            Err(_) => 0,
            Ok(Ok(length)) if length > 0 => length,
            Ok(Ok(_) | Err(_)) => return,
        };
        let data = buffer.get(..length).unwrap_or_default();
        if let Err(fault) = end.publish(&mut connection, number, data).await {
            tracing::debug!("a session over Redis ends: {fault}");
            return;
        }
        number += 1;
    }
}

/// Carries what the other side says, until something is missing.
async fn receive(end: End, heard: PubSub, mut write: WriteHalf<DuplexStream>, mut number: u64) {
    let mut heard = heard.into_on_message();
    let why = loop {
        let frame = match timeout(PIPE_SILENCE, heard.next()).await {
            Err(_) => break format!("nothing came for {PIPE_SILENCE:?}"),
            Ok(None) => break "the line broke".to_owned(),
            Ok(Some(frame)) => frame,
        };
        let Some(data) = end.open(number, frame.get_payload_bytes()) else {
            break format!("frame {number} is missing, or was forged");
        };
        number += 1;
        if !data.is_empty() && write.write_all(data).await.is_err() {
            break "it was closed here".to_owned();
        }
    };
    tracing::debug!("a session over Redis ends: {why}");
    // The session reads the end of the stream.
    drop(write.shutdown().await);
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}
