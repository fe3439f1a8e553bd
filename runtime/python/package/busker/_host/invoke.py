"""One request from REQ to RES or ERR, and who owns the right to interrupt it.

A request is in ``running`` exactly while its service's own code runs, and in ``parked`` while it waits for the node.
A hard cancellation first takes the request out of ``running``, then posts an exception to its thread. The thread takes
the request out of ``running`` too when it leaves the service's code; whoever comes second knows, because ``dict.pop``
is atomic. So the exception never hits the next request of the same thread.
"""

from __future__ import annotations

import threading
from typing import Any, Dict, List, Optional

from busker._host import limits
from busker._host.entry import Entry, registry
from busker._host.errors import ErrorObject, describe, status_of
from busker._host.protocol import ERR, RES, Codec, Frame, FrameTooLong, Meta
from busker._host.task import Port, Task, current, raise_cancelled
from busker.errors import Cancelled


class Requests:
    """The requests in this process, and how one is run, parked, cancelled."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.running: Dict[int, Task] = {}
        self.parked: Dict[int, Task] = {}
        #: Requests taken from the node since the start, and answered by the leader. Only the leader writes these.
        self.taken = 0
        self.answered = 0
        #: Answered by other threads, counted while they hold the socket.
        self.answered_late = 0
        self._posting = threading.Lock()

    def in_flight(self) -> int:
        """Requests taken and not yet answered."""
        return self.taken - self.answered - self.answered_late

    def find(self, rid: int) -> Optional[Task]:
        """The request of that id, if it is still here."""
        return self.running.get(rid) or self.parked.get(rid)

    def serve(self, frame: Frame, port: Port, thread: int) -> bytes:
        """Runs one request and returns its answer as a frame. Never raises: everything becomes an ERR."""
        rid = frame.id
        services = registry.services
        if frame.service >= len(services):
            missing: ErrorObject = describe(LookupError(f"this worker has no service number {frame.service}"))
            return self.codec.frame(ERR, rid, missing, b"")
        entry = services[frame.service]
        try:
            task = Task(frame, entry, port, thread)
        except Exception as error:
            return self.codec.frame(ERR, rid, describe(error, entry.name), b"")
        current.set(task)
        self.running[rid] = task
        try:
            answer = self._guarded(task, entry)
            owned = self.running.pop(rid, None) is None
        except Cancelled as late:  # posted just after the service had ended
            answer = self.codec.frame(ERR, rid, describe(late, entry.name), b"")
            owned = True
        if owned:
            self.absorb()
        task.done = True
        current.set(None)
        return answer

    def _guarded(self, task: Task, entry: Entry) -> bytes:
        try:
            meta, body = entry.run(task)
            if task.local is not None:
                meta = {"kind": "json", **(meta or {}), "local": task.local}
            return self.codec.frame(RES, task.rid, meta, body)
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: a service may not end the worker
            return self._failed(task, entry, error)

    def _failed(self, task: Task, entry: Entry, error: BaseException) -> bytes:
        found: Meta = describe(error, task.stack[-1].name)
        if isinstance(error, FrameTooLong):
            found.update({"class": "too-large", "message": f"the answer of {entry.name} is too long: {error}"})
        if isinstance(error, SystemExit):
            found["message"] = f"the service called sys.exit({error.code!r}); a service ends by returning"
        status = status_of(error)
        if status is not None:
            found["status"] = status
        if task.local is not None:
            found["local"] = task.local
        return self.codec.frame(ERR, task.rid, found, b"")

    def park(self, task: Task) -> None:
        """The request leaves its service's code to wait for the node. Raises Cancelled."""
        if self.running.pop(task.rid, None) is None:
            self.absorb()
            raise_cancelled(task)
        self.parked[task.rid] = task

    def resume(self, task: Task) -> None:
        """The request goes back into its service's code. Raises Cancelled."""
        self.parked.pop(task.rid, None)
        self.running[task.rid] = task
        if task.cancelled is not None:
            raise_cancelled(task)

    def interrupt(self, task: Task) -> None:
        """Raises Cancelled in the thread that runs the request, unless it just left the service's code."""
        with self._posting:
            if self.running.pop(task.rid, None) is not None:
                limits.post_exception(task.thread, Cancelled)

    def absorb(self) -> None:
        """A cancellation owns this thread's request: wait until it is posted, then take it back."""
        try:
            with self._posting:
                pass
            limits.post_exception(threading.get_ident(), None)
        except Cancelled:
            pass


def describe_services() -> List[Dict[str, Any]]:
    """The service objects of DEPLOYED, in the order REQ counts them."""
    return [entry.to_wire() for entry in registry.services]
