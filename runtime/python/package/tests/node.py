"""A node for tests: starts a worker over a socket pair and plays the other side of the protocol."""

from __future__ import annotations

import json
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Dict, List, NoReturn, Optional, Tuple

from busker._host import protocol
from busker._host.protocol import Codec, Frame, FrameReader
from busker._host.task import CHANNELS, DATA_FORMATS, SAME_AS_RAW, TRANSPORTS

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
U32 = struct.Struct("<I")
#: A test that waits longer than this many seconds has failed.
PATIENCE = 20.0

Answer = Tuple[int, Dict[str, Any], bytes]
#: Answers a CALL: (meta, body) -> (type, meta, body), or None to leave it unanswered.
OnCall = Callable[[Dict[str, Any], bytes], Optional[Answer]]


def no_calls(meta: Dict[str, Any], body: bytes) -> Answer:
    """Refuses every call."""
    return protocol.CALLERR, {"type": "Fault", "message": "no calls in this test", "class": "unavailable"}, b""


def segments(payload: bytes = b"", input: bytes = b"", *, kind: int = 1, channel: str = "http-soap",
             data_format: str = "json", transport: Optional[str] = "plain_http", cid: int = 7,
             raw: Optional[bytes] = None, http: Any = None, extra: Any = None) -> bytes:  # fmt: skip
    """The body of a REQ."""
    head = bytes((kind, CHANNELS.index(channel), DATA_FORMATS.index(data_format), TRANSPORTS.index(transport)))
    parts = [head, cid.to_bytes(16, "little")]
    raw_bytes = payload if raw is None else raw
    parts += [U32.pack(len(raw_bytes)), raw_bytes]
    if raw is None:
        parts.append(U32.pack(SAME_AS_RAW))
    else:
        parts += [U32.pack(len(payload)), payload]
    for value in (input, _json(http), _json(extra), b""):
        parts += [U32.pack(len(value)), value]
    return b"".join(parts)


def _json(value: Any) -> bytes:
    return b"" if value is None else json.dumps(value).encode("utf-8")


def closed() -> NoReturn:
    """In a test a closed socket ends a thread, not everything."""
    raise EOFError


class Node:
    """One worker and everything it said."""

    def __init__(self, scheduler: str = "lf", on_call: OnCall = no_calls, python: str = sys.executable,
                 window: int = 64, max_frame_bytes: int = 64 << 20, sock: Optional[socket.socket] = None) -> None:  # fmt: skip
        self.on_call = on_call
        self.codec = Codec()
        self.process: Optional["subprocess.Popen[bytes]"] = None
        if sock is None:
            sock, theirs = socket.socketpair()
            path = os.path.join(PACKAGE, "busker", "_host", "worker.py")
            command = [python, "-E", "-s", "-B", path, str(theirs.fileno()), scheduler]
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            theirs.close()
        self.sock = sock
        self.reader = FrameReader(sock, closed)
        self.answers: "Dict[int, queue.Queue[Answer]]" = {}
        self.frames: "queue.Queue[Frame]" = queue.Queue()
        self.calls: List[Tuple[int, Dict[str, Any], bytes]] = []
        self.records: List[List[Any]] = []
        self.printed: List[Tuple[Dict[str, Any], str]] = []
        self.gone = threading.Event()
        self.services: List[Dict[str, Any]] = []
        self._ids = iter(range(1, 1 << 62))
        self._writing = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()
        self.hello = self.wait_frame(protocol.HELLO).meta or {}
        welcome = {"window": window, "max_frame_bytes": max_frame_bytes, "switch_interval_ms": 1, "rlimits": {},
                   "node": "node1", "pool": "default", "worker": 0, "log_level": "info"}  # fmt: skip
        self.send(protocol.WELCOME, 0, welcome)

    def _read(self) -> None:
        try:
            while True:
                self._on_frame(self.reader.next())
        except (EOFError, OSError):
            self.gone.set()

    def _on_frame(self, frame: Frame) -> None:
        meta = frame.meta or {}
        if frame.type in (protocol.RES, protocol.ERR):
            self.answers[frame.id].put((frame.type, meta, frame.body))
        elif frame.type == protocol.CALL:
            self.calls.append((frame.id, meta, frame.body))
            # A thread each: a stub that sleeps must not hold up the answers of others.
            threading.Thread(target=self._answer_call, args=(frame.id, meta, frame.body), daemon=True).start()
        elif frame.type == protocol.LOG:
            self.records.extend(meta["records"])
        elif frame.type == protocol.OUT:
            self.printed.append((meta, frame.body.decode("utf-8")))
        else:
            self.frames.put(frame)

    def _answer_call(self, id_: int, meta: Dict[str, Any], body: bytes) -> None:
        answer = self.on_call(meta, body)
        if answer is not None:
            self.send(answer[0], id_, answer[1], answer[2])

    def send(self, type_: int, id_: int, meta: Any = None, body: bytes = b"", service: int = 0, deadline: int = 0) -> None:
        """Writes a frame."""
        data = bytearray(self.codec.frame(type_, id_, meta, body))
        struct.pack_into("<II", data, 16, service, deadline)
        with self._writing:
            self.sock.sendall(data)

    def wait_frame(self, type_: int) -> Frame:
        """The next frame that is no answer, call, log or print; it must be of that type."""
        frame = self.frames.get(timeout=PATIENCE)
        if frame.type != type_:
            raise AssertionError(f"a frame of type {type_} was expected, not {frame}")
        return frame

    def deploy(self, files: Dict[str, str], type_: int = protocol.DEPLOY) -> Dict[str, Any]:
        """Sends packages; the meta of DEPLOYED or DEPLOYFAIL."""
        sources = [(path, text.encode("utf-8")) for path, text in files.items()]
        meta = {"files": [{"path": path, "size": len(data), "package": number, "static": False}
                          for number, (path, data) in enumerate(sources, 1)]}  # fmt: skip
        self.send(type_, 1, meta, b"".join(data for _, data in sources))
        frame = self.frames.get(timeout=PATIENCE)
        assert frame.type in (protocol.DEPLOYED, protocol.DEPLOYFAIL), frame
        found = frame.meta or {}
        self.services = found.get("services") or []
        return found

    def index(self, name: str) -> int:
        """The number of a service."""
        for number, service in enumerate(self.services):
            if service["name"] == name:
                return number
        raise AssertionError(f"{name} is not among {[service['name'] for service in self.services]}")

    def start(self, name: str, body: bytes) -> int:
        """Sends a request; its id."""
        id_ = next(self._ids)
        self.answers[id_] = queue.Queue()
        self.send(protocol.REQ, id_, None, body, service=self.index(name))
        return id_

    def wait(self, id_: int, patience: float = PATIENCE) -> Answer:
        """The answer to a request."""
        answer = self.answers[id_].get(timeout=patience)
        del self.answers[id_]
        return answer

    def ask(self, name: str, payload: Any = None, **given: Any) -> Answer:
        """One request from start to end. A SimpleIO service gets the payload as its input too, as it is."""
        body = b"" if payload is None else payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        sio = self.services[self.index(name)]["sio"]
        given.setdefault("input", body if sio and sio["input"] else b"")
        given.setdefault("kind", 1 if body else 0)
        return self.wait(self.start(name, segments(body, **given)))

    def json(self, name: str, payload: Any = None, **given: Any) -> Any:
        """The JSON that a service answered."""
        type_, meta, body = self.ask(name, payload, **given)
        assert type_ == protocol.RES, meta
        return json.loads(body) if body else None

    def ping(self) -> Dict[str, Any]:
        """How the worker says it is."""
        self.send(protocol.PING, 99)
        return self.wait_frame(protocol.PONG).meta or {}

    def until(self, condition: Callable[[], Any]) -> Any:
        """Waits for something to become true."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.005)
        raise AssertionError("it never became true")

    def close(self) -> int:
        """Closes the socket; the worker's exit code."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        return self.exit_code()

    def exit_code(self) -> int:
        """Waits for the worker's end."""
        if self.process is None:
            return 0
        code = self.process.wait(PATIENCE)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return code
