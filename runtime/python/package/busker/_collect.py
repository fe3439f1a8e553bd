"""The typed face as the loader sees it: which functions of a module are services, and how one is run."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from types import ModuleType
from typing import Any, Coroutine, Dict, List, Optional

from busker import errors
from busker._context import Ctx
from busker._host.entry import Answer, Entry
from busker._host.task import KIND_JSON, KIND_NONE, Task
from busker._host.values import deep_plain, from_canonical_json, from_json, to_json_bytes
from busker._schema import Convert, is_dataclass_type, origin_of, read_input
from busker._service import ServiceDef

#: Formats in which every single value is a text.
TEXT_FORMATS = frozenset(("xml", "form"))


class TypedEntry(Entry):
    """A function under ``@service``."""

    def __init__(self, definition: "ServiceDef[Any, Any]") -> None:
        super().__init__(definition.name, definition.impl_name, definition.doc)
        self.definition = definition
        self.sio = definition.sio
        self.timeout_ms = int(definition.timeout * 1000) if definition.timeout is not None else None
        self.max_concurrency = definition.concurrency
        self.idempotent = definition.idempotent
        self.delivery = definition.delivery
        self.isolate = definition.isolate
        self.pool = definition.pool
        self._read = definition.read_input
        self._read_texts = definition.read_texts
        self._input = definition.input_hint
        self._by_fields = is_dataclass_type(self._input)

    def run(self, task: Task) -> Answer:
        """The node has checked fields already; what it passed through untouched is checked here."""
        data = self._data(task) if self.definition.takes_data else None
        return _answer(self._call(task, data))

    def run_local(self, task: Task, data: Any, options: Dict[str, Any]) -> Any:
        """A typed caller gets the object that the function returned, any other gets plain values."""
        if self.definition.takes_data:
            if self._by_fields and isinstance(data, (str, bytes)):
                data = from_json(data) if data else {}
            if not self._by_fields or not isinstance(data, self._input):
                data = read_input(self._read, deep_plain(data) if self._by_fields else data)
        value = self._call(task, data)
        return value if options.get("typed") else deep_plain(value) if not isinstance(value, bytes) else value

    def _data(self, task: Task) -> Any:
        if self._by_fields:
            data = from_canonical_json(task.input) if task.input else self._payload(task)
            return read_input(self._reader(task), data)
        if self._input is bytes:
            return task.payload
        if self._input is str:
            return task.payload.decode("utf-8")
        return read_input(self._reader(task), self._payload(task))

    def _reader(self, task: Task) -> Optional[Convert]:
        return self._read_texts if task.data_format in TEXT_FORMATS else self._read

    def _payload(self, task: Task) -> Any:
        if task.kind == KIND_NONE:
            return {} if self._by_fields or origin_of(self._input)[0] is dict else None
        if task.kind == KIND_JSON:
            return from_json(task.payload)
        if self._by_fields:
            raise errors.Invalid("bad input: it must be an object with fields, not raw text")
        return task.payload

    def _call(self, task: Task, data: Any) -> Any:
        definition = self.definition
        ctx = Ctx(task, self.name)
        result = definition.function(ctx, data) if definition.takes_data else definition.function(ctx)
        return run_coroutine(task, result) if definition.is_async else result


def run_coroutine(task: Task, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs an async service in an event loop of its own.

    Its calls to the node block the loop, as they block a plain service; ``asyncio.to_thread`` runs several at once.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        outer, task.blocking = task.blocking, True
        try:
            return asyncio.run(coroutine)
        finally:
            task.blocking = outer
    # An async service invoked another one: a thread has only one running loop, so this one gets its own thread.
    found: List[Any] = []

    def run() -> None:
        try:
            found.extend((True, asyncio.run(coroutine)))
        except BaseException as error:
            found.extend((False, error))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    thread.join()
    ok, value = found
    if not ok:
        raise value
    return value


def _answer(value: Any) -> Answer:
    if value is None:
        return {"kind": "empty"}, b""
    if isinstance(value, str):
        return {"kind": "raw"}, value.encode("utf-8")
    if isinstance(value, (bytes, bytearray)):
        return {"kind": "raw"}, bytes(value)
    return None, to_json_bytes(value)


def collect(module: ModuleType, logger: logging.Logger) -> List[Entry]:
    """The services of a module, in the order they are written; those it imported are their own module's."""
    found: List[Entry] = []
    seen = set()
    for item in list(vars(module).values()):
        if isinstance(item, ServiceDef) and item.module == module.__name__ and id(item) not in seen:
            seen.add(id(item))
            found.append(TypedEntry(item))
    return found
