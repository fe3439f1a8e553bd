"""A client of the public API, for programs outside the node. Standard library only; safe to share between threads.

    from pathlib import Path
    from busker.client import Client

    client = Client("http://127.0.0.1:8183", token=Path("env/cli.token").read_text())
    client.call("busker.cluster.get-roster")["nodes"]
    client.invoke("stockmarket.get-market-cap", {"symbol": "GOOG"})

Errors are those that services raise, ``busker.errors``: NotFound, Conflict, Forbidden and so on, with the cid.
"""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence
from urllib.parse import quote

from busker._transport import Answer, Transport, basic, context
from busker.errors import CLASSES, BuskerError, Timeout

__all__ = ["Client", "Event", "Objects"]

#: Longest wait for an answer unless told otherwise, in seconds: the API itself gives up after 120.
TIMEOUT_S = 130.0
#: Objects a page of a list holds.
PAGE = 500
#: How often ``wait`` looks where an invocation is, in seconds: at first, and at most.
FIRST_LOOK_S, LONGEST_LOOK_S = 0.02, 1.0
#: Longest line of the event stream, in bytes.
MAX_EVENT_BYTES = 4 * 1024 * 1024
#: Silence after which an event stream is given up, in seconds: a node that lives sends a comment every 15.
EVENT_SILENCE_S = 45.0


@dataclass(frozen=True)
class Event:
    """One event of a node: what it is about, its data, and the id to go on from."""

    topic: str
    data: Any
    id: str


class Client:
    """The public API of one node. ``token``, or ``user`` and ``password``; times are in seconds."""

    def __init__(
        self,
        address: str,
        *,
        token: Optional[str] = None,
        user: Optional[str] = None,
        password: Optional[str] = None,
        timeout: float = TIMEOUT_S,
        ca_file: Optional[str] = None,
    ) -> None:
        self._transport = Transport(address, timeout, context(ca_file))
        if token is not None:
            self._authorization = "Bearer " + token.strip()
        elif user is not None and password is not None:
            self._authorization = basic(user, password)
        else:
            raise ValueError("give token, or user and password")

    def __repr__(self) -> str:
        return f"<Client of {self._transport.address}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection of this thread; the next call opens another one."""
        self._transport.close()

    def call(self, service: str, /, **fields: Any) -> Any:
        """Calls any service of the API with JSON and returns its answer; ``fields`` is its input."""
        return self.send(service, fields)

    def send(self, service: str, payload: Any) -> Any:
        """The same with an input that is not a list of fields."""
        body = json.dumps(payload).encode()
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        answer = self._transport.send("POST", "/api/v1/services/" + quote(service, safe=""), body, headers)
        if answer.status != 200:
            raise refusal(answer.status, answer)
        return json.loads(answer.content) if answer.content else None

    def invoke(
        self,
        name: str,
        payload: Any = None,
        *,
        data_format: str = "json",
        transport: str = "plain_http",
        headers: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
    ) -> Any:
        """Invokes a service as a channel would. JSON comes back read, any other format as text."""
        asked: Dict[str, Any] = {"name": name, "data_format": data_format, "transport": transport}
        if payload is not None:
            asked["payload"] = json.dumps(payload) if data_format == "json" else payload
        if headers:
            asked["headers"] = dict(headers)
        if timeout is not None:
            asked["timeout_ms"] = int(timeout * 1000)
        got = self.send("busker.service.invoke", asked)
        body: str = got["body"]
        if got["status"] >= 400:
            told = {"content-type": got["content_type"], "x-busker-cid": got["cid"]}
            raise refusal(got["status"], Answer(got["status"], told, body.encode()))
        is_json = "json" in got["content_type"] and transport == "plain_http"
        return json.loads(body) if is_json and body else body

    def invoke_async(
        self,
        name: str,
        payload: Any = None,
        *,
        delay: float = 0.0,
        deadline: Optional[float] = None,
        delivery: Optional[str] = None,
        key: Optional[str] = None,
    ) -> str:
        """Hands an invocation over and returns its cid; it runs later, at least once.

        ``delay`` and ``deadline`` are in seconds from now, ``delivery`` is durable or fast, and those of one service with
        the same ``key`` run one after another.
        """
        asked: Dict[str, Any] = {"name": name, "async": True, "delay_ms": int(delay * 1000)}
        if payload is not None:
            asked["payload"] = json.dumps(payload)
        if deadline is not None:
            asked["deadline_ms"] = int(deadline * 1000)
        asked.update({field: value for field, value in (("delivery", delivery), ("key", key)) if value is not None})
        cid: str = self.send("busker.service.invoke", asked)["cid"]
        return cid

    def wait(self, cid: str, timeout: float = 60.0) -> Any:
        """Where an asynchronous invocation ended, as ``busker.message.get-status`` answers it. Raises Timeout."""
        end = time.monotonic() + timeout
        pause = FIRST_LOOK_S
        while True:
            status = self.call("busker.message.get-status", cid=cid)
            if status["state"] in ("done", "dead", "expired", "discarded"):
                return status
            left = end - time.monotonic()
            if left <= 0:
                raise Timeout(f"{cid} is {status['state']} after {timeout:g} s")
            time.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_LOOK_S)

    def objects(self, kind: str) -> Objects:
        """Configured objects of a kind, such as ``channel.http``, ``security.basic-auth``, ``job.cron``."""
        return Objects(self, kind)

    def events(self, topics: Sequence[str] = (), after: str = "") -> Iterator[Event]:
        """What happens on the node, as it happens. Topics: tree, event, rates; all of them when none is named.

        ``after`` is the id of the last event that was seen. An event of topic ``resync`` says that some are missing: read the
        state again. Ends when the node closes the stream, as it does when it stops.
        """
        path = "/api/v1/events" + ("?topics=" + quote(",".join(topics), safe=",") if topics else "")
        headers = {"Authorization": self._authorization, "Accept": "text/event-stream"}
        if after:
            headers["Last-Event-ID"] = after
        connection = self._transport.open(EVENT_SILENCE_S)
        try:
            connection.request("GET", self._transport.path(path), headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                told = {name.lower(): value for name, value in response.getheaders()}
                raise refusal(response.status, Answer(response.status, told, response.read(MAX_EVENT_BYTES)))
            yield from _frames(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._transport.failure(error, EVENT_SILENCE_S) from error
        finally:
            connection.close()


class Objects:
    """Objects of one kind. What they answer is ``{"name", "active", "settings", "revision", ...}``."""

    def __init__(self, client: Client, kind: str) -> None:
        self._client = client
        self._kind = kind

    def __repr__(self) -> str:
        return f"<objects of {self._kind}>"

    def create(self, name: str, *, active: bool = True, **settings: Any) -> Dict[str, Any]:
        """Creates one."""
        return self._do("create", {"name": name, "active": active, "settings": settings})

    def edit(self, name: str, *, revision: Optional[int] = None, **settings: Any) -> Dict[str, Any]:
        """Changes some settings; with ``revision``, only if nobody wrote since it was read."""
        changed: Dict[str, Any] = {"name": name, "settings": settings}
        if revision is not None:
            changed["revision"] = revision
        return self._do("edit", changed)

    def switch(self, name: str, active: bool) -> Dict[str, Any]:
        """Switches one on or off."""
        return self._do("edit", {"name": name, "active": active})

    def get(self, name: str) -> Dict[str, Any]:
        """One of them. Raises NotFound."""
        return self._do("get", {"name": name})

    def delete(self, name: str, *, cascade: bool = False) -> Dict[str, Any]:
        """Deletes one; with ``cascade``, what refers to it as well."""
        return self._do("delete", {"name": name, "cascade": cascade})

    def list(self, filter: str = "") -> Iterator[Dict[str, Any]]:
        """All of them, by name, or those whose name contains ``filter``. Read page by page."""
        offset = 0
        while True:
            asked: Dict[str, Any] = {"limit": PAGE, "offset": offset}
            if filter:
                asked["filter"] = filter
            page = self._do("list", asked)["objects"]
            yield from page
            if len(page) < PAGE:
                return
            offset += len(page)

    def _do(self, verb: str, fields: Mapping[str, Any]) -> Dict[str, Any]:
        answer: Dict[str, Any] = self._client.send(f"busker.{self._kind}.{verb}", fields)
        return answer


def refusal(status: int, answer: Answer) -> BuskerError:
    """The error of an answer that says no: RFC 9457 as nodes write it, or anything that a proxy sent in their place."""
    problem: Any = None
    if "json" in answer.headers.get("content-type", ""):
        try:
            problem = json.loads(answer.content)
        except ValueError:
            pass
    if not isinstance(problem, dict):
        problem = {"detail": answer.text[:1000] or f"HTTP status {status}"}
    error = CLASSES.get(problem.get("class", ""), BuskerError)(
        str(problem.get("detail", "")), violations=problem.get("violations", ())
    )
    error.status = status
    error.code = str(problem.get("code", ""))
    error.cid = str(problem.get("cid") or answer.headers.get("x-busker-cid", ""))
    return error


def _frames(response: http.client.HTTPResponse) -> Iterator[Event]:
    """Server-sent events (WHATWG HTML, 9.2), as far as nodes write them: event, data, id, comments."""
    topic, data, last = "", "", ""
    while True:
        line = response.readline(MAX_EVENT_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_EVENT_BYTES:
            raise http.client.HTTPException(f"an event is longer than {MAX_EVENT_BYTES} bytes")
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            if data:
                yield Event(topic or "message", json.loads(data), last)
            topic, data = "", ""
            continue
        field, _, value = text.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "event":
            topic = value
        elif field == "data":
            data = data + "\n" + value if data else value
        elif field == "id":
            last = value
