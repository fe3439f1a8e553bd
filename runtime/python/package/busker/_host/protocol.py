"""The frames between a node and a worker: how they look, how they are read and written.

A frame is a little-endian header of 24 bytes (length after itself, type, flags, length of meta, id, service index,
deadline), then meta (JSON, often empty), then the body (bytes, never re-encoded).
"""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any, Callable, Dict, NamedTuple, NoReturn, Optional

PROTOCOL_VERSION = 1

# Node -> worker
WELCOME, DEPLOY, REQ, CALLRES, CALLERR, CANCEL, PING, DRAIN, QUIT, VERIFY = range(1, 11)
# Worker -> node
HELLO, DEPLOYED, DEPLOYFAIL, RES, ERR, CALL, LOG, OUT, PONG = range(64, 73)

HEADER = struct.Struct("<IBBHQII")
U32 = struct.Struct("<I")
#: Bytes of the header that the length counts.
AFTER_LENGTH = HEADER.size - 4
#: Ids of calls made by a worker have this bit set.
WORKER_ID = 1 << 63
#: Flag: meta did not fit its 16-bit length, so it opens the body as ``u32 n`` and n bytes.
BIG_META = 1
MAX_META_BYTES = 65_535
DEFAULT_MAX_FRAME_BYTES = 64 * 1024 * 1024
#: Larger reads make the C library map and unmap memory for each one.
READ_BYTES = 65_536

Meta = Dict[str, Any]


class Frame(NamedTuple):
    """One frame as read. ``meta`` is None when it was empty."""

    type: int
    id: int
    service: int
    deadline_ms: int
    meta: Optional[Meta]
    body: bytes


class FrameTooLong(Exception):
    """A frame over the limit; carries both sizes in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"a message of {size} bytes is longer than the limit of {limit} bytes")
        self.size = size
        self.limit = limit


def leave() -> NoReturn:
    """The node closed the socket: exit at once, whatever other threads are doing."""
    os._exit(0)


class Codec:
    """Writes frames; knows the longest one the node takes."""

    __slots__ = ("max_frame_bytes",)

    def __init__(self) -> None:
        self.max_frame_bytes = DEFAULT_MAX_FRAME_BYTES

    def frame(self, type_: int, id_: int, meta: Optional[Meta], body: bytes) -> bytes:
        """The bytes of one frame. Raises FrameTooLong."""
        text = encode_json(meta) if meta else b""
        size = AFTER_LENGTH + len(text) + len(body)
        if size > self.max_frame_bytes:
            raise FrameTooLong(size, self.max_frame_bytes)
        if len(text) > MAX_META_BYTES:
            head = HEADER.pack(size + 4, type_, BIG_META, 0, id_, 0, 0)
            return b"".join((head, U32.pack(len(text)), text, body))
        return HEADER.pack(size, type_, 0, len(text), id_, 0, 0) + text + body


class FrameReader:
    """Reads frames from a blocking socket. Used by one thread at a time: the leader."""

    __slots__ = ("_sock", "_on_close", "_buffer", "_offset")

    def __init__(self, sock: socket.socket, on_close: Callable[[], NoReturn] = leave) -> None:
        self._sock = sock
        self._on_close = on_close
        self._buffer = b""
        self._offset = 0

    def has_frame(self) -> bool:
        """Whether a whole frame is here already, so that ``next`` would not wait."""
        left = len(self._buffer) - self._offset
        return left >= 4 and left >= 4 + int(U32.unpack_from(self._buffer, self._offset)[0])

    def next(self) -> Frame:
        """The next frame. When the other side closed the socket, ``on_close`` ends us instead."""
        while True:
            buffer, offset = self._buffer, self._offset
            left = len(buffer) - offset
            if left >= 4:
                end = offset + 4 + U32.unpack_from(buffer, offset)[0]
                if end <= len(buffer):
                    self._offset = end
                    if end == len(buffer):
                        self._buffer, self._offset = b"", 0
                    return parse_frame(buffer, offset, end)
                if end - offset > READ_BYTES:
                    self._buffer, self._offset = b"", 0
                    whole = self._read_long(buffer[offset:], end - offset)
                    return parse_frame(whole, 0, len(whole))
            data = self._sock.recv(READ_BYTES)
            if not data:
                self._on_close()
            self._buffer = buffer[offset:] + data if left else data
            self._offset = 0

    def _read_long(self, start: bytes, size: int) -> bytes:
        """The rest of a long frame, read in place: joining 64 KiB at a time would copy it a thousand times."""
        whole = bytearray(size)
        whole[: len(start)] = start
        view = memoryview(whole)
        got = len(start)
        while got < size:
            count = self._sock.recv_into(view[got:])
            if not count:
                self._on_close()
            got += count
        return bytes(whole)


def parse_frame(buffer: bytes, offset: int, end: int) -> Frame:
    """The frame at ``buffer[offset:end]``."""
    _, type_, flags, meta_len, id_, service, deadline_ms = HEADER.unpack_from(buffer, offset)
    start = offset + HEADER.size
    if flags & BIG_META:
        meta_len = U32.unpack_from(buffer, start)[0]
        start += 4
    body = start + meta_len
    meta = decode_json(buffer[start:body]) if meta_len else None
    # A named tuple's own constructor is a Python function: this skips it, as its _make does.
    return _tuple(Frame, (type_, id_, service, deadline_ms, meta, buffer[body:end]))


_tuple = tuple.__new__
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=str).encode
_decode = json.JSONDecoder().decode


def encode_json(value: Any) -> bytes:
    """JSON text of a frame's meta. Lone surrogates, which UTF-8 cannot hold, become question marks."""
    return _encode(value).encode("utf-8", "replace")


def decode_json(text: bytes) -> Any:
    """The value of a JSON text."""
    return _decode(text.decode("utf-8"))
