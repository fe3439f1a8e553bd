"""self.response: what a service answers, and how that becomes the body of a RES frame."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Optional

from busker._host.entry import Answer
from busker._host.protocol import Meta
from busker._host.values import plain, to_json_bytes
from zato.common import ZATO_OK
from zato.server.service._sio import Declaration

DEFAULT_CONTENT_TYPE = "text/plain"


class SIOPayload:
    """self.response.payload of a service that declares output: attributes make one item, ``append`` makes a list.

    Any name may be a field, so our own methods have underscores, but for those that Zato's face has.
    """

    __slots__ = ("_declaration", "_items", "_one")

    def __init__(self, declaration: Declaration) -> None:
        _set(self, "_declaration", declaration)
        _set(self, "_items", None)
        _set(self, "_one", None)

    def append(self, item: Any) -> None:
        """One more item of the list."""
        items = self._items
        if items is None:
            _set(self, "_items", [item])
        else:
            items.append(item)

    def extend(self, items: Iterable[Any]) -> None:
        """More items of the list."""
        for item in items:
            self.append(item)

    def _assign(self, value: Any) -> None:
        """``response.payload = value``: a mapping, row or named tuple is one item, a list or tuple is many."""
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            _set(self, "_items", list(value))
        else:
            _set(self, "_items", None)
            _set(self, "_one", to_item(value, self._declaration))

    def __setattr__(self, name: str, value: Any) -> None:
        if self._one is None:
            _set(self, "_one", {})
        self._one[name] = value

    def __getattr__(self, name: str) -> Any:
        one = _get(self, "_one")
        if one is None or name not in one:
            raise AttributeError(f"the response has no {name!r} yet")
        return one[name]

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, slice):
            items = [] if self._items is None else self._items
            items[key] = list(value)
            _set(self, "_items", items)
        elif isinstance(key, int):
            self._list()[key] = value
        else:
            setattr(self, key, value)

    def __getitem__(self, key: Any) -> Any:
        return self._list()[key] if isinstance(key, (int, slice)) else getattr(self, key)

    def __len__(self) -> int:
        return len(self._items) if self._items is not None else len(self._one or ())

    def __bool__(self) -> bool:
        return self._items is not None or bool(self._one)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._list())

    def _list(self) -> List[Any]:
        items: List[Any] = [] if self._items is None else self._items
        return items

    def _value(self) -> Any:
        """The dict or list that the service filled in."""
        declaration = self._declaration
        if self._items is not None:
            return [item if type(item) is dict else to_item(item, declaration) for item in self._items]
        one = {} if self._one is None else self._one
        if declaration.output_repeated:
            return [one] if one else []
        return one

    def _filtered(self) -> Any:
        """The same, reduced and converted as declared: for a caller in this process."""
        value, write = self._value(), self._declaration.write_output
        return [write(item) for item in value] if isinstance(value, list) else write(value)

    def getvalue(self, serialize: bool = True) -> Any:
        """The answer inside its response element, as text or as a dict."""
        value = {self._declaration.response_elem: self._filtered()}
        return to_json_bytes(value).decode("utf-8") if serialize else value


_set = object.__setattr__
_get = object.__getattribute__


def to_item(value: Any, declaration: Declaration) -> Dict[str, Any]:
    """One item of output as a dict: of a mapping, a named tuple, a dataclass, or the attributes of a row."""
    if isinstance(value, dict):
        return dict(value)
    if hasattr(value, "_asdict"):
        return dict(value._asdict())
    names = [field.name for field in declaration.output]
    found = {name: getattr(value, name) for name in names if hasattr(value, name)}
    if not found and names:
        raise TypeError(f"a response item has none of the declared fields {names}: {value!r:.200}")
    return found


class Response:
    """self.response."""

    __slots__ = ("_declaration", "_payload", "_type", "_headers", "_status", "result", "result_details",
                 "content_encoding")  # fmt: skip

    def __init__(self, declaration: Optional[Declaration]) -> None:
        self._declaration = declaration
        self._payload: Any = "" if declaration is None else SIOPayload(declaration)
        self._type: Optional[str] = None
        self._headers: Optional[Dict[str, str]] = None
        self._status: Optional[int] = None
        self.result = ZATO_OK
        self.result_details = ""
        self.content_encoding: Optional[str] = None

    @property
    def payload(self) -> Any:
        """What is answered. With declared output: fill it in; without: set it."""
        return self._payload

    @payload.setter
    def payload(self, value: Any) -> None:
        declaration = self._declaration
        if declaration is None or isinstance(value, (str, bytes, SIOPayload)):
            self._payload = value
            return
        payload = SIOPayload(declaration)
        if value is not None:
            payload._assign(value)
        self._payload = payload

    @property
    def content_type(self) -> str:
        """text/plain until it is set; the node picks by format when it was not."""
        return self._type or DEFAULT_CONTENT_TYPE

    @content_type.setter
    def content_type(self, value: str) -> None:
        self._type = value

    @property
    def headers(self) -> Dict[str, str]:
        """HTTP headers to add."""
        if self._headers is None:
            self._headers = {}
        return self._headers

    @headers.setter
    def headers(self, value: Dict[str, str]) -> None:
        self._headers = dict(value)

    @property
    def status_code(self) -> int:
        """HTTP status."""
        return self._status or 200

    @status_code.setter
    def status_code(self, value: int) -> None:
        self._status = int(value)

    def to_answer(self) -> Answer:
        """Meta and body of the RES frame."""
        payload = self._payload
        if type(payload) is SIOPayload:
            body, kind = to_json_bytes(payload._value()), "json"
        else:
            body, kind = _body(payload)
        if self._type is None and self._headers is None and self._status is None and self.content_encoding is None:
            return (None if kind == "json" else {"kind": kind}), body
        return self._meta(kind), body

    def _meta(self, kind: str) -> Meta:
        headers = [[name, str(value)] for name, value in (self._headers or {}).items()]
        if self.content_encoding:
            headers.append(["Content-Encoding", self.content_encoding])
        meta: Meta = {"kind": kind, "headers": headers}
        if self._type is not None:
            meta["content_type"] = self._type
        if self._status is not None:
            meta["status"] = self._status
        return meta

    def to_value(self) -> Any:
        """For a caller in this process: dicts, lists, text; inside the response element."""
        payload = self._payload
        return payload._filtered() if type(payload) is SIOPayload else payload


def _body(payload: Any) -> "tuple[bytes, str]":
    if payload is None or payload == "" or payload == b"":
        return b"", "empty"
    if isinstance(payload, str):
        return payload.encode("utf-8"), "raw"
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload), "raw"
    if type(payload).__module__.startswith("lxml."):
        from lxml import etree  # type: ignore[import-untyped, import-not-found, unused-ignore]  # the service's library

        return bytes(etree.tostring(payload)), "raw"
    if not isinstance(payload, (dict, list, tuple, int, float)):
        payload = plain(payload)
    return to_json_bytes(payload), "json"
