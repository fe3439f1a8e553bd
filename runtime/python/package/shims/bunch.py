"""Stand-in for the library ``bunch``, whose last release does not install on Python 3.11: dicts with dot access.

It is at the end of the path: an installed one wins.
"""

from __future__ import annotations

from typing import Any, Dict


class Bunch(Dict[Any, Any]):
    """``bunch.key`` is ``bunch["key"]``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        return "Bunch(" + ", ".join(f"{key}={value!r}" for key, value in sorted(self.items())) + ")"

    def copy(self) -> "Bunch":
        """A shallow copy."""
        return Bunch(self)

    def toDict(self) -> Dict[Any, Any]:
        """The same as plain dicts."""
        found: Dict[Any, Any] = unbunchify(self)
        return found

    @staticmethod
    def fromDict(value: Dict[Any, Any]) -> "Bunch":
        """The same as bunches."""
        found: Bunch = bunchify(value)
        return found


def bunchify(value: Any) -> Any:
    """Dicts at any depth as bunches."""
    if isinstance(value, dict):
        return Bunch((key, bunchify(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(value)(bunchify(item) for item in value)
    return value


def unbunchify(value: Any) -> Any:
    """Bunches at any depth as dicts."""
    if isinstance(value, dict):
        return {key: unbunchify(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(unbunchify(item) for item in value)
    return value
