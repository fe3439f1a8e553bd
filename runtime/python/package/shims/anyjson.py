"""Stand-in for the library ``anyjson``, whose last release does not install on Python 3. Same public names, over json.

It is at the end of the path: an installed one wins.
"""

from __future__ import annotations

import json
from typing import Any, Union


def dumps(value: Any) -> str:
    """Value -> JSON text."""
    return json.dumps(value)


def loads(value: Union[str, bytes, bytearray]) -> Any:
    """JSON text -> value. Raises ValueError."""
    return json.loads(value if isinstance(value, str) else value.decode("utf-8"))


serialize, deserialize = dumps, loads


class _Implementation:
    """What anyjson calls an implementation: here there is one."""

    name = "json"
    dumps = serialize = staticmethod(dumps)
    loads = deserialize = staticmethod(loads)


implementation = _Implementation()


def force_implementation(modname: str) -> None:
    """Accepts json only."""
    if modname != "json":
        raise ImportError(f"this stand-in for anyjson has json only, not {modname!r}")
