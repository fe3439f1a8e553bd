"""A service as this worker knows it, whichever face it was written for, and the table of all of them."""

from __future__ import annotations

import inspect
import time
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from busker import errors
from busker._host.protocol import Meta
from busker._host.task import Task

#: What a service answers with: meta of the RES frame (None: JSON, nothing special) and body.
Answer = Tuple[Optional[Meta], bytes]
T = TypeVar("T")
#: Pool of services that name none.
DEFAULT_POOL = "default"


class Entry:
    """One service. A face subclasses it and says how to run it."""

    def __init__(self, name: str, impl_name: str, doc: str) -> None:
        self.name = name
        self.impl_name = impl_name
        self.doc = first_paragraph(doc)
        self.file = ""
        self.package = 0
        self.pool: Optional[str] = None
        #: SimpleIo as the node reads it, or None.
        self.sio: Optional[Dict[str, Any]] = None
        self.timeout_ms: Optional[int] = None
        self.max_concurrency: Optional[int] = None
        self.idempotent = False
        self.delivery = "durable"
        self.isolate = False
        self.methods: List[str] = []
        self.hooks: List[str] = []
        #: Key around the response when another service of the Zato face invokes this one; None: none.
        self.response_elem: Optional[str] = None

    def run(self, task: Task) -> Answer:
        """Runs the service for the node. Raises whatever the service raises."""
        raise NotImplementedError

    def run_local(self, task: Task, data: Any, options: Dict[str, Any]) -> Any:
        """Runs the service for another one of this process: plain values in and out, inside the response element."""
        raise NotImplementedError

    def to_wire(self) -> Dict[str, Any]:
        """The service object of DEPLOYED."""
        return {
            "name": self.name, "impl_name": self.impl_name, "doc": self.doc, "file": self.file,
            "package": self.package, "pool": self.pool, "sio": self.sio, "timeout_ms": self.timeout_ms,
            "max_concurrency": self.max_concurrency, "idempotent": self.idempotent, "delivery": self.delivery,
            "isolate": self.isolate, "methods": self.methods, "hooks": self.hooks,
        }  # fmt: skip


class Registry:
    """The services of this worker, in the order the node counts them."""

    def __init__(self) -> None:
        self.services: List[Entry] = []
        self.by_name: Dict[str, Entry] = {}
        self.by_impl_name: Dict[str, Entry] = {}
        self.pool = ""

    def add(self, entry: Entry) -> None:
        """Adds a service. Raises Conflict if its name is taken."""
        other = self.by_name.get(entry.name)
        if other is not None:
            raise errors.Conflict(
                f"service {entry.name!r} is both {other.impl_name} in {other.file} and {entry.impl_name} "
                f"in {entry.file}: give one of them another name"
            )
        self.services.append(entry)
        self.by_name[entry.name] = entry
        self.by_impl_name[entry.impl_name] = entry

    def local(self, name: str) -> Optional[Entry]:
        """The service of that name if it may run inside this process, in the caller's thread."""
        entry = self.by_name.get(name)
        if entry is None or entry.isolate or (self.pool and (entry.pool or DEFAULT_POOL) != self.pool):
            return None
        return entry


#: The one table of this process; the loader fills it.
registry = Registry()


def run_nested(task: Task, entry: Entry, run: Callable[[], T]) -> T:
    """Runs a service below the current one in the same thread, and notes its time and outcome for the node."""
    task.enter(entry)
    started = time.perf_counter()
    ok = False
    try:
        value = run()
        ok = True
        return value
    finally:
        task.leave(entry, int((time.perf_counter() - started) * 1e6), ok)


def first_paragraph(doc: Optional[str]) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join(inspect.cleandoc(doc or "").split("\n\n", 1)[0].split())
