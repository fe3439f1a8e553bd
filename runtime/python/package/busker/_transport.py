"""One HTTP exchange at a time, over connections that are kept. Standard library only."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from busker.errors import Timeout, Unavailable

#: Longest answer that is read, in bytes.
MAX_ANSWER_BYTES = 64 * 1024 * 1024
#: Silence after which a kept connection is not used again, in seconds: nodes close theirs after five.
MAX_IDLE_S = 3.0


@dataclass(frozen=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: Dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.content.decode("utf-8", "replace")


class Transport:
    """Connections to one address. Threads may share it: each has a connection of its own."""

    def __init__(self, address: str, timeout: float, tls: Optional[ssl.SSLContext] = None) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError(f"address is {address!r}; it must look like http://127.0.0.1:8183, without credentials")
        self.address = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path.rstrip("/")
        self._host, self._port = parts.hostname, parts.port
        self._secure = parts.scheme == "https"
        self._timeout = timeout
        self._tls = tls
        self._kept = threading.local()

    def open(self, timeout: Optional[float] = None) -> http.client.HTTPConnection:
        """A connection that nobody else uses."""
        wait = self._timeout if timeout is None else timeout
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=wait, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=wait)

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout: Optional[float] = None) -> Answer:
        """Sends a request and reads the whole answer.

        Raises Unavailable when the other side cannot be reached or breaks off, Timeout when it is silent for too long.
        Nothing is sent twice: whether a broken request was carried out, only the other side knows.
        """
        connection = self._take()
        wait = self._timeout if timeout is None else timeout
        try:
            connection.timeout = wait
            if connection.sock is not None:
                connection.sock.settimeout(wait)
            connection.request(method, self._prefix + path, body, dict(headers))
            answer = read(connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self.failure(error, wait) from error
        self._keep(connection)
        return answer

    def failure(self, error: Exception, wait: float) -> Exception:
        """What a broken exchange raises."""
        if isinstance(error, (socket.timeout, TimeoutError)):
            return Timeout(f"{self.address} did not answer within {wait:g} s")
        return Unavailable(f"{self.address}: {error or type(error).__name__}")

    def close(self) -> None:
        """Closes the connection of this thread."""
        kept: Optional[Tuple[http.client.HTTPConnection, float]] = getattr(self._kept, "one", None)
        self._kept.one = None
        if kept is not None:
            kept[0].close()

    def path(self, path: str) -> str:
        """The path as it goes over the wire."""
        return self._prefix + path

    def _take(self) -> http.client.HTTPConnection:
        kept: Optional[Tuple[http.client.HTTPConnection, float]] = getattr(self._kept, "one", None)
        self._kept.one = None
        if kept is not None:
            if time.monotonic() - kept[1] < MAX_IDLE_S:
                return kept[0]
            kept[0].close()
        return self.open()

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        if connection.sock is not None:
            self._kept.one = (connection, time.monotonic())


def read(response: http.client.HTTPResponse) -> Answer:
    """Reads an answer whole. Raises HTTPException for one that is too long."""
    content = response.read(MAX_ANSWER_BYTES + 1)
    if len(content) > MAX_ANSWER_BYTES:
        raise http.client.HTTPException(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    # A body that was read in part leaves its end on the connection; read() to the end tells the response that it is over.
    response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


def basic(user: str, password: str) -> str:
    """The Authorization header of HTTP Basic Auth."""
    if ":" in user:
        raise ValueError("user may not hold a colon: it parts the name from the password")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def context(ca_file: Optional[str]) -> Optional[ssl.SSLContext]:
    """TLS that trusts one authority; None means those of the system."""
    return None if ca_file is None else ssl.create_default_context(cafile=ca_file)

