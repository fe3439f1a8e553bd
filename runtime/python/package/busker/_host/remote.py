"""Errors of services elsewhere, raised here as if they had happened here.

The traceback is rebuilt: for each remote frame a code object with that frame's file, line and function name raises
once, and the traceback objects are chained. A printed traceback then shows the remote frames with their source lines.
"""

from __future__ import annotations

import ast
import linecache
import sys
from types import CodeType, TracebackType
from typing import Any, Callable, Dict, List, Optional

from busker import errors

ErrorObject = Dict[str, Any]

MAX_FRAMES = 100
MAX_CAUSES = 8
#: Lines kept per remote file so that tracebacks show them; files kept at once.
MAX_LINE = 100_000
MAX_FILES = 256

#: Makers of exceptions that are told apart by name, such as those of the Zato face, which adds its own: text and the
#: node's word for the kind of failure in.
EXCEPTION_TYPES: Dict[str, Callable[[str, str], BaseException]] = {}


def rebuild(found: ErrorObject, depth: int = 0) -> BaseException:
    """The exception of an error object, with its traceback and causes."""
    message = str(found.get("message") or "")
    remote_type = str(found.get("type") or "")
    frames = found.get("frames") or []
    class_ = str(found.get("class"))
    # Our own are told apart by their class; Zato has others of the same names.
    ours = remote_type.startswith("busker.errors.")
    make = None if ours else EXCEPTION_TYPES.get(remote_type.rsplit(".", 1)[-1])
    if make is not None:
        error = make(message, class_)
    else:
        cls = errors.CLASSES.get(class_, errors.ServiceError)
        named = frames and remote_type and not ours and cls is errors.ServiceError
        error = cls(f"{remote_type}: {message}" if named else message)
    extra: Any = error
    extra.message = message
    extra.remote_type = remote_type
    extra.service = found.get("service") or ""
    extra.retry = bool(found.get("retry"))
    if isinstance(found.get("status"), int):
        extra.status = found["status"]
        extra.busker_http = True  # see errors.status_of
    extra.violations = found.get("violations") or []
    cause = found.get("cause")
    if isinstance(cause, dict) and depth < MAX_CAUSES:
        error.__cause__ = rebuild(cause, depth + 1)
    return error.with_traceback(_traceback(frames[-MAX_FRAMES:]))


def _traceback(frames: List[List[Any]]) -> Optional[TracebackType]:
    """A traceback of the given frames, outermost first."""
    chain: Optional[TracebackType] = None
    for file, line, function, source in reversed(frames):
        number = max(1, min(int(line or 1), MAX_LINE))
        _remember_line(str(file), number, str(source))
        here = _raise_at(str(file), number, str(function))
        chain = TracebackType(chain, here.tb_frame, here.tb_lasti, number)
    return chain


def _raise_at(file: str, line: int, function: str) -> TracebackType:
    """The traceback entry of a frame that claims to be ``function`` at ``file:line``."""
    names: Dict[str, Any] = {"co_name": function.rsplit(".", 1)[-1], "co_filename": file, "co_firstlineno": line}
    if sys.version_info >= (3, 11):
        names["co_qualname"] = function
    try:
        exec(_TEMPLATE.replace(**names), {"__name__": "remote", "signal": _SIGNAL})
    except _Signal as raised:
        found = raised.__traceback__
        assert found is not None and found.tb_next is not None  # the entry of this function, then of the template
        return found.tb_next
    raise AssertionError("the template raises")


class _Signal(Exception):
    """Raised only to get a frame."""


_SIGNAL = _Signal()


def _template() -> CodeType:
    """Code of ``raise signal``, said to span a very long line: then Python 3.11+ marks no part of it with carets."""
    tree = ast.parse("raise signal", "<remote>", "exec")
    for node in ast.walk(tree):
        if isinstance(node, (ast.expr, ast.stmt)):
            node.col_offset, node.end_col_offset = 0, 10_000
    return compile(tree, "<remote>", "exec")


_TEMPLATE = _template()


class _RemoteLines(List[str]):
    """Lines of a file that is not here, known only where errors happened."""


_files: List[str] = []


def _remember_line(file: str, line: int, source: str) -> None:
    """Lets ``linecache``, which tracebacks ask, know one line of a remote file. Files that are here keep theirs."""
    entry: Any = linecache.cache.get(file)
    lines = entry[2] if entry and len(entry) == 4 else None
    if lines is None:
        if linecache.getline(file, line):
            return  # it is on this disk
        lines = _RemoteLines()
        linecache.cache[file] = (0, None, lines, file)  # no modification time: never checked against the disk
        _files.append(file)
        if len(_files) > MAX_FILES:
            linecache.cache.pop(_files.pop(0), None)
    if isinstance(lines, _RemoteLines):
        if len(lines) < line:
            lines.extend(["\n"] * (line - len(lines)))
        lines[line - 1] = source + "\n"
