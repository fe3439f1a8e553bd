"""Clients in the style of Zato's own, for its endpoints: JSON, SOAP, XML, raw, and any service by name.

    from zato.client import AnyServiceInvoker

    client = AnyServiceInvoker("http://127.0.0.1:17010", "/zato/admin/invoke", auth=("admin.invoke", password))
    response = client.invoke("zato.ping")
    response.ok, response.data, response.cid

Standard library only. With ``session``, an object with the ``post`` of ``requests.Session``, that one sends.
"""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union
from xml.etree import ElementTree

from busker._transport import Answer, Transport, basic
from zato.common import ZATO_OK

__all__ = [
    "AnyServiceInvoker", "JSONClient", "JSONSIOClient", "RawDataClient", "Response", "SOAPClient", "SOAPSIOClient", "XMLClient",
]  # fmt: skip

#: Longest wait for an answer, in seconds: a node gives a channel up to an hour, so a client that needs it says so.
TIMEOUT_S = 130.0
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"


class Inner:
    """The HTTP answer, with the few names of a ``requests.Response`` that callers look at."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.headers = answer.headers
        self.content = answer.content
        self.text = answer.text
        self.ok = answer.status < 400


class Response:
    """What a client returns. Iterable when its data is a list; ``data`` is free of Zato's envelope."""

    def __init__(self, inner: Any, max_response_repr: int, max_cid_repr: int) -> None:
        self.inner = inner
        self.ok: bool = inner.ok
        self.data: Any = None
        self.details: Any = None if inner.ok else inner.text
        self.cid: str = header(inner, "x-zato-cid")
        self.meta: Dict[str, Any] = {}
        self._longest = (max_response_repr, max_cid_repr)

    @property
    def has_data(self) -> bool:
        """Whether there is anything in ``data``."""
        return self.data not in (None, "", [], {}, b"")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data if isinstance(self.data, (list, tuple)) else [self.data])

    def __repr__(self) -> str:
        response, cid = self._longest
        text = self.inner.text
        shown = text if len(text) <= response else text[:response] + "[...]"
        return f"<{type(self).__name__} ok:[{self.ok}] inner.status_code:[{self.inner.status_code}] cid:[{self.cid[-cid:]}], inner.text:[{shown}]>"

    def envelope(self, env: Mapping[str, Any]) -> None:
        """Takes what ``zato_env`` says."""
        self.ok = self.ok and env.get("result") == ZATO_OK
        self.details = env.get("details") or self.details
        self.cid = env.get("cid") or self.cid


class _Client:
    """What all of them share: an address, a path, credentials."""

    content_type = "text/plain; charset=utf-8"

    def __init__(
        self,
        address: str,
        path: str,
        auth: Optional[Tuple[str, str]] = None,
        session: Any = None,
        to_bunch: bool = False,
        max_response_repr: int = 2500,
        max_cid_repr: int = 5,
        timeout: float = TIMEOUT_S,
    ) -> None:
        self.service_address = address.rstrip("/") + path
        self.session = session
        self.to_bunch = to_bunch
        self.timeout = timeout
        self.max_response_repr = max_response_repr
        self.max_cid_repr = max_cid_repr
        self._path = path
        self._transport = Transport(address, timeout)
        self._auth = auth

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.service_address}>"

    def _post(self, payload: Union[str, bytes], headers: Optional[Mapping[str, str]]) -> Response:
        body = payload.encode() if isinstance(payload, str) else payload
        sent = {"Content-Type": self.content_type, **(headers or {})}
        if self.session is not None:
            inner = self.session.post(self.service_address, body, headers=sent, auth=self._auth, timeout=self.timeout)
            return self._response(inner)
        if self._auth is not None:
            sent.setdefault("Authorization", basic(*self._auth))
        return self._response(Inner(self._transport.send("POST", self._path, body, sent)))

    def _response(self, inner: Any) -> Response:
        response = Response(inner, self.max_response_repr, self.max_cid_repr)
        self._read(response)
        if self.to_bunch:
            from bunch import bunchify  # type: ignore[import-not-found]  # shims/ has one, or the caller does

            response.data = bunchify(response.data)
        return response

    def _read(self, response: Response) -> None:
        response.data = response.inner.text if response.ok else None


class RawDataClient(_Client):
    """Sends text or bytes as they are and returns text."""

    def invoke(self, payload: Union[str, bytes] = "", headers: Optional[Mapping[str, str]] = None) -> Response:
        """Sends a payload."""
        return self._post(payload, headers)


class JSONClient(_Client):
    """Sends and returns JSON."""

    content_type = "application/json"

    def invoke(self, payload: Any = None, headers: Optional[Mapping[str, str]] = None) -> Response:
        """Sends a payload; None is an empty object."""
        return self._post(dumped({} if payload is None else payload), headers)

    def _read(self, response: Response) -> None:
        found = loaded(response.inner.text)
        if isinstance(found, dict) and isinstance(found.get("zato_env"), dict) and not response.ok:
            response.envelope(found["zato_env"])
        elif response.ok:
            response.data = found


class JSONSIOClient(JSONClient):
    """The same for services whose answer has Zato's envelope around it."""

    def _read(self, response: Response) -> None:
        unwrap(response, loaded(response.inner.text))


class XMLClient(_Client):
    """Sends XML and returns its root element."""

    content_type = "application/xml; charset=utf-8"

    def invoke(self, payload: Union[str, bytes] = "", headers: Optional[Mapping[str, str]] = None) -> Response:
        """Sends a payload."""
        return self._post(payload, headers)

    def _read(self, response: Response) -> None:
        root = parsed(response.inner.text)
        if response.ok:
            response.data = root


class SOAPClient(_Client):
    """Calls a SOAP 1.1 service by its SOAPAction; data is the first element of the body."""

    content_type = "text/xml; charset=utf-8"

    def __init__(self, address: str, path: str, soap_action: str, *args: Any, **options: Any) -> None:
        super().__init__(address, path, *args, **options)
        self.soap_action = soap_action

    def invoke(self, payload: Union[str, bytes], headers: Optional[Mapping[str, str]] = None) -> Response:
        """Sends an envelope."""
        return self._post(payload, {"SOAPAction": self.soap_action, **(headers or {})})

    def _read(self, response: Response) -> None:
        root = parsed(response.inner.text)
        bodies = [] if root is None else [root.find(f"{{{space}}}Body") for space in (SOAP_11, SOAP_12)]
        inside = [child for body in bodies if body is not None for child in body]
        if not inside:
            response.ok, response.details = False, response.details or "the answer has no SOAP body with an element in it"
        elif local(inside[0]) == "Fault":
            response.ok = False
            texts = [child.text for child in inside[0].iter() if local(child) in ("faultstring", "Text")]
            response.details = next((text for text in texts if text), response.details)
        else:
            response.data = inside[0]


class SOAPSIOClient(SOAPClient):
    """The same for services whose answer has Zato's envelope in it; data is a dict, or a list of dicts."""

    def _read(self, response: Response) -> None:
        super()._read(response)
        element = response.data
        if element is None:
            return
        children = {local(child): child for child in element}
        if "zato_env" in children:
            response.envelope({local(child): child.text for child in children["zato_env"]})
        if "item_list" in children:
            response.data = [fields(item) for item in children["item_list"]]
        else:
            response.data = fields(children["item"]) if "item" in children else {}


class AnyServiceInvoker(_Client):
    """Invokes any service by its name or id, now or asynchronously."""

    content_type = "application/json"

    def invoke(
        self,
        name: str = "",
        payload: Any = "",
        headers: Optional[Mapping[str, str]] = None,
        channel: str = "invoke",
        data_format: str = "json",
        transport: Optional[str] = None,
        id: Optional[int] = None,
        to_json: bool = True,
        output_repeated: Optional[bool] = None,
    ) -> Response:
        """Invokes it and waits. What a service whose name ends with ``list`` answers is taken as a list, unless told otherwise."""
        return self._ask(
            {"name": name, "id": id, "payload": payload, "channel": channel, "data_format": data_format, "transport": transport},
            headers, to_json, name.endswith("list") if output_repeated is None else output_repeated,
        )  # fmt: skip

    def invoke_async(
        self,
        name: str = "",
        payload: Any = "",
        headers: Optional[Mapping[str, str]] = None,
        channel: str = "invoke-async",
        data_format: str = "json",
        transport: Optional[str] = None,
        expiration: int = 15,
        id: Optional[int] = None,
        to_json: bool = True,
    ) -> Response:
        """Hands it over; data is its cid. ``expiration`` is in seconds."""
        return self._ask(
            {
                "name": name, "id": id, "payload": payload, "channel": channel, "data_format": data_format,
                "transport": transport, "async": True, "expiration": expiration,
            },
            headers, to_json, False,
        )  # fmt: skip

    def _ask(self, asked: Dict[str, Any], headers: Optional[Mapping[str, str]], to_json: bool, repeated: bool) -> Response:
        payload = asked["payload"]
        text = dumped(payload) if to_json and not isinstance(payload, (str, bytes)) else payload
        raw = text.encode() if isinstance(text, str) else text
        asked["payload"] = base64.b64encode(raw).decode()
        if asked["id"] is None:
            del asked["id"]
        else:
            del asked["name"]
        response = self._post(json.dumps(asked), headers)
        self._open(response, asked, repeated)
        return response

    def _read(self, response: Response) -> None:
        unwrap(response, loaded(response.inner.text))

    def _open(self, response: Response, asked: Mapping[str, Any], repeated: bool) -> None:
        """Takes the service's own answer out of that of the invoker."""
        sealed = response.data.get("response") if isinstance(response.data, dict) else None
        if not response.ok or not sealed:
            response.data = [] if response.ok and repeated else None
        else:
            text = base64.b64decode(sealed).decode("utf-8", "replace")
            # What comes back of one that is handed over is its cid, which is no JSON.
            found = loaded(text) if asked["data_format"] == "json" and not asked.get("async") else None
            response.data = text if found is None else found
            if isinstance(found, dict) and isinstance(found.get("zato_env"), dict):
                unwrap(response, found)
            elif isinstance(found, dict) and len(found) == 1:
                # SimpleIO puts its fields into one element, which is named after the service or just response.
                name, inside = next(iter(found.items()))
                response.data = inside if name.endswith("response") else found


def header(inner: Any, name: str) -> str:
    """A header of an answer, whatever case the library keeps names in."""
    found = inner.headers.get(name) or inner.headers.get(name.title())
    return found or ""


def dumped(payload: Any) -> str:
    """JSON; dates and times in ISO 8601."""

    def other(value: Any) -> str:
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        raise TypeError(f"{type(value).__name__} cannot be written as JSON")

    return json.dumps(payload, default=other)


def loaded(text: str) -> Any:
    """What a text of JSON holds; None when it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def unwrap(response: Response, found: Any) -> None:
    """Takes Zato's envelope off: what is beside ``zato_env`` is the data."""
    response.data = None
    if not isinstance(found, dict):
        response.ok = False
        response.details = response.details or "the answer is not a JSON object"
        return
    env = found.get("zato_env")
    response.envelope(env if isinstance(env, dict) else {})
    others: List[Any] = [value for name, value in found.items() if name != "zato_env"]
    if others and response.ok:
        response.data = others[0]


def parsed(text: str) -> Optional[ElementTree.Element]:
    """The root of an XML text; None when it is none."""
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None


def local(element: ElementTree.Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def fields(item: ElementTree.Element) -> Dict[str, Optional[str]]:
    """The children of an element by name."""
    return {local(child): child.text for child in item}
