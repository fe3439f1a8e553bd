"""self.outgoing: connections to elsewhere. The node owns them; a call goes through it, with its pools and limits."""

from __future__ import annotations

import email.message
from typing import Any, Dict, Iterable, List, Mapping, NoReturn, Optional, Sequence, Tuple, Union

from busker._host.protocol import Meta
from busker._host.task import Task
from busker._host.values import from_json, to_json_bytes
from zato.common import NotConfigured
from zato.server.service._bag import bagged
from zato.server.service._request import Headers

Params = Union[None, str, Mapping[str, Any], Iterable[Tuple[str, Any]]]


class HTTPResponse:
    """What a remote HTTP server answered."""

    __slots__ = ("status_code", "reason", "headers", "content")

    def __init__(self, meta: Meta, content: bytes) -> None:
        self.status_code = int(meta.get("status") or 0)
        self.reason = str(meta.get("reason") or "")
        self.headers = Headers(meta.get("headers") or ())
        self.content = content

    @property
    def encoding(self) -> str:
        """Charset of the Content-Type; UTF-8 without one."""
        head = email.message.Message()
        head["Content-Type"] = self.headers.get("content-type", "")
        return str(head.get_content_charset("utf-8"))

    @property
    def text(self) -> str:
        """The body as text."""
        try:
            return self.content.decode(self.encoding, "replace")
        except LookupError:  # a charset that Python does not know
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return from_json(self.content)

    @property
    def data(self) -> Any:
        """The body as JSON with dot notation; its text when it is no JSON."""
        try:
            return bagged(self.json())
        except ValueError:
            return self.text

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    def raise_for_status(self) -> None:
        """Raises OSError for a status of 400 and more."""
        if not self.ok:
            raise OSError(f"{self.status_code} {self.reason}")

    def __repr__(self) -> str:
        return f"<HTTPResponse [{self.status_code}]>"


class HTTPConnection:
    """``self.outgoing.plain_http.get(name).conn``. The cid comes first, as Zato has it; the node adds it anyway."""

    __slots__ = ("_task", "name", "transport")

    def __init__(self, task: Task, name: str, transport: str) -> None:
        self._task = task
        self.name = name
        self.transport = transport

    def get(self, cid: str = "", params: Params = None, *args: Any, **kwargs: Any) -> HTTPResponse:
        """GET."""
        return self.request("GET", cid, "", params, *args, **kwargs)

    def delete(self, cid: str = "", data: Any = "", params: Params = None, *args: Any, **kwargs: Any) -> HTTPResponse:
        """DELETE."""
        return self.request("DELETE", cid, data, params, *args, **kwargs)

    def post(self, cid: str = "", data: Any = "", params: Params = None, *args: Any, **kwargs: Any) -> HTTPResponse:
        """POST."""
        return self.request("POST", cid, data, params, *args, **kwargs)

    def put(self, cid: str = "", data: Any = "", params: Params = None, *args: Any, **kwargs: Any) -> HTTPResponse:
        """PUT."""
        return self.request("PUT", cid, data, params, *args, **kwargs)

    def patch(self, cid: str = "", data: Any = "", params: Params = None, *args: Any, **kwargs: Any) -> HTTPResponse:
        """PATCH."""
        return self.request("PATCH", cid, data, params, *args, **kwargs)

    def head(self, cid: str = "", params: Params = None, *args: Any, **kwargs: Any) -> HTTPResponse:
        """HEAD."""
        return self.request("HEAD", cid, "", params, *args, **kwargs)

    #: SOAP: the message is posted.
    send = post

    def ping(self, cid: str = "") -> str:
        """Asks the remote for a sign of life; returns what came of it."""
        meta, _ = self._task.call({"op": "ping", "conn": self.name, "transport": self.transport})
        return f"ok:[{bool(meta.get('ok'))}] time:[{meta.get('ms')} ms] {meta.get('message') or ''}".strip()

    def request(
        self,
        method: str,
        cid: str = "",
        data: Any = "",
        params: Params = None,
        headers: Optional[Mapping[str, Any]] = None,
        path: str = "",
        timeout: Optional[float] = None,
        **kwargs: Any,
    ) -> HTTPResponse:
        """One HTTP request. ``data`` that is no text and no bytes is sent as JSON. ``timeout`` in seconds."""
        if "json" in kwargs:
            data = kwargs.pop("json")
        if kwargs:
            raise TypeError(f"outgoing HTTP connections do not take {sorted(kwargs)}: the node owns the connection")
        body, content_type = to_body(data)
        sent = header_pairs(headers)
        if content_type and not any(name.lower() == "content-type" for name, _ in sent):
            sent.append(["Content-Type", content_type])
        meta: Meta = {
            "op": "http", "conn": self.name, "transport": self.transport, "method": method.upper(),
            "query": query_pairs(params), "headers": sent,
        }  # fmt: skip
        if path:
            meta["path"] = path
        if timeout is not None:
            meta["timeout_ms"] = int(timeout * 1000)
        return HTTPResponse(*self._task.call(meta, body))

    def __repr__(self) -> str:
        return f"<HTTPConnection {self.transport} {self.name!r}>"


def to_body(data: Any) -> Tuple[bytes, str]:
    """A request's body and the content type that goes with it, empty when the node should pick."""
    if data is None or data == "":
        return b"", ""
    if isinstance(data, (bytes, bytearray)):
        return bytes(data), ""
    if isinstance(data, str):
        return data.encode("utf-8"), ""
    return to_json_bytes(data), "application/json"


def query_pairs(params: Params) -> List[List[str]]:
    """Query parameters as pairs; a list as a value makes several."""
    if not params:
        return []
    if isinstance(params, str):
        from urllib.parse import parse_qsl

        return [[name, value] for name, value in parse_qsl(params.lstrip("?"), keep_blank_values=True)]
    items: Iterable[Tuple[str, Any]] = params.items() if isinstance(params, Mapping) else params
    found: List[List[str]] = []
    for name, value in items:
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                found.append([str(name), _word(one)])
    return found


def _word(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def header_pairs(headers: Optional[Mapping[str, Any]]) -> List[List[str]]:
    """Headers as pairs."""
    return [[str(name), _word(value)] for name, value in (headers or {}).items()]


class Item:
    """A connection by its name: ``.conn`` is the connection."""

    __slots__ = ("name", "conn")

    def __init__(self, name: str, conn: HTTPConnection) -> None:
        self.name = name
        self.conn = conn


class Store:
    """``self.outgoing.plain_http`` or ``.soap``."""

    __slots__ = ("_task", "_transport")

    def __init__(self, task: Task, transport: str) -> None:
        self._task = task
        self._transport = transport

    def get(self, name: str) -> Item:
        """The connection of that name. Whether it exists is known when it is used."""
        return Item(name, HTTPConnection(self._task, name, self._transport))

    __getitem__ = get


class Missing:
    """A family of connections that this node has no connector for: any use of it says so."""

    def __init__(self, attribute: str, what: str) -> None:
        object.__setattr__(self, "_text", f"{attribute} is not configured: {what} is not part of this node yet")

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotConfigured(object.__getattribute__(self, "_text"))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)  # copy, pickle and the like only look
        self._refuse()

    __call__ = __getitem__ = __setattr__ = __enter__ = _refuse

    def __exit__(self, *args: Sequence[Any]) -> None:
        """Never reached: __enter__ raises."""


_MISSING: Dict[str, str] = {
    "sql": "the SQL connector",
    "ftp": "the FTP connector",
    "amqp": "the AMQP connector",
    "jms_wmq": "the IBM MQ connector",
    "zmq": "the ZeroMQ connector",
    "odoo": "the Odoo connector",
}


class Outgoing:
    """self.outgoing."""

    __slots__ = ("_task", "plain_http", "soap")

    def __init__(self, task: Task) -> None:
        self._task = task
        self.plain_http = Store(task, "plain_http")
        self.soap = Store(task, "soap")

    def __getattr__(self, name: str) -> Any:
        what = _MISSING.get(name)
        if what is None:
            raise AttributeError(f"outgoing has no {name!r}")
        raise NotConfigured(f"outgoing.{name} is not configured: {what} is not part of this node yet")
