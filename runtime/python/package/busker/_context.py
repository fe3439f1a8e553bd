"""Ctx: what a service can do while it runs, and what it can know about its request."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Tuple, TypeVar, Union, overload

from busker._host.entry import registry, run_nested
from busker._host.protocol import Meta
from busker._host.task import KIND_JSON, Task
from busker._host.values import deep_plain, from_json, to_json_bytes

if TYPE_CHECKING:
    from busker._service import ServiceDef

I = TypeVar("I")  # noqa: E741  # input
O = TypeVar("O")  # noqa: E741  # output

Params = Union[Mapping[str, Any], Iterable[Tuple[str, Any]]]


class HttpResponse:
    """What a remote HTTP server answered."""

    __slots__ = ("status", "reason", "headers", "content")

    def __init__(self, status: int, reason: str, headers: Dict[str, str], content: bytes) -> None:
        self.status = status
        self.reason = reason
        #: Names in lower case.
        self.headers = headers
        self.content = content

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def text(self) -> str:
        """The body as UTF-8 text; bytes that are none are replaced."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return from_json(self.content)


class HttpConnection:
    """An outgoing HTTP connection of the node, by its name."""

    __slots__ = ("_task", "_name")

    def __init__(self, task: Task, name: str) -> None:
        self._task = task
        self._name = name

    def get(
        self, path: str = "", *, params: Optional[Params] = None, headers: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
    ) -> HttpResponse:  # fmt: skip
        """GET."""
        return self.request("GET", path, params=params, headers=headers, timeout=timeout)

    def post(
        self, path: str = "", data: Any = None, *, params: Optional[Params] = None,
        headers: Optional[Mapping[str, str]] = None, timeout: Optional[float] = None,
    ) -> HttpResponse:  # fmt: skip
        """POST."""
        return self.request("POST", path, data, params=params, headers=headers, timeout=timeout)

    def put(
        self, path: str = "", data: Any = None, *, params: Optional[Params] = None,
        headers: Optional[Mapping[str, str]] = None, timeout: Optional[float] = None,
    ) -> HttpResponse:  # fmt: skip
        """PUT."""
        return self.request("PUT", path, data, params=params, headers=headers, timeout=timeout)

    def delete(
        self, path: str = "", *, params: Optional[Params] = None, headers: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
    ) -> HttpResponse:  # fmt: skip
        """DELETE."""
        return self.request("DELETE", path, params=params, headers=headers, timeout=timeout)

    def request(
        self, method: str, path: str = "", data: Any = None, *, params: Optional[Params] = None,
        headers: Optional[Mapping[str, str]] = None, timeout: Optional[float] = None,
    ) -> HttpResponse:  # fmt: skip
        """One request. ``path`` is appended to the connection's own. Data that is no text or bytes is sent as JSON."""
        sent = [[name, str(value)] for name, value in (headers or {}).items()]
        body, is_json = to_body(data)
        if is_json and not any(name.lower() == "content-type" for name, _ in sent):
            sent.append(["Content-Type", "application/json"])
        meta: Meta = {
            "op": "http", "conn": self._name, "transport": "plain_http", "method": method.upper(),
            "query": _pairs(params), "headers": sent,
        }  # fmt: skip
        if path:
            meta["path"] = path
        if timeout is not None:
            meta["timeout_ms"] = int(timeout * 1000)
        found, content = self._task.call(meta, body)
        answered = {str(name).lower(): str(value) for name, value in found.get("headers") or ()}
        return HttpResponse(int(found.get("status") or 0), str(found.get("reason") or ""), answered, content)


class KeyValue:
    """The node's key/value store."""

    __slots__ = ("_task",)

    def __init__(self, task: Task) -> None:
        self._task = task

    def command(self, *words: Union[str, int, float]) -> Any:
        """Any command of Redis; its answer as JSON has it."""
        found, _ = self._task.call({"op": "kv", "command": [str(word) for word in words]})
        return found.get("value")

    def get(self, key: str) -> Optional[str]:
        """The value of a key; None when there is none."""
        value = self.command("GET", key)
        return None if value is None else str(value)

    def set(self, key: str, value: Union[str, int, float], *, expires: Optional[float] = None) -> None:
        """Sets a key; it vanishes after ``expires`` seconds."""
        self.command("SET", key, value, *(() if expires is None else ("PX", int(expires * 1000))))

    def delete(self, *keys: str) -> int:
        """Deletes keys; how many there were."""
        return int(self.command("DEL", *keys) or 0)

    def incr(self, key: str, by: int = 1) -> int:
        """Adds to a counter; its new value."""
        return int(self.command("INCRBY", key, by))


class RequestView:
    """What came with the request."""

    __slots__ = ("_task",)

    def __init__(self, task: Task) -> None:
        self._task = task

    @property
    def raw(self) -> bytes:
        """The body as received."""
        return self._task.raw

    @property
    def payload(self) -> Any:
        """The body as JSON has it, XML and forms included; bytes when it is neither."""
        task = self._task
        return json.loads(task.payload) if task.kind == KIND_JSON else task.payload

    @property
    def channel(self) -> str:
        """http-soap, invoke, invoke-async, api, scheduler, amqp, jms-wmq or zmq."""
        return self._task.channel

    @property
    def data_format(self) -> str:
        """json, xml, form or raw."""
        return self._task.data_format

    @property
    def method(self) -> str:
        """HTTP method; empty when it did not come over HTTP."""
        return str(self._task.http.get("method") or "")

    @property
    def path(self) -> str:
        """HTTP path as sent, without the query."""
        return str(self._task.http.get("path") or "")

    @property
    def query(self) -> List[Tuple[str, str]]:
        """Query parameters in order."""
        return [(name, value) for name, value in self._task.http.get("query") or ()]

    @property
    def path_params(self) -> Dict[str, str]:
        """Parameters of the path's pattern."""
        return {name: value for name, value in self._task.http.get("path_params") or ()}

    @property
    def headers(self) -> Dict[str, str]:
        """HTTP headers; names in lower case, values of a repeated one joined by a comma."""
        found: Dict[str, str] = {}
        for name, value in self._task.http.get("headers") or ():
            key = name.lower()
            found[key] = f"{found[key]}, {value}" if key in found else value
        return found

    @property
    def principal(self) -> Optional[str]:
        """Who is asking, after authentication."""
        found = self._task.extra.get("principal")
        return found.get("name") if isinstance(found, dict) else found


class Ctx:
    """A service's first argument."""

    __slots__ = ("_task", "_name", "_logger", "cid")

    def __init__(self, task: Task, name: str) -> None:
        self._task = task
        self._name = name
        self._logger: Optional[logging.Logger] = None
        #: Correlation id: in every log line and answer that belongs to this request.
        self.cid = task.cid

    @property
    def logger(self) -> logging.Logger:
        """Named after the service."""
        if self._logger is None:
            self._logger = logging.getLogger(self._name)
        return self._logger

    @property
    def request(self) -> RequestView:
        """What came with the request."""
        return RequestView(self._task)

    @property
    def kv(self) -> KeyValue:
        """The key/value store."""
        return KeyValue(self._task)

    def http(self, connection: str) -> HttpConnection:
        """An outgoing HTTP connection, by its name."""
        return HttpConnection(self._task, connection)

    def translate(self, system1: str, key1: str, value1: Any, system2: str, key2: str) -> Optional[str]:
        """What a value is called in another system, by the data dictionaries; None when nobody said."""
        return self._task.translate((system1, key1, str(value1)), (system2, key2))

    @overload
    def invoke(self, target: "ServiceDef[None, O]", data: None = None) -> O: ...
    @overload
    def invoke(self, target: "ServiceDef[I, O]", data: I) -> O: ...
    @overload
    def invoke(self, target: str, data: Any = None) -> Any: ...
    def invoke(self, target: Any, data: Any = None) -> Any:
        """Invokes another service and returns its answer; in this thread when it is in this process.

        By name, data and answer are plain JSON values, the answer without a response element.
        """
        name = target if isinstance(target, str) else target.name
        read = None if isinstance(target, str) else target.read_output
        entry = registry.local(name)
        if entry is not None:
            chosen = entry
            typed = read is not None or not isinstance(target, str)
            return run_nested(self._task, chosen, lambda: chosen.run_local(self._task, data, {"typed": typed}))
        body, is_json = to_body(data)
        meta, answer = self._task.call({"op": "invoke", "service": name, "json": is_json or not body}, body)
        if meta.get("kind") == "empty" or not answer:
            return None
        if meta.get("kind") == "raw":
            return answer if getattr(target, "output_hint", None) is bytes else answer.decode("utf-8")
        value = from_json(answer)
        return value if read is None else read(value)

    @overload
    def invoke_async(self, target: "ServiceDef[I, Any]", data: I, *, delay: float = 0.0) -> str: ...
    @overload
    def invoke_async(self, target: str, data: Any = None, *, delay: float = 0.0) -> str: ...
    def invoke_async(self, target: Any, data: Any = None, *, delay: float = 0.0) -> str:
        """Has a service run later, ``delay`` seconds from now at the earliest, anywhere; the cid it will have."""
        body, is_json = to_body(data)
        name = target if isinstance(target, str) else target.name
        meta: Meta = {"op": "invoke_async", "service": name, "json": is_json or not body}
        if delay > 0:
            meta["delay_ms"] = int(delay * 1000)
        found, _ = self._task.call(meta, body)
        return str(found.get("cid") or "")


def to_body(data: Any) -> Tuple[bytes, bool]:
    """Bytes of what is sent, and whether it is JSON."""
    if data is None:
        return b"", False
    if isinstance(data, str):
        return data.encode("utf-8"), False
    if isinstance(data, (bytes, bytearray)):
        return bytes(data), False
    return to_json_bytes(deep_plain(data)), True


def _pairs(params: Optional[Params]) -> List[List[str]]:
    items: Iterable[Tuple[str, Any]] = params.items() if isinstance(params, Mapping) else params or ()
    found: List[List[str]] = []
    for name, value in items:
        for one in value if isinstance(value, (list, tuple)) else (value,):
            found.append([str(name), str(one)])
    return found
