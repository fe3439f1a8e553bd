"""Exceptions as the error objects of the protocol: type, message, frames, cause, class."""

from __future__ import annotations

import importlib
import linecache
import os
from types import TracebackType
from typing import Any, Dict, List, Optional

MAX_FRAMES = 60
#: Of the frames of a long traceback, the outermost kept; the rest of MAX_FRAMES are innermost.
OUTER_FRAMES = 10
MAX_CAUSES = 8
MAX_MESSAGE_CHARS = 16_384
#: Statuses with a class of their own; any other 4xx is the caller's fault, any 5xx ours.
STATUS_CLASSES = {
    401: "unauthenticated", 403: "forbidden", 404: "not-found", 409: "conflict", 413: "too-large",
    429: "busy", 502: "unavailable", 503: "unavailable", 504: "timeout",
}  # fmt: skip
#: The usual status of each class.
CLASS_STATUSES = {"invalid": 400, "internal": 500, **{class_: status for status, class_ in STATUS_CLASSES.items()}}

#: Frames of files under here are the host's, a face's or the importer's, and say nothing about a service.
PACKAGE_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_OWN_CODE = (*(PACKAGE_ROOT + name + os.sep for name in ("busker", "zato")), importlib.__file__, "<frozen importlib")

ErrorObject = Dict[str, Any]


def describe(error: BaseException, service: str = "") -> ErrorObject:
    """The error object of an exception with its chain of causes."""
    found = _describe_one(error, service)
    current, link = error, found
    seen = {id(error)}
    for _ in range(MAX_CAUSES):
        cause = current.__cause__
        if cause is None and not current.__suppress_context__:
            cause = current.__context__
        if cause is None or id(cause) in seen:
            break
        seen.add(id(cause))
        link["cause"] = _describe_one(cause, service)
        current, link = cause, link["cause"]
    return found


def class_of(error: BaseException) -> str:
    """The node's word for what kind of failure it is."""
    found = getattr(error, "error_class", None)
    if isinstance(found, str):
        return found
    status = status_of(error)
    if status is None:
        return "internal"
    return STATUS_CLASSES.get(status) or ("invalid" if 400 <= status < 500 else "internal")


def status_of(error: BaseException) -> Optional[int]:
    """The HTTP status a service chose by raising an HTTP error, if it did."""
    status = getattr(error, "status", None)
    return status if isinstance(status, int) and 400 <= status <= 599 and hasattr(error, "busker_http") else None


def _describe_one(error: BaseException, service: str) -> ErrorObject:
    found: ErrorObject = {
        "type": type_name(error),
        "message": message_of(error),
        "frames": frames_of(error.__traceback__),
        "cause": None,
        "service": getattr(error, "service", None) or service,
        "class": class_of(error),
        "retry": bool(getattr(error, "retry", False)),
        "violations": getattr(error, "violations", None) or [],
    }
    if isinstance(error, SyntaxError) and error.filename:
        source = (error.text or "").strip()
        found["frames"].append([error.filename, error.lineno or 0, "<module>", source])
    return found


def type_name(error: BaseException) -> str:
    """``ValueError``, ``crm.errors.NoSuchCustomer``: builtins without a module. A remote error keeps its own name."""
    remote = getattr(error, "remote_type", None)
    if isinstance(remote, str):
        return remote
    cls = type(error)
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"


def message_of(error: BaseException) -> str:
    """The text of an exception and its notes, even when its ``__str__`` raises."""
    try:
        text = str(getattr(error, "message", None) or error) if hasattr(error, "remote_type") else str(error)
        notes = getattr(error, "__notes__", None)
        if notes:
            text = "\n".join([text, *map(str, notes)])
    except Exception as inner:
        text = f"<no text: str() of the exception raised {type(inner).__name__}>"
    return text if len(text) <= MAX_MESSAGE_CHARS else text[:MAX_MESSAGE_CHARS] + "…"


def frames_of(traceback: Optional[TracebackType]) -> List[List[Any]]:
    """The service's frames, outermost first: file, line, function, source line.

    Walking the chain costs a hundredth of formatting it, and only the node knows whether anybody reads the text.
    """
    frames: List[List[Any]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = code.co_filename
        if not file.startswith(_OWN_CODE):
            line = traceback.tb_lineno or 0
            source = linecache.getline(file, line, traceback.tb_frame.f_globals).strip()
            frames.append([file, line, getattr(code, "co_qualname", code.co_name), source])
        traceback = traceback.tb_next
    if len(frames) > MAX_FRAMES:
        cut = len(frames) - MAX_FRAMES
        frames[OUTER_FRAMES : OUTER_FRAMES + cut] = [["", 0, f"… {cut} frames left out …", ""]]
    return frames
