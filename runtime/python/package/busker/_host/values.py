"""Values of services as JSON: what json leaves out (decimals, times, enums, dataclasses) and a faster encoder."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import json.encoder
import uuid
from typing import Any, Callable, Mapping, Tuple


def plain(value: Any) -> Any:
    """The JSON stand-in of a value that json does not know. Raises TypeError for one that has none.

    A decimal becomes text so that no digit is lost; the node writes it as its schema says.
    """
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if hasattr(value, "__iter__"):
        return list(value)
    raise TypeError(f"a value of type {type(value).__name__} cannot be written as JSON: {value!r:.200}")


def deep_plain(value: Any) -> Any:
    """The same for a whole tree: only dicts, lists, text, numbers, booleans and None are left."""
    if value is None or isinstance(value, (str, int, float, bool)) and not isinstance(value, enum.Enum):
        return value
    if isinstance(value, dict):
        return {key: deep_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [deep_plain(item) for item in value]
    return deep_plain(plain(value))


def _make_encoder() -> Callable[[Any], str]:
    """An encoder that is built once.

    ``JSONEncoder.encode`` builds the C encoder anew for each value, which costs more than encoding a small one. The
    C class has had one signature since Python 3.0, but is not documented: without it we fall back.
    NaN and infinities are refused, since no JSON reader on the other side takes them.
    """
    encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=plain)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    text: Callable[[str], str] = json.encoder.encode_basestring
    try:
        iterate: Callable[[Any, int], Tuple[str, ...]] = make(
            None, plain, text, None, ":", ",", False, False, False
        )
        if "".join(iterate({"a": [1, None, "b"]}, 0)) != '{"a":[1,null,"b"]}':
            return encoder.encode
    except Exception:  # another signature: the documented way still works
        return encoder.encode

    def encode(value: Any) -> str:
        try:
            return "".join(iterate(value, 0))
        except RecursionError:
            raise ValueError("the value is nested too deeply for JSON, or holds itself") from None

    return encode


#: Value -> JSON text. Raises TypeError or ValueError.
to_json: Callable[[Any], str] = _make_encoder()


def to_json_bytes(value: Any) -> bytes:
    """Value -> JSON as UTF-8. Raises TypeError or ValueError (UnicodeEncodeError for a lone surrogate)."""
    return to_json(value).encode("utf-8")


_decoder = json.JSONDecoder()
_scan: Callable[[str, int], Tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]  # not in typeshed


def from_canonical_json(text: bytes) -> Any:
    """The value of JSON text that the node wrote: no white space around it, so no search for any."""
    return _scan(text.decode("utf-8"), 0)[0]


def from_json(text: "str | bytes | bytearray") -> Any:
    """The value of any JSON text. Raises ValueError."""
    return _decoder.decode(text if isinstance(text, str) else text.decode("utf-8"))
