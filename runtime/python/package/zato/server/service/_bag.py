"""Bag: a dict whose keys are attributes too. Input, payloads and answers of Zato's face are made of them."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping


class Bag(Dict[str, Any]):
    """``bag.key`` is ``bag["key"]``. As in the ``bunch`` library, a field named like a method of dict, such as
    ``items``, is reached with brackets only: code that loops over ``payload.items()`` must not break on such a field.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} here: there are {sorted(map(str, self))}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def require_any(self, *names: str) -> None:
        """Raises ValueError unless one of the fields has a value."""
        if not any(self[name] if name in self else None for name in names):
            raise ValueError(f"At least one of {list(names)} is required")

    def toDict(self) -> Dict[str, Any]:
        """The same as plain dicts, as the ``bunch`` library has it."""
        return {key: _plain(value) for key, value in self.items()}

    def __repr__(self) -> str:
        return f"Bag({dict.__repr__(self)})"

    def __reduce__(self) -> Any:
        return (Bag, (dict(self),))


def _plain(value: Any) -> Any:
    if isinstance(value, Bag):
        return value.toDict()
    return [_plain(item) for item in value] if isinstance(value, list) else value


_decode = json.JSONDecoder(object_hook=Bag).decode


def bags_from_json(text: bytes) -> Any:
    """JSON text -> bags, lists of bags, plain values. Raises ValueError."""
    return _decode(text.decode("utf-8"))


def bagged(value: Any) -> Any:
    """Dicts, at any depth, as bags. What is one already stays the same object."""
    if isinstance(value, Bag):
        return value
    if isinstance(value, Mapping):
        return Bag((key, bagged(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return [bagged(item) for item in value]
    return value
