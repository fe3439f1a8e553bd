"""Errors that services raise and catch.

A class says what kind of failure it is; the node turns it into the answer of whatever protocol the caller speaks.
"""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Sequence, Type


class BuskerError(Exception):
    """Base of the errors that the node understands. ``error_class`` is one of its ten words."""

    error_class: ClassVar[str] = "internal"
    retry: bool = False
    #: Set by ``busker.client`` on what the API refused: the HTTP status, the code word of the problem, and the cid.
    status: int = 0
    code: str = ""
    cid: Optional[str] = None

    def __init__(self, message: str = "", *, violations: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(message)
        self.message = message
        #: Faults of single input fields: ``{"field": ..., "message": ...}``.
        self.violations: List[Dict[str, str]] = [dict(violation) for violation in violations]


class Invalid(BuskerError):
    """Bad input: the caller gets 400."""

    error_class = "invalid"


class Unauthenticated(BuskerError):
    """No or wrong credentials: 401."""

    error_class = "unauthenticated"


class Forbidden(BuskerError):
    """A known caller without the right: 403."""

    error_class = "forbidden"


class NotFound(BuskerError):
    """No such thing: 404."""

    error_class = "not-found"


class Conflict(BuskerError):
    """The state does not allow it: 409."""

    error_class = "conflict"


class TooLarge(BuskerError):
    """Over a limit of size: 413."""

    error_class = "too-large"


class Busy(BuskerError):
    """Full for now: 503 with Retry-After."""

    error_class = "busy"
    retry = True


class Timeout(BuskerError):
    """A deadline passed: 504."""

    error_class = "timeout"
    retry = True


class Unavailable(BuskerError):
    """Something needed is away: 502 or 503."""

    error_class = "unavailable"
    retry = True


class ServiceError(BuskerError):
    """A service elsewhere raised. Its frames are in the traceback; its type is in ``remote_type``."""


class Cancelled(BaseException):
    """The caller no longer waits. Not an Exception, so that ``except Exception`` does not swallow it."""

    error_class = "timeout"

    def __init__(self, message: str = "the request was cancelled") -> None:
        super().__init__(message)


class NotInRequest(RuntimeError):
    """A call to the node from code that runs outside any request, or after its request ended."""


CLASSES: Dict[str, Type[BuskerError]] = {
    cls.error_class: cls
    for cls in (Invalid, Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Busy, Timeout, Unavailable)
}


def violations_of(error: BaseException) -> Optional[List[Any]]:
    """The violations an error carries, if any."""
    return getattr(error, "violations", None) or None
