"""Log records and printed text on their way to the node: kept in order, bounded, never blocking a service."""

from __future__ import annotations

import io
import logging
import sys
import threading
import time
from typing import Any, Callable, List, Optional, Tuple

from busker._host.protocol import LOG, OUT, Codec
from busker._host.task import current

#: Notes that wait for the next write to the node; more are dropped and counted.
MAX_WAITING = 10_000
MAX_MESSAGE_CHARS = 16_384
#: Characters that wait at once, of records and printed text together.
MAX_WAITING_CHARS = 4_194_304
#: Records in one LOG frame: with MAX_MESSAGE_CHARS this keeps it under a megabyte or so.
MAX_BATCH = 50

LEVELS = ((logging.CRITICAL, "critical"), (logging.ERROR, "error"), (logging.WARNING, "warning"),
          (logging.INFO, "info"))  # fmt: skip

#: A log record as the protocol has it, or a piece of printed text: (stream, cid, service, text).
Record = List[Any]
Printed = Tuple[str, str, str, str]


class Notes:
    """What is to be told to the node besides answers. Any thread adds; the writer of the moment takes."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        #: Lists of log records, tuples of printed text. ``append`` and slicing are atomic.
        self.waiting: List[Any] = []
        self._waiting_chars = 0
        self._dropped = 0
        self._lock = threading.Lock()
        #: Called after a note was added: lets an idle process write it.
        self.on_note: Callable[[], None] = lambda: None

    def add(self, note: Any, chars: int) -> None:
        """Adds a record or printed text, or counts it as dropped when too much waits."""
        if len(self.waiting) >= MAX_WAITING or self._waiting_chars + chars > MAX_WAITING_CHARS:
            self._dropped += 1
            return
        self._waiting_chars += chars
        self.waiting.append(note)
        self.on_note()

    def take(self) -> List[bytes]:
        """Everything that waits, as frames."""
        with self._lock:  # two takers must not cut the same notes off
            count = len(self.waiting)
            notes = self.waiting[:count]
            del self.waiting[:count]
            self._waiting_chars = 0
            dropped, self._dropped = self._dropped, 0
        if dropped:
            text = f"{dropped} log records or printed texts were dropped: more came than the node was sent"
            notes.append([_now_ms(), "warning", "busker", "", "", text])
        frames: List[bytes] = []
        batch: List[Record] = []
        printed: List[Printed] = []
        for note in notes:
            if isinstance(note, tuple):
                self._flush_records(batch, frames)
                if printed and printed[-1][:3] != note[:3]:
                    self._flush_printed(printed, frames)
                printed.append(note)
            else:
                self._flush_printed(printed, frames)
                batch.append(note)
                if len(batch) == MAX_BATCH:
                    self._flush_records(batch, frames)
        self._flush_records(batch, frames)
        self._flush_printed(printed, frames)
        return frames

    def _flush_records(self, batch: List[Record], frames: List[bytes]) -> None:
        if batch:
            frames.append(self._codec.frame(LOG, 0, {"records": batch}, b""))
            batch.clear()

    def _flush_printed(self, printed: List[Printed], frames: List[bytes]) -> None:
        if printed:
            stream, cid, service, _ = printed[0]
            text = "".join(piece[3] for piece in printed).encode("utf-8", "replace")
            frames.append(self._codec.frame(OUT, 0, {"stream": stream, "cid": cid, "service": service}, text))
            printed.clear()


def whose() -> Tuple[str, str]:
    """cid and service of the running code; empty outside a request."""
    task = current.get()
    return (task.cid, task.stack[-1].name) if task is not None else ("", "")


class NodeHandler(logging.Handler):
    """The root logger's only handler."""

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self._notes = notes
        self._plain = logging.Formatter()

    def createLock(self) -> None:
        """None is needed: Notes is safe, and a service cut down inside a lock would hold it for ever."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """As in the base class, which takes the lock from Python 3.13 on without asking whether there is one."""
        if not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises: a broken record is a note about itself."""
        try:
            message = self._plain.format(record)
        except Exception as error:
            message = f"a log record of {record.pathname}:{record.lineno} cannot be formatted: {error}"
        if len(message) > MAX_MESSAGE_CHARS:
            message = message[:MAX_MESSAGE_CHARS] + "…"
        cid, service = whose()
        note = [int(record.created * 1000), level_word(record.levelno), record.name, cid, service, message]
        self._notes.add(note, len(message))


class NodeStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr``: text is sent to the node with the request that printed it."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, notes: Notes, stream: str, fd: int) -> None:
        super().__init__()
        self._notes = notes
        self._stream = stream
        self._fd = fd

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """The pipe behind it, for children that inherit it: what is written there bypasses this object."""
        return self._fd

    def write(self, text: str, /) -> int:
        """Never blocks."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            piece = text[:MAX_WAITING_CHARS]
            cid, service = whose()
            self._notes.add((self._stream, cid, service, piece), len(piece))
        return len(text)


def install(notes: Notes) -> None:
    """Sends logging, print and warnings of this process to the node."""
    root = logging.getLogger()
    root.handlers[:] = [NodeHandler(notes)]
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    sys.stdout = NodeStream(notes, "stdout", 1)
    sys.stderr = NodeStream(notes, "stderr", 2)


def set_level(word: Optional[str]) -> None:
    """Sets the root level from the node's word; ``trace`` is Python's debug."""
    levels = {"trace": 10, "debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "critical": 50, "off": 100}
    logging.getLogger().setLevel(levels.get((word or "info").lower(), logging.INFO))


def level_word(number: int) -> str:
    """The protocol's word for a level."""
    for level, word in LEVELS:
        if number >= level:
            return word
    return "debug"


def _now_ms() -> int:
    return int(time.time() * 1000)
