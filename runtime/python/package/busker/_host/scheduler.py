"""Who runs a request: leader/followers with stealing. The part both schedulers share.

One thread at a time is the **leader**: it reads frames and runs each request itself, so no frame changes threads on
the usual path. Answers are gathered and written when no more input is at hand. A **monitor** thread looks every 2 ms
whether the leader is still in the same request; then it takes the leader's one-element ``token`` (``list.pop`` is
atomic), writes what was gathered and makes another thread the leader. A request that blocks or burns CPU so costs one
thread, and the others go on.

Whoever holds the token owns ``out`` and the reader. A leader that finds its token gone has been replaced and writes
its answer itself.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections import deque
from typing import Deque, Dict, List, Optional, Tuple

from busker._host import limits
from busker._host.errors import describe
from busker._host.invoke import Requests
from busker._host.logs import Notes
from busker._host.protocol import (
    CALL, CALLERR, CALLRES, CANCEL, DEPLOY, DEPLOYFAIL, DRAIN, PING, PONG, QUIT, VERIFY, WORKER_ID,
    Codec, Frame, FrameReader, FrameTooLong, Meta, leave,
)  # fmt: skip
from busker._host.task import Port, Task
from busker.errors import Conflict, TooLarge

#: How long a request may run before another thread takes over reading.
STEAL_SECONDS = 0.002
#: Looks in a row without work after which the monitor goes to sleep.
QUIET_LOOKS = 25

#: What a call gets: (type, meta, body) of CALLRES or CALLERR.
CallAnswer = Tuple[int, Optional[Meta], bytes]
#: What a cancelled call gets; Requests.resume raises before anybody reads it.
CANCELLED: CallAnswer = (CALLERR, {"type": "Cancelled", "message": "cancelled", "class": "timeout"}, b"")


class Pending:
    """A call that waits for its answer. ``deliver`` wakes whoever waits."""

    __slots__ = ("task",)

    def __init__(self, task: Task) -> None:
        self.task = task

    def deliver(self, answer: CallAnswer) -> None:
        """Hands the answer over."""
        raise NotImplementedError


class Blocked(Pending):
    """A call whose thread waits on a lock."""

    __slots__ = ("lock", "answer")

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.lock = threading.Lock()
        self.lock.acquire()
        self.answer = CANCELLED

    def deliver(self, answer: CallAnswer) -> None:
        self.answer = answer
        self.lock.release()


class Scheduler(Port):
    """Shared state of the process: the socket, the calls that wait, the requests, the monitor."""

    __slots__ = (
        "sock", "reader", "codec", "notes", "requests", "window", "out", "pending", "back", "token", "draining",
        "_writing", "_ids", "_wake", "_asleep",
    )  # fmt: skip
    word = ""

    def __init__(self, sock: socket.socket, reader: FrameReader, codec: Codec, notes: Notes, window: int) -> None:
        self.sock = sock
        self.reader = reader
        self.codec = codec
        self.notes = notes
        self.requests = Requests(codec)
        self.window = window
        #: Frames gathered by the leader.
        self.out: List[bytes] = []
        self.pending: Dict[int, Pending] = {}
        #: Requests read while the leader waited for an answer, or before the scheduler started.
        self.back: Deque[Frame] = deque()
        #: The token of the request that the leader runs now; empty: it is not in a request.
        self.token: List[int] = []
        self.draining = False
        self._writing = threading.Lock()
        self._ids = itertools.count(WORKER_ID)
        self._wake = threading.Semaphore(0)
        self._asleep = False
        notes.on_note = self.wake_monitor

    # What a scheduler adds.

    def run(self) -> None:
        """Serves until the process ends."""
        raise NotImplementedError

    def hand_over(self) -> None:
        """Makes another thread the leader. Called by whoever took the token."""
        raise NotImplementedError

    # Writing.

    def flush(self) -> None:
        """Writes what was gathered, notes first. Only for the owner of ``out``."""
        out = self.out
        if self.notes.waiting:
            out[:0] = self.notes.take()
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            with self._writing:
                self._write(data)
        if self.draining:
            self.leave_if_idle()

    def send_now(self, frame: bytes, answers: int = 0) -> None:
        """Writes a frame from a thread that does not own ``out``, after the notes of its request.

        ``answers`` is 1 when the frame ends a request.
        """
        if self.notes.waiting:
            frame = b"".join([*self.notes.take(), frame])
        with self._writing:
            self._write(frame)
            self.requests.answered_late += answers
        if self.draining:
            self.leave_if_idle()

    def _write(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:  # the node is gone
            leave()

    def leave_if_idle(self) -> None:
        """Ends a draining worker when its last answer is written."""
        if not self.requests.in_flight() and not self.back and not self.out:
            with self._writing:  # nobody is in the middle of a write
                os._exit(0)

    # Calls.

    def call_frame(self, meta: Meta, body: bytes) -> Tuple[int, bytes]:
        """A new call's id and its frame. Raises TooLarge."""
        id_ = next(self._ids)
        try:
            return id_, self.codec.frame(CALL, id_, meta, body)
        except FrameTooLong as error:
            raise TooLarge(f"the call to the node is too long: {error}") from None

    def call_blocking(self, task: Task, id_: int, frame: bytes) -> CallAnswer:
        """A call that blocks its thread: from a thread that a service started, or under an event loop."""
        waiting = Blocked(task)
        self.pending[id_] = waiting
        self.send_now(frame)
        if task.cancelled is not None and self.pending.pop(id_, None) is not None:
            return CANCELLED  # cancelled between the caller's look and ours
        waiting.lock.acquire()
        return waiting.answer

    # Frames other than requests. Only the leader calls these.

    def on_frame(self, frame: Frame) -> None:
        """Acts on any frame but REQ."""
        kind = frame.type
        if kind in (CALLRES, CALLERR):
            waiting = self.pending.pop(frame.id, None)
            if waiting is not None:  # else the call was cancelled
                waiting.deliver((kind, frame.meta, frame.body))
        elif kind == CANCEL:
            self.on_cancel(frame.id, frame.meta or {})
        elif kind == PING:
            self.out.append(self.codec.frame(PONG, frame.id, self.pong(), b""))
        elif kind == DRAIN:
            self.draining = True
            self.flush()
        elif kind == QUIT:
            os._exit(0)
        elif kind in (DEPLOY, VERIFY):
            refusal = describe(Conflict("this worker has its generation; start another one for a new one"))
            refusal["file"] = ""
            self.out.append(self.codec.frame(DEPLOYFAIL, frame.id, refusal, b""))

    def on_cancel(self, rid: int, meta: Meta) -> None:
        """Ends a request that nobody waits for: at once if it waits for the node, at its next bytecode if ``hard``."""
        task = self.requests.find(rid)
        if task is None:
            return
        task.cancelled = str(meta.get("reason") or "timeout")
        for id_, waiting in list(self.pending.items()):
            if waiting.task is task and self.pending.pop(id_, None) is not None:
                waiting.deliver(CANCELLED)
        if meta.get("hard"):
            self.requests.interrupt(task)

    def pong(self) -> Meta:
        """How this process is doing."""
        return {
            "rss_bytes": limits.rss_bytes(),
            "threads": limits.thread_count(),
            "in_flight": self.requests.in_flight(),
            "requests": self.requests.taken,
        }

    # The monitor.

    def start_monitor(self) -> None:
        """Starts the thread that replaces a leader which is stuck in a request."""
        threading.Thread(target=self._monitor, name="busker-monitor", daemon=True).start()

    def wake_monitor(self) -> None:
        """Called when work begins or a note comes; cheap when the monitor is awake."""
        if self._asleep:
            self._asleep = False
            self._wake.release()

    def _monitor(self) -> None:
        seen: List[int] = []
        quiet = 0
        while True:
            time.sleep(STEAL_SECONDS)
            token = self.token
            if token is not seen:
                seen, quiet = token, 0
            elif token:
                try:
                    token.pop()
                except IndexError:
                    continue  # it ended just now
                self.flush()
                self.hand_over()
            else:
                quiet += 1
                if self.notes.waiting:  # a thread of a service, or a request that still runs, had something to say
                    self._send_notes()
                    quiet = 0
                elif quiet > QUIET_LOOKS:
                    self._sleep(token)
                    quiet = 0

    def _sleep(self, token: List[int]) -> None:
        self._asleep = True
        # Look once more: a request may have begun before it could see that we sleep, and would never be replaced.
        if self.token is token and not self.notes.waiting:
            self._wake.acquire()
        self._asleep = False

    def _send_notes(self) -> None:
        data = b"".join(self.notes.take())
        with self._writing:
            self._write(data)
