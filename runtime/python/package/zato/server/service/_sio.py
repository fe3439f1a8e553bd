"""SimpleIO: what a service declares, and its rules for calls that stay in this process.

The node applies a declaration to everything that comes from outside (busker_model::sio); here the same rules serve
one service that invokes another in the same worker.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

from busker.errors import Invalid
from zato.common import ZATO_NONE, ZatoException
from zato.server.service._bag import Bag, bagged

BOOLEAN_PREFIXES = ("is_", "needs_", "should_")
INTEGER_SUFFIXES = ("_id", "_size", "_timeout", "_count")
TRUE_WORDS = frozenset(("true", "yes", "on", "y", "t", "1"))
FALSE_WORDS = frozenset(("false", "no", "off", "n", "f", "0", ""))


class NotGiven:
    """Stands for a default that nobody declared, since None is one that somebody may."""


class Element:
    """A field with a declared type. Its name and defaults as ``Integer("age", default=18)``."""

    ty = "auto"

    def __init__(self, name: str, *keys: str, default: Any = NotGiven, **kwargs: Any) -> None:
        self.name = name
        self.keys = keys
        self.default = default
        self.options = kwargs

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class AsIs(Element):
    """Passed on untouched, whatever its name."""

    ty = "as-is"


class Boolean(Element):
    """true, yes, on, y, t, 1; false, no, off, n, f, 0 or nothing."""

    ty = "boolean"


class Integer(Element):
    """A whole number of any size."""

    ty = "integer"


class Float(Element):
    """A floating point number."""

    ty = "float"


class Unicode(Element):
    """Text."""

    ty = "text"


class UTC(Element):
    """A time in UTC; a trailing ``+00:00`` is removed."""

    ty = "utc"


class CSV(Element):
    """Text with commas outside, a list inside the service."""

    ty = "csv"


class Dict_(Element):
    """A dictionary, reduced to the given keys if there are any: ``Dict("customer", "name", "city", default="")``."""

    ty = "dict"


class List_(Element):
    """A list."""

    ty = "list"


class ListOfDicts(Element):
    """A list of dictionaries."""

    ty = "list-of-dicts"


class Opaque(Element):
    """Any structure."""

    ty = "opaque"


class Field(NamedTuple):
    """One field of a declaration."""

    name: str
    required: bool
    ty: str
    default: Any
    keys: Tuple[str, ...]


class Declaration:
    """What a ``SimpleIO`` class says."""

    def __init__(self, source: type) -> None:
        def get(name: str, default: Any) -> Any:
            return getattr(source, name, default)

        self.request_elem = str(get("request_elem", "request") or "request")
        self.response_elem = str(get("response_elem", "response") or "response")
        self.namespace = str(get("namespace", "") or "")
        self.default_value = get("default_value", None)
        self.output_repeated = bool(get("output_repeated", False))
        self.input = _fields(get("input_required", ()), True) + _fields(get("input_optional", ()), False)
        self.output = _fields(get("output_required", ()), True) + _fields(get("output_optional", ()), False)

    def to_wire(self) -> Dict[str, Any]:
        """As busker_model::sio::SimpleIo reads it."""
        return {
            "request_elem": self.request_elem, "response_elem": self.response_elem,
            "input": [_field_to_wire(field) for field in self.input],
            "output": [_field_to_wire(field) for field in self.output],
            "output_repeated": self.output_repeated, "default_value": self.default_value,
            "namespace": self.namespace, "bare": False,
        }  # fmt: skip

    def read_input(self, data: Any) -> Bag:
        """Input of a local call: checks and converts. Raises Invalid that names every field at once."""
        source = data if isinstance(data, dict) else {}
        found, faults = Bag(), []
        for field in self.input:
            value = source.get(field.name)
            if value is None:
                if field.required:
                    faults.append({"field": field.name, "message": "is required and missing"})
                value = self.default_value if field.default is NotGiven else field.default
            else:
                try:
                    value = convert(field, value)
                except (ValueError, TypeError, KeyError) as error:
                    faults.append({"field": field.name, "message": f"is not {field.ty}: {error}"})
            found[field.name] = value
        if faults:
            text = "; ".join(f"{fault['field']} {fault['message']}" for fault in faults)
            raise Invalid(f"bad input: {text}", violations=faults)
        return found

    def write_output(self, item: Dict[str, Any]) -> Dict[str, Any]:
        """One item of output of a local call: unknown keys are dropped, values converted. Raises ZatoException."""
        found: Dict[str, Any] = {}
        for field in self.output:
            value = item.get(field.name)
            if value is None or value == "":
                if field.required and value is None:
                    raise ZatoException(None, f"Expected elem:[{field.name}] not found in item:[{item}]")
                value = value if field.default is NotGiven else field.default
                found[field.name] = "" if value is None else value
                continue
            try:
                found[field.name] = convert(field, value) if field.ty != "csv" else value
            except (ValueError, TypeError) as error:
                raise ZatoException(None, f"Conversion error, param:[{field.name}], value:[{value!r}]: {error}") from None
        return found


def _field_to_wire(field: Field) -> Dict[str, Any]:
    default = None if field.default is NotGiven else field.default
    return {"name": field.name, "required": field.required, "ty": field.ty, "default": default, "doc": ""}


def _fields(declared: Union[str, Element, Iterable[Any]], required: bool) -> List[Field]:
    items: Sequence[Any] = [declared] if isinstance(declared, (str, Element)) else list(declared or ())
    if isinstance(declared, (set, frozenset)):
        items = sorted(items, key=lambda item: str(getattr(item, "name", item)))
    found = []
    for item in items:
        if isinstance(item, Element):
            found.append(Field(item.name, required, item.ty, item.default, item.keys))
        elif isinstance(item, str):
            found.append(Field(item, required, "auto", NotGiven, ()))
        else:
            raise TypeError(f"SimpleIO fields are names or elements such as Integer('age'), not {item!r}")
    return found


def auto_type(name: str) -> str:
    """The type that Zato reads out of a name."""
    if name.startswith(BOOLEAN_PREFIXES):
        return "boolean"
    return "integer" if name == "id" or name.endswith(INTEGER_SUFFIXES) else "text"


def convert(field: Field, value: Any) -> Any:
    """A value as its field's type. Raises ValueError or TypeError."""
    ty = auto_type(field.name) if field.ty == "auto" else field.ty
    if ty in ("as-is", "opaque") or (value in ("", ZATO_NONE) and ty != "boolean"):
        return bagged(value)
    if ty == "dict" and field.keys:
        default = {} if field.default is NotGiven else {key: field.default for key in field.keys}
        return Bag((key, value[key] if key in value or not default else default[key]) for key in field.keys)
    return _CONVERTERS[ty](value)


def _boolean(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in TRUE_WORDS and word not in FALSE_WORDS:
        raise ValueError(f"{value!r}")
    return word in TRUE_WORDS


def _integer(value: Any) -> int:
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError(f"{value!r}")
    return number


def _text(value: Any) -> Any:
    # Structures under a name without a type: Zato would write their repr, which nobody can read back.
    return bagged(value) if isinstance(value, (dict, list, tuple)) else str(value)


def _list(value: Any) -> List[Any]:
    return [bagged(item) for item in value] if isinstance(value, (list, tuple)) else [value]


_CONVERTERS: Dict[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "integer": _integer,
    "float": float,
    "text": _text,
    "utc": lambda value: str(value).replace("+00:00", ""),
    "csv": lambda value: value.split(",") if isinstance(value, str) else list(value),
    "list": _list,
    "dict": lambda value: bagged(dict(value)),
    "list-of-dicts": lambda value: [bagged(dict(item)) for item in value],
}


def declaration_of(service: type) -> Optional[Declaration]:
    """The declaration of a service class, its own or inherited."""
    source = getattr(service, "SimpleIO", None)
    return Declaration(source) if isinstance(source, type) else None
