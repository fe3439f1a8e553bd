//! One worker's socket before it serves: frames are said and heard one after the other.

use std::io;
use std::time::{Duration, Instant};

use busker_service::{PackageFile, PackageSet};
use bytes::{Bytes, BytesMut};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::timeout_at;

use crate::frame::{self, Frame, FrameError, FromWorker, MAX_FRAME_BYTES, PROTOCOL, ToWorker};
use crate::logs;
use crate::meta::{Deployed, ErrorObject, FileEntry, Files, Hello, Welcome};

/// Bytes read at once: more makes the allocator map and unmap memory for each read.
pub(crate) const READ_BYTES: usize = 64 * 1024;
/// Longest wait for a new process to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a conversation with a new worker did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the worker closed its socket")]
    Closed,
    #[error("no answer in time")]
    TimedOut,
    #[error("the worker broke the protocol: {0}")]
    Protocol(#[from] FrameError),
    #[error("the worker said {got:?} where {wanted:?} was due")]
    Unexpected { wanted: FromWorker, got: FromWorker },
    #[error("the worker speaks version {0} of the protocol, this node version {PROTOCOL}")]
    Version(u32),
    #[error("the packages were refused: {}", .0.message)]
    Refused(Box<ErrorObject>),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The socket and what was read of it but not yet used.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: UnixStream,
    pub(crate) buffer: BytesMut,
}

impl Wire {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::with_capacity(READ_BYTES),
        }
    }

    /// Hears HELLO, checks the version and says WELCOME.
    pub(crate) async fn greet(
        &mut self,
        welcome: &Welcome<'_>,
        now: Instant,
    ) -> Result<Hello, WireError> {
        let frame = self.expect(FromWorker::Hello, now + HELLO_TIMEOUT).await?;
        let hello: Hello = frame.meta()?;
        if hello.proto != PROTOCOL {
            return Err(WireError::Version(hello.proto));
        }
        let meta = serde_json::to_vec(welcome).map_err(io::Error::from)?;
        self.send(&frame::encode(ToWorker::Welcome, 0, &meta, &[])?)
            .await?;
        Ok(hello)
    }

    /// Sends a set of packages to be served or only verified, and hears which services it defines.
    pub(crate) async fn deploy(
        &mut self,
        how: ToWorker,
        generation: u64,
        files: &PackageSet,
        deadline: Instant,
    ) -> Result<Deployed, WireError> {
        let frame = deploy_frame(how, generation, files)?;
        let sent = timeout_at(deadline.into(), self.send(&frame)).await;
        sent.map_err(|_| WireError::TimedOut)??;
        Ok(self.expect(FromWorker::Deployed, deadline).await?.meta()?)
    }

    /// The next frame of a kind. What services log while they are imported is passed on.
    async fn expect(&mut self, wanted: FromWorker, deadline: Instant) -> Result<Frame, WireError> {
        loop {
            let frame = timeout_at(deadline.into(), self.next())
                .await
                .map_err(|_| WireError::TimedOut)??;
            if frame.kind == wanted {
                return Ok(frame);
            }
            match frame.kind {
                FromWorker::DeployFail => return Err(WireError::Refused(Box::new(frame.meta()?))),
                FromWorker::Log | FromWorker::Out => logs::write(&frame),
                FromWorker::Call => self.refuse_call(&frame).await?,
                got @ (FromWorker::Hello
                | FromWorker::Deployed
                | FromWorker::Result
                | FromWorker::Error
                | FromWorker::Pong) => return Err(WireError::Unexpected { wanted, got }),
            }
        }
    }

    /// A module that calls the node while it is imported would hold up the deploy for as long as the call takes.
    async fn refuse_call(&mut self, call: &Frame) -> Result<(), WireError> {
        let object = ErrorObject {
            kind: "busker.errors.Unavailable".to_owned(),
            message: "the node cannot be called while packages are loaded".to_owned(),
            class: Some(busker_model::ErrorClass::Unavailable),
            ..ErrorObject::default()
        };
        let meta = serde_json::to_vec(&object).map_err(io::Error::from)?;
        self.send(&frame::encode(ToWorker::CallError, call.id, &meta, &[])?)
            .await
    }

    async fn next(&mut self) -> Result<Frame, WireError> {
        loop {
            if let Some(frame) = frame::cut(&mut self.buffer)? {
                return Ok(frame);
            }
            if read_some(&self.stream, &mut self.buffer).await? == 0 {
                return Err(WireError::Closed);
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        Ok(write_all(&self.stream, bytes).await?)
    }
}

/// The DEPLOY or VERIFY frame of a set.
fn deploy_frame(how: ToWorker, generation: u64, files: &PackageSet) -> Result<Bytes, WireError> {
    let mut entries = Vec::with_capacity(files.len());
    for PackageFile {
        package,
        path,
        bytes,
        is_static,
        ..
    } in files
    {
        entries.push(FileEntry {
            path,
            size: bytes.len(),
            package: *package,
            is_static: *is_static,
        });
    }
    let meta = serde_json::to_vec(&Files { files: entries }).map_err(io::Error::from)?;
    let size = files.iter().map(|file| file.bytes.len()).sum();
    if size > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong { size }.into());
    }
    let mut body = Vec::with_capacity(size);
    for file in files {
        body.extend_from_slice(&file.bytes);
    }
    Ok(frame::encode(how, generation, &meta, &body)?)
}

/// Reads what there is; 0 at the end.
pub(crate) async fn read_some(stream: &UnixStream, buffer: &mut BytesMut) -> io::Result<usize> {
    loop {
        buffer.reserve(READ_BYTES);
        match stream.try_read_buf(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.ready(Interest::READABLE).await?;
            }
            // A worker that was killed with unread frames resets the connection: an end like any other.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(0),
            other => return other,
        }
    }
}

/// Writes all of it, waiting while the worker does not read.
pub(crate) async fn write_all(stream: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
