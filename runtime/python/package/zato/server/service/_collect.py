"""The Zato face as the loader sees it: which classes of a module are services, and how one is run."""

from __future__ import annotations

import json
import logging
import time
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional

from busker._host.entry import Answer, Entry
from busker._host.task import Task
from busker._host.values import from_canonical_json, from_json
from zato.common import MethodNotAllowed
from zato.server.service._bag import Bag, bagged, bags_from_json
from zato.server.service._base import Service
from zato.server.service._hooks import Hooks, verbs
from zato.server.service._request import Request
from zato.server.service._sio import Declaration, declaration_of

#: Types of SimpleIO whose values may be or hold objects.
STRUCTURED = frozenset(("opaque", "as-is", "dict", "list", "list-of-dicts"))
NOT_A_SERVICE = "zato_dont_import"


class ZatoEntry(Entry):
    """A subclass of Service."""

    def __init__(self, cls: type) -> None:
        service: Any = cls
        super().__init__(service.get_name(), service.get_impl_name(), cls.__doc__ or "")
        self.cls = service
        declared = declaration_of(cls)
        self.input = declared if declared is not None and declared.input else None
        self.output: Optional[Declaration] = declared if declared is not None and declared.output else None
        self.sio = declared.to_wire() if declared is not None else None
        self.response_elem = self.output.response_elem if self.output is not None else None
        # Structures in the input have dot notation too; most declarations have none, and then the plain reader will do.
        structured = self.input is not None and any(field.ty in STRUCTURED for field in self.input.input)
        self._read: Callable[[bytes], Any] = bags_from_json if structured else from_canonical_json
        self._hooks = Hooks(cls, Service)
        self.hooks = sorted(self._hooks.names)
        self.methods, self._verbs = verbs(cls)
        self.usage = 0
        self._read_limits(getattr(cls, "Busker", None))

    def _read_limits(self, declared: Any) -> None:
        """``class Busker: timeout = 5.0; concurrency = 8; pool = "slow"``: in a class of its own, as SimpleIO is, since
        services may have attributes of these names for themselves."""
        if declared is None:
            return
        timeout = getattr(declared, "timeout", None)
        self.timeout_ms = int(timeout * 1000) if timeout is not None else None
        self.max_concurrency = getattr(declared, "concurrency", None)
        self.idempotent = bool(getattr(declared, "idempotent", False))
        self.delivery = str(getattr(declared, "delivery", "durable"))
        self.isolate = bool(getattr(declared, "isolate", False))
        self.pool = getattr(declared, "pool", None)

    def run(self, task: Task) -> Answer:
        data = task.input if self.input is not None else b""
        found = Bag(self._read(data)) if data else Bag()
        service: Service = self.cls()
        service._begin(task, self, Request(task, found))
        if not self._handle(service):
            return {"status": 400, "kind": "empty"}, b""
        return service.response.to_answer()

    def run_local(self, task: Task, data: Any, options: Dict[str, Any]) -> Any:
        data_format = options.get("data_format")
        payload = _as_payload(data, parse=self.input is not None or data_format == "json")
        found = self.input.read_input(payload) if self.input is not None else Bag()
        service: Service = self.cls()
        service._begin(task, self, Request(task, found, payload, data_format or ""))
        service._nested = True
        service._channel = options.get("channel") or "invoke"
        service._transport = options.get("transport")
        return service.response.to_value() if self._handle(service) else ""

    def _handle(self, service: Service) -> bool:
        """Runs the service with its hooks. False: it did not accept the request."""
        self.usage += 1
        if not self._hooks.any:
            (self._verb(service) if self._verbs else service.handle)()
            service._ended = time.time()
            return True
        names = self._hooks.names
        if "accept" in names and not service.accept():
            return False
        self._hooks.before(service)
        if "validate_input" in names:
            service.validate_input()
        (self._verb(service) if self._verbs else service.handle)()
        service._ended = time.time()
        if "validate_output" in names:
            service.validate_output()
        self._hooks.after(service)
        return True

    def _verb(self, service: Service) -> Any:
        """handle_GET and so on; handle for what did not come over HTTP, and for other methods if there is one."""
        method = "" if service._nested else str(service._task.http.get("method") or "")
        name = self._verbs.get(method.upper())
        if name is not None:
            return getattr(service, name)
        if method and type(service).handle is Service.handle:
            raise MethodNotAllowed(service.cid, f"{service.name} handles {', '.join(self.methods)}, not {method}")
        return service.handle


def _as_payload(data: Any, parse: bool) -> Any:
    """The payload of a local call: structures with dot notation, text parsed when the service wants structure."""
    if isinstance(data, (str, bytes)):
        if parse and data:
            try:
                return bagged(from_json(data))
            except (ValueError, json.JSONDecodeError):
                return data
        return data
    if data is None:
        return ""
    return bagged(data)


def is_service(item: Any, module: ModuleType) -> bool:
    """Whether an attribute of a module is a service defined there; abstract bases are not."""
    return (
        isinstance(item, type)
        and issubclass(item, Service)
        and item is not Service
        and item.__module__ == module.__name__
        and not hasattr(item, NOT_A_SERVICE)
        and (item.handle is not Service.handle or bool(verbs(item)[0]))
    )


def collect(module: ModuleType, logger: logging.Logger) -> List[Entry]:
    """The services of a module, in the order they are written."""
    found: List[Entry] = []
    seen = set()
    for item in list(vars(module).values()):
        if not is_service(item, module) or item in seen:
            continue
        seen.add(item)
        if item.before_add_to_store(logger) is not True:
            logger.info("%s is left out: its before_add_to_store did not return True", item.get_impl_name())
            continue
        found.append(ZatoEntry(item))
        item.after_add_to_store(logger)
    return found
