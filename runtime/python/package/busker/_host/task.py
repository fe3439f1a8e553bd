"""One request while it runs in this process: what came with it, and its way to the node."""

from __future__ import annotations

import struct
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Dict, List, NoReturn, Optional, Tuple

from busker._host import remote
from busker._host.protocol import CALLERR, Frame, Meta, decode_json
from busker.errors import Cancelled, NotInRequest

if TYPE_CHECKING:
    from busker._host.entry import Entry

KIND_NONE, KIND_JSON, KIND_RAW = 0, 1, 2
CHANNELS = ("http-soap", "invoke", "invoke-async", "api", "scheduler", "amqp", "jms-wmq", "zmq")
DATA_FORMATS = ("json", "xml", "form", "raw")
TRANSPORTS = (None, "plain_http", "soap")
#: Length of the payload segment that means "the same bytes as the raw segment".
SAME_AS_RAW = 0xFFFFFFFF
#: Longest chain of synchronous invocations: the node's limit, kept here for calls that never leave the process.
MAX_DEPTH = 32
#: Local calls reported per request; a service that makes more is measured by its first ones.
MAX_LOCAL_CALLS = 1_000

_HEAD = struct.Struct("<BBBB16sI")
_U32 = struct.Struct("<I")


class Port:
    """How a task reaches the node: a scheduler's promise."""

    __slots__ = ()

    def call(self, task: "Task", meta: Meta, body: bytes) -> Tuple[int, Optional[Meta], bytes]:
        """Sends a CALL and waits for its answer without blocking other requests: (type, meta, body)."""
        raise NotImplementedError


class Task:
    """A REQ frame under way. Segments are decoded when somebody asks for them."""

    __slots__ = (
        "rid", "cid", "kind", "_channel", "_format", "_transport", "body", "_raw_len", "_payload_at", "_payload_len",
        "_input_at", "_input_len", "deadline_ms", "stack", "local", "port", "thread", "cancelled", "blocking",
        "done", "_http", "_extra",
    )  # fmt: skip

    def __init__(self, frame: Frame, entry: "Entry", port: Port, thread: int) -> None:
        self.rid = frame.id
        self.deadline_ms = frame.deadline_ms
        self.body = body = frame.body
        self.kind, self._channel, self._format, self._transport, cid, raw_len = _HEAD.unpack_from(body, 0)
        self.cid = "K%039d" % int.from_bytes(cid, "little")
        self._raw_len = raw_len
        at = 24 + raw_len
        (length,) = _U32.unpack_from(body, at)
        at += 4
        if length == SAME_AS_RAW:
            self._payload_at, self._payload_len = 24, raw_len
        else:
            self._payload_at, self._payload_len = at, length
            at += length
        (self._input_len,) = _U32.unpack_from(body, at)
        self._input_at = at + 4
        #: Services from the one the node asked for down to the one running now.
        self.stack: List["Entry"] = [entry]
        self.local: Optional[List[List[Any]]] = None
        self.port = port
        #: Thread that runs the service: where a hard cancellation is raised.
        self.thread = thread
        self.cancelled: Optional[str] = None
        #: Set while an event loop drives the service: then a node call blocks its thread, see scheduler.py.
        self.blocking = False
        self.done = False
        self._http: Optional[Dict[str, Any]] = None
        self._extra: Optional[Dict[str, Any]] = None

    @property
    def channel(self) -> str:
        """The way the request came, in Zato's words."""
        return CHANNELS[self._channel] if self._channel < len(CHANNELS) else "invoke"

    @property
    def data_format(self) -> str:
        """json, xml, form or raw."""
        return DATA_FORMATS[self._format] if self._format < len(DATA_FORMATS) else "raw"

    @property
    def transport(self) -> Optional[str]:
        """plain_http, soap, or None when it did not come over HTTP."""
        return TRANSPORTS[self._transport] if self._transport < len(TRANSPORTS) else None

    @property
    def raw(self) -> bytes:
        """The body as received, envelope and all."""
        return self.body[24 : 24 + self._raw_len]

    @property
    def payload(self) -> bytes:
        """What the service reads: JSON text or raw bytes, by ``kind``."""
        return self.body[self._payload_at : self._payload_at + self._payload_len]

    @property
    def input(self) -> bytes:
        """The SimpleIO input that the node checked and converted: a JSON object, or nothing."""
        return self.body[self._input_at : self._input_at + self._input_len]

    @property
    def http(self) -> Dict[str, Any]:
        """method, path, query, path_params, headers, remote; empty when it did not come over HTTP."""
        if self._http is None:
            self._read_tail()
        return self._http  # type: ignore[return-value]  # set by _read_tail

    @property
    def extra(self) -> Dict[str, Any]:
        """principal, traceparent, job, depth, as far as they are known."""
        if self._extra is None:
            self._read_tail()
        return self._extra  # type: ignore[return-value]  # set by _read_tail

    def _read_tail(self) -> None:
        body = self.body
        at = self._input_at + self._input_len
        (length,) = _U32.unpack_from(body, at)
        at += 4
        self._http = decode_json(body[at : at + length]) if length else {}
        at += length
        (length,) = _U32.unpack_from(body, at)
        at += 4
        self._extra = decode_json(body[at : at + length]) if length else {}

    @property
    def depth(self) -> int:
        """Services above the running one in the chain of synchronous invocations, on all hosts."""
        return int(self.extra.get("depth") or 0) + len(self.stack) - 1

    def call(self, meta: Meta, body: bytes = b"") -> Tuple[Meta, bytes]:
        """Asks the node for something. Raises what the node or the service it ran raised."""
        if self.done:
            raise NotInRequest("the request is over: only a running service can call the node")
        if self.cancelled is not None:
            raise_cancelled(self)
        meta["parent"] = self.rid
        if len(self.stack) > 1:  # the node counts the depth of invocations, and does not see those made here
            meta["below"] = min(len(self.stack) - 1, MAX_DEPTH)
        type_, answer, data = self.port.call(self, meta, body)
        if type_ == CALLERR:
            raise remote.rebuild(answer or {})
        return answer or {}, data

    def translate(self, source: Tuple[str, str, str], target: Tuple[str, str]) -> Optional[str]:
        """What the data dictionaries call a value: system, key and value, then system and key."""
        names = ("system1", "key1", "value1", "system2", "key2")
        found, _ = self.call({"op": "translate", "term": dict(zip(names, (*source, *target)))})
        value = found.get("value")
        return None if value is None else str(value)

    def enter(self, entry: "Entry") -> None:
        """A nested invocation begins in this process."""
        if self.stack[-1] is entry:
            raise RuntimeError(f"A service cannot invoke itself, name:[{entry.name}]")
        if self.depth + 1 >= MAX_DEPTH:
            chain = " -> ".join(item.name for item in self.stack[-3:])
            raise RuntimeError(f"services invoke each other more than {MAX_DEPTH} deep: … {chain} -> {entry.name}")
        self.stack.append(entry)

    def leave(self, entry: "Entry", micros: int, ok: bool) -> None:
        """A nested invocation ended."""
        self.stack.pop()
        if self.local is None:
            self.local = []
        if len(self.local) < MAX_LOCAL_CALLS:
            self.local.append([entry.name, micros, ok])


def raise_cancelled(task: Task) -> NoReturn:
    """Ends a service that nobody waits for."""
    raise Cancelled(f"the request was cancelled: {task.cancelled or 'timeout'}")


#: The request that the running code belongs to. Greenlets and threads each have their own.
current: "ContextVar[Optional[Task]]" = ContextVar("busker_task", default=None)


def current_task() -> Task:
    """The request that the running code belongs to. Raises NotInRequest."""
    task = current.get()
    if task is None:
        raise NotInRequest("this works only while a service runs")
    return task
