"""From type hints to a SimpleIO schema, and from JSON values to the types that the hints name."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import math
import uuid
from typing import Any, Callable, Dict, List, Optional, Tuple, Union, get_type_hints

from busker.errors import Invalid

try:
    from types import UnionType as _UnionType  # X | None of Python 3.10
except ImportError:
    _UnionType = None  # type: ignore[assignment,misc]  # the name stays, for one comparison

#: JSON value -> value of the hinted type. Raises ValueError or TypeError with a reason fit for the caller.
Convert = Callable[[Any], Any]
#: A fault of one field.
Violation = Dict[str, str]

#: Hints that are a list on the wire.
SEQUENCES = (list, tuple, set, frozenset)
#: Most fields that an error names.
MAX_VIOLATIONS = 50


class Violations(ValueError):
    """Faults inside a nested structure, with their paths."""

    def __init__(self, found: List[Violation]) -> None:
        super().__init__("; ".join(f"{item['field']} {item['message']}" for item in found))
        self.found = found


def origin_of(hint: Any) -> Tuple[Any, Tuple[Any, ...]]:
    """``list[int]`` -> (list, (int,)); a plain type -> (it, ())."""
    return getattr(hint, "__origin__", None) or hint, getattr(hint, "__args__", None) or ()


def optional_of(hint: Any) -> Tuple[Any, bool]:
    """The type inside an Optional, and whether it was one."""
    origin, arguments = origin_of(hint)
    if origin is Union or (_UnionType is not None and isinstance(hint, _UnionType)):
        inner = [item for item in getattr(hint, "__args__", arguments) if item is not type(None)]
        if len(inner) < len(getattr(hint, "__args__", arguments)):
            return (inner[0] if len(inner) == 1 else Any), True
        return Any, False
    return hint, False


def is_dataclass_type(hint: Any) -> bool:
    """Whether a hint is a dataclass."""
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


_SCALARS: Dict[Any, str] = {
    str: "text", int: "integer", bool: "boolean", float: "float", decimal.Decimal: "decimal",
    datetime.datetime: "text", datetime.date: "text", datetime.time: "text", uuid.UUID: "text", bytes: "text",
}  # fmt: skip


def field_type(hint: Any) -> str:
    """The SimpleIO type of a hint."""
    inner, _ = optional_of(hint)
    origin, _ = origin_of(inner)
    if origin in _SCALARS:
        return _SCALARS[origin]
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return "text" if all(isinstance(item.value, str) for item in origin) else "as-is"
    return "list" if origin in SEQUENCES else "opaque"


def fields_of(cls: Any) -> List[Dict[str, Any]]:
    """The SimpleIO fields of a dataclass."""
    hints = get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        hint = hints[field.name]
        required = not optional_of(hint)[1] and not _has_default(field)
        doc = str(field.metadata.get("doc", ""))
        found.append(
            {"name": field.name, "required": required, "ty": field_type(hint), "default": None, "doc": doc}
        )
    return found


def _has_default(field: "dataclasses.Field[Any]") -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def converter(hint: Any, texts: bool = False) -> Optional[Convert]:
    """How a JSON value becomes a value of the hinted type; None: it is one already, whatever it is.

    ``texts`` is for what came as XML or as a form, where every single value is a text and a list of one is no list.
    """
    inner, optional = optional_of(hint)
    convert = _converter(inner, texts)
    if convert is None or not optional:
        return convert
    chosen = convert
    return lambda value: None if value is None else chosen(value)


def _converter(hint: Any, texts: bool) -> Optional[Convert]:
    origin, arguments = origin_of(hint)
    if is_dataclass_type(hint):
        return dataclass_reader(hint, texts)
    if texts and origin in _TEXT_READERS:
        return _TEXT_READERS[origin]
    if origin in _READERS:
        return _READERS[origin]
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return origin
    if origin in SEQUENCES:
        return _sequence(origin, arguments, texts)
    if origin is dict:
        inside = converter(arguments[1], texts) if len(arguments) == 2 else None
        return lambda value: _read_dict(value, inside)
    return None


def _sequence(origin: Any, arguments: Tuple[Any, ...], texts: bool) -> Convert:
    inside = converter(arguments[0], texts) if arguments else None

    def read(value: Any) -> Any:
        if texts:
            value = _listed(value)
        if not isinstance(value, list):
            raise TypeError("must be a list")
        if inside is None:
            return value if origin is list else origin(value)
        found, faults = [], []
        for index, item in enumerate(value):
            try:
                found.append(inside(item))
            except (ValueError, TypeError, ArithmeticError) as error:
                faults.extend(faults_at(str(index), error))
        if faults:
            raise Violations(faults)
        return found if origin is list else origin(found)

    return read


def _listed(value: Any) -> List[Any]:
    """A list in any of the shapes that XML has for it: ``<item>`` elements inside, the element repeated, or none."""
    if isinstance(value, dict) and list(value) == ["item"]:
        value = value["item"]
    if value == "":
        return []
    return value if isinstance(value, list) else [value]


def _read_dict(value: Any, inside: Optional[Convert]) -> Any:
    if not isinstance(value, dict):
        raise TypeError("must be an object")
    return value if inside is None else {key: inside(item) for key, item in value.items()}


def dataclass_reader(cls: Any, texts: bool = False) -> Convert:
    """How a JSON object becomes an instance of a dataclass. The plan is made once, at its first use."""
    plan: List[Tuple[str, Optional[Convert], bool, bool]] = []
    names: List[str] = []

    def prepare() -> None:
        hints = get_type_hints(cls)
        fields = [field for field in dataclasses.fields(cls) if field.init]
        found = []
        for field in fields:
            hint = hints[field.name]
            found.append((field.name, converter(hint, texts), _has_default(field), optional_of(hint)[1]))
        names[:] = [item[0] for item in found]
        plan[:] = found

    def read(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if texts and value == "":
            value = {}  # an element without any inside it
        if not isinstance(value, dict):
            raise TypeError("must be an object")
        if not plan:
            prepare()  # not before: a dataclass may hold itself
        found: Dict[str, Any] = {}
        faults: List[Violation] = []
        for name, convert, has_default, optional in plan:
            item = value.get(name)
            if item is None:
                if has_default:  # the node writes null for a missing optional field
                    continue
                if not optional:
                    faults.append({"field": name, "message": "is required and missing"})
                found[name] = None
                continue
            try:
                found[name] = item if convert is None else convert(item)
            except (ValueError, TypeError, ArithmeticError) as error:
                faults.extend(faults_at(name, error))
        if faults:
            raise Violations(faults)
        return cls(**found)

    return read


def faults_at(name: str, error: Exception) -> List[Violation]:
    """The faults of a field, those inside it with their path."""
    if isinstance(error, Violations):
        return [{"field": f"{name}.{item['field']}", "message": item["message"]} for item in error.found]
    return [{"field": name, "message": str(error)}]


def read_input(convert: Optional[Convert], value: Any) -> Any:
    """A service's input from JSON. Raises Invalid that names every field at once."""
    if convert is None:
        return value
    try:
        return convert(value)
    except Violations as error:
        raise Invalid(f"bad input: {error}", violations=error.found[:MAX_VIOLATIONS]) from None
    except (ValueError, TypeError, ArithmeticError) as error:
        raise Invalid(f"bad input: it {error}") from None


def _expect(kind: type, word: str) -> Convert:
    def read(value: Any) -> Any:
        # bool is an int to Python, and to nobody else.
        if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
            return value
        raise TypeError(f"must be {word}")

    return read


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("must be a number")
    return float(value)


def _decimal(value: Any) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError("must be a decimal number")
    try:
        return decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise ValueError("must be a decimal number") from None


def _text_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    # The words of XML Schema; the node takes more of them for fields that it converts itself.
    if value in ("true", "1"):
        return True
    if value in ("false", "0"):
        return False
    raise ValueError("must be true or false")


def _text_number(kind: Callable[[Any], Any], strict: Convert, word: str) -> Convert:
    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return strict(value)
        try:
            number = kind(value)
        except ValueError:
            number = None
        # Python also reads 1_000, nan and inf, which no other side of the wire does.
        if number is None or "_" in value or not math.isfinite(number):
            raise ValueError(f"must be {word}")
        return number

    return read


def _datetime(value: Any) -> datetime.datetime:
    text = str(value)
    # Before 3.11 the parser does not know the Z that everybody writes.
    return datetime.datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


_READERS: Dict[Any, Convert] = {
    str: _expect(str, "text"),
    int: _expect(int, "a whole number"),
    bool: _expect(bool, "true or false"),
    float: _float,
    decimal.Decimal: _decimal,
    datetime.datetime: _datetime,
    datetime.date: lambda value: datetime.date.fromisoformat(str(value)),
    datetime.time: lambda value: datetime.time.fromisoformat(str(value)),
    uuid.UUID: lambda value: uuid.UUID(str(value)),
    bytes: lambda value: base64.b64decode(str(value), validate=True),
}
_TEXT_READERS: Dict[Any, Convert] = {
    int: _text_number(int, _READERS[int], "a whole number"),
    float: _text_number(float, _float, "a number"),
    bool: _text_bool,
}
