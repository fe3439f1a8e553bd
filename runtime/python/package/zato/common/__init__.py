"""Exceptions and constants that services written for Zato use."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Optional

from busker import errors
from busker._host.errors import CLASS_STATUSES
from busker._host.remote import EXCEPTION_TYPES

ZATO_OK = "ZATO_OK"
ZATO_ERROR = "ZATO_ERROR"
ZATO_WARNING = "ZATO_WARNING"
ZATO_NONE = "ZATO_NONE"


class ZatoException(Exception):
    """Base of the exceptions of this face."""

    def __init__(self, cid: Optional[str] = None, msg: Optional[str] = None) -> None:
        super().__init__(msg if msg is not None else "")
        self.cid = cid
        self.msg = msg


class ParsingException(ZatoException):
    """A message cannot be read: the caller gets 400."""

    error_class = "invalid"


class ValidationException(ZatoException):
    """A value breaks a rule: 400."""

    error_class = "invalid"


class HTTPException(ZatoException):
    """The service chose a status for its error."""

    #: Tells the host that ``status`` is an HTTP status on purpose and not a field of somebody's own exception.
    busker_http = True

    def __init__(self, cid: Optional[str], msg: str, status: int) -> None:
        super().__init__(cid, msg)
        self.status = int(status)

    @property
    def reason(self) -> str:
        """The usual phrase of the status."""
        return HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else ""


class BadRequest(HTTPException):
    """400."""

    def __init__(self, cid: Optional[str] = None, msg: str = "Received a bad request") -> None:
        super().__init__(cid, msg, 400)


class Unauthorized(HTTPException):
    """401."""

    def __init__(self, cid: Optional[str] = None, msg: str = "Unauthorized", challenge: str = "") -> None:
        super().__init__(cid, msg, 401)
        self.challenge = challenge


class Forbidden(HTTPException):
    """403."""

    def __init__(self, cid: Optional[str] = None, msg: str = "You are not allowed to access this resource") -> None:
        super().__init__(cid, msg, 403)


class NotFound(HTTPException):
    """404."""

    def __init__(self, cid: Optional[str] = None, msg: str = "Not found") -> None:
        super().__init__(cid, msg, 404)


class MethodNotAllowed(HTTPException):
    """405."""

    def __init__(self, cid: Optional[str] = None, msg: str = "Method not allowed") -> None:
        super().__init__(cid, msg, 405)


class TooManyRequests(HTTPException):
    """429."""

    def __init__(self, cid: Optional[str] = None, msg: str = "Too many requests") -> None:
        super().__init__(cid, msg, 429)


class Inactive(ZatoException, errors.Unavailable):
    """A connection that is switched off was used. Services of the typed face catch it as Unavailable."""

    retry = False

    def __init__(self, name: str = "") -> None:
        super().__init__(None, name)


class NotConfigured(ZatoException):
    """A part of Zato's interface that this node does not have, or that nobody configured."""

    error_class = "unavailable"

    def __init__(self, msg: str) -> None:
        super().__init__(None, msg)


def _text_only(cls: Any) -> None:
    EXCEPTION_TYPES[cls.__name__] = lambda text, class_: cls(None, text)


for _cls in (
    ZatoException, ParsingException, ValidationException, BadRequest, Unauthorized, Forbidden, NotFound,
    MethodNotAllowed, TooManyRequests,
):  # fmt: skip
    _text_only(_cls)
# Its status comes beside it, where the service chose one: see remote.rebuild.
EXCEPTION_TYPES["HTTPException"] = lambda text, class_: HTTPException(None, text, CLASS_STATUSES.get(class_, 500))
EXCEPTION_TYPES["Inactive"] = lambda text, class_: Inactive(text)
EXCEPTION_TYPES["NotConfigured"] = lambda text, class_: NotConfigured(text)
