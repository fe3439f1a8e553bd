"""self.request: what a service reads. Everything but the input is made when it is first asked for."""

from __future__ import annotations

import io
from typing import Any, Dict, Optional, Sequence
from urllib.parse import unquote_to_bytes, urlencode

from busker._host.task import KIND_JSON, KIND_NONE, Task
from zato.server.service._bag import Bag, bags_from_json

#: Stands for "not made yet": None and "" are payloads too.
_UNREAD: Any = object()


def text_or_bytes(data: bytes) -> Any:
    """Text; the bytes when they are not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


class Headers(Dict[str, str]):
    """HTTP headers; names in any case."""

    def __init__(self, pairs: Sequence[Sequence[str]]) -> None:
        super().__init__((name.lower(), value) for name, value in pairs)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or the default."""
        return super().get(name.lower(), default)


def pairs_to_bag(pairs: Sequence[Sequence[str]]) -> Bag:
    """Parameters by name; one that came several times is a list."""
    found = Bag()
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


class HTTPRequest:
    """self.request.http: the HTTP side of a request."""

    __slots__ = ("method", "path", "GET", "POST", "headers", "params", "remote")

    def __init__(self, request: "Request", head: Dict[str, Any]) -> None:
        self.method: str = head.get("method") or ""
        self.path: str = head.get("path") or ""
        #: Query parameters.
        self.GET = pairs_to_bag(head.get("query") or ())
        #: Fields of a form.
        form = request.payload if request.data_format == "form" else None
        self.POST: Bag = form if isinstance(form, Bag) else Bag()
        self.headers = Headers(head.get("headers") or ())
        #: Parameters of the path's pattern.
        self.params = pairs_to_bag(head.get("path_params") or ())
        self.remote: Optional[str] = head.get("remote")


class Request:
    """self.request."""

    __slots__ = ("_task", "_payload", "_raw", "_http", "input", "cid", "data_format")

    def __init__(self, task: Task, input: Bag, payload: Any = _UNREAD, data_format: Optional[str] = None) -> None:
        self._task = task
        self._payload = payload
        self._raw = payload
        self._http: Optional[HTTPRequest] = None
        #: The SimpleIO fields.
        self.input = input
        self.cid = task.cid
        self.data_format = task.data_format if data_format is None else data_format

    @property
    def payload(self) -> Any:
        """Parsed JSON or XML with dot notation; raw text otherwise (bytes when it is not UTF-8)."""
        if self._payload is _UNREAD:
            task = self._task
            if task.kind == KIND_JSON:
                self._payload = bags_from_json(task.payload)
            else:
                self._payload = "" if task.kind == KIND_NONE else text_or_bytes(task.payload)
        return self._payload

    @payload.setter
    def payload(self, value: Any) -> None:
        self._payload = value

    @property
    def raw_request(self) -> Any:
        """The body as it came, as text; the bytes when they are not UTF-8."""
        if self._raw is _UNREAD:
            self._raw = text_or_bytes(self._task.raw)
        return self._raw

    raw = raw_request

    @property
    def is_xml(self) -> bool:
        """Whether the body came as XML."""
        return self.data_format == "xml"

    @property
    def http(self) -> HTTPRequest:
        """Method, parameters and headers."""
        if self._http is None:
            self._http = HTTPRequest(self, self._task.http)
        return self._http

    @property
    def channel_params(self) -> Bag:
        """Query and path parameters together; those of the path win."""
        found = Bag(self.http.GET)
        found.update(self.http.params)
        return found


def wsgi_environ(task: Task) -> Dict[str, Any]:
    """The environment that a WSGI server would have made of the request; empty when it did not come over HTTP."""
    head = task.http
    if not head:
        return {}
    path: str = head.get("path") or "/"
    query = [(str(name), str(value)) for name, value in head.get("query") or ()]
    environ: Dict[str, Any] = {
        "REQUEST_METHOD": head.get("method") or "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),  # WSGI says so
        "RAW_URI": path,
        "QUERY_STRING": urlencode(query),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": head.get("remote") or "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(task.raw),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "zato.http.cid": task.cid,
    }
    for name, value in head.get("headers") or ():
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    if "HTTP_HOST" in environ:
        host, _, port = environ["HTTP_HOST"].partition(":")
        environ["SERVER_NAME"], environ["SERVER_PORT"] = host, port or "80"
    return environ
