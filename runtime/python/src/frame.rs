//! Frames of the worker protocol, version 1: how they look, are written and are cut out of a stream.
//!
//! Little-endian header of 24 bytes: length of what follows it, type, flags, length of meta, id, service index,
//! deadline in milliseconds; then meta (JSON, often empty) and body (bytes, never re-encoded).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::de::DeserializeOwned;

/// Version of the protocol a worker must speak.
pub(crate) const PROTOCOL: u32 = 1;
/// Longest frame in bytes.
pub(crate) const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of the header.
pub(crate) const HEADER: usize = 24;
/// Bytes of the header that the length counts.
const AFTER_LENGTH: usize = HEADER - 4;
/// Flag: meta did not fit its 16-bit length, so it opens the body as `u32 n` and n bytes.
const BIG_META: u8 = 1;

/// What the node says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ToWorker {
    Welcome = 1,
    Deploy = 2,
    Request = 3,
    CallResult = 4,
    CallError = 5,
    Cancel = 6,
    Ping = 7,
    Drain = 8,
    Quit = 9,
    Verify = 10,
}

/// What a worker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FromWorker {
    Hello,
    Deployed,
    DeployFail,
    Result,
    Error,
    Call,
    Log,
    Out,
    Pong,
}

impl FromWorker {
    fn read(code: u8) -> Option<Self> {
        Some(match code {
            64 => Self::Hello,
            65 => Self::Deployed,
            66 => Self::DeployFail,
            67 => Self::Result,
            68 => Self::Error,
            69 => Self::Call,
            70 => Self::Log,
            71 => Self::Out,
            72 => Self::Pong,
            _ => return None,
        })
    }
}

/// One frame of a worker.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: FromWorker,
    pub(crate) id: u64,
    /// JSON text, or nothing.
    pub(crate) meta: Bytes,
    pub(crate) body: Bytes,
}

impl Frame {
    /// The meta as a value.
    pub(crate) fn meta<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        serde_json::from_slice(&self.meta).map_err(|error| FrameError::Meta {
            kind: self.kind,
            text: error.to_string(),
        })
    }
}

/// A frame that cannot be sent or understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a message of {size} bytes is longer than the limit of {MAX_FRAME_BYTES} bytes")]
    TooLong { size: usize },
    #[error("a frame of {size} bytes is too short for what it says it holds")]
    TooShort { size: usize },
    #[error("a frame of the unknown type {code}")]
    UnknownType { code: u8 },
    #[error("the meta of a {kind:?} frame cannot be read: {text}")]
    Meta { kind: FromWorker, text: String },
}

/// Writes the header of a frame without meta whose body of unknown length follows; see [`close`].
pub(crate) fn open(
    kind: ToWorker,
    id: u64,
    service: u32,
    deadline_ms: u32,
    capacity: usize,
) -> BytesMut {
    let mut buffer = BytesMut::with_capacity(HEADER + capacity);
    buffer.put_u32_le(0);
    buffer.put_u8(kind as u8);
    buffer.put_u8(0);
    buffer.put_u16_le(0);
    buffer.put_u64_le(id);
    buffer.put_u32_le(service);
    buffer.put_u32_le(deadline_ms);
    buffer
}

/// Fills in the length of a frame begun with [`open`].
///
/// # Errors
/// [`FrameError::TooLong`].
pub(crate) fn close(mut buffer: BytesMut) -> Result<Bytes, FrameError> {
    let size = buffer.len();
    let length = checked_length(size)?;
    if let Some(mut head) = buffer.get_mut(..4) {
        head.put_u32_le(length);
    }
    Ok(buffer.freeze())
}

/// A whole frame.
///
/// # Errors
/// [`FrameError::TooLong`].
pub(crate) fn encode(
    kind: ToWorker,
    id: u64,
    meta: &[u8],
    body: &[u8],
) -> Result<Bytes, FrameError> {
    let mut buffer = open(kind, id, 0, 0, meta.len() + body.len() + 4);
    if let Ok(short) = u16::try_from(meta.len()) {
        if let Some(mut field) = buffer.get_mut(6..8) {
            field.put_u16_le(short);
        }
    } else {
        if let Some(flags) = buffer.get_mut(5) {
            *flags = BIG_META;
        }
        buffer.put_u32_le(checked_length(meta.len() + HEADER)?);
        // checked_length counts what follows the length field, and meta has no header of its own.
        let at = buffer.len() - 4;
        if let Some(mut field) = buffer.get_mut(at..) {
            field.put_u32_le(u32::try_from(meta.len()).unwrap_or(u32::MAX));
        }
    }
    buffer.put_slice(meta);
    buffer.put_slice(body);
    close(buffer)
}

fn checked_length(size: usize) -> Result<u32, FrameError> {
    match u32::try_from(size - 4) {
        Ok(length) if size <= MAX_FRAME_BYTES => Ok(length),
        Ok(_) | Err(_) => Err(FrameError::TooLong { size }),
    }
}

/// Cuts the next whole frame off the front of a buffer; `None` when more must be read.
///
/// # Errors
/// [`FrameError`]; the stream is of no use after one.
pub(crate) fn cut(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let Some(length) = buffer.get(..4).map(|mut head| head.get_u32_le() as usize) else {
        return Ok(None);
    };
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong { size: length });
    }
    if length < AFTER_LENGTH {
        return Err(FrameError::TooShort { size: length });
    }
    if buffer.len() < 4 + length {
        // One growth for a long frame instead of one per read.
        buffer.reserve(4 + length - buffer.len());
        return Ok(None);
    }
    let mut rest = buffer.split_to(4 + length).freeze();
    rest.advance(4);
    let code = rest.get_u8();
    let flags = rest.get_u8();
    let mut meta_length = usize::from(rest.get_u16_le());
    let id = rest.get_u64_le();
    rest.advance(8);
    if flags & BIG_META != 0 {
        if rest.len() < 4 {
            return Err(FrameError::TooShort { size: length });
        }
        meta_length = rest.get_u32_le() as usize;
    }
    if rest.len() < meta_length {
        return Err(FrameError::TooShort { size: length });
    }
    let kind = FromWorker::read(code).ok_or(FrameError::UnknownType { code })?;
    let meta = rest.split_to(meta_length);
    Ok(Some(Frame {
        kind,
        id,
        meta,
        body: rest,
    }))
}

#[cfg(test)]
mod tests;
