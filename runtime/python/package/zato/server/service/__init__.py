"""Zato's way to write a service: a class that extends ``Service``, with a ``SimpleIO`` class that declares its fields.

Made from Zato's public documentation, with its names and none of its code. ``_base.py`` is the class itself.
"""

from zato.common import NotConfigured, ZatoException
from zato.server.service._bag import Bag
from zato.server.service._base import Service
from zato.server.service._sio import (
    CSV,
    UTC,
    AsIs,
    Boolean,
    Dict_,
    Float,
    Integer,
    List_,
    ListOfDicts,
    Opaque,
    Unicode,
)

# Zato's other names for the same. Dict and List are ours only here: our own code needs those of typing.
Bool, Int, Text, Nested, Dict, List = Boolean, Integer, Unicode, Opaque, Dict_, List_

__all__ = [
    "AsIs", "Bag", "Bool", "Boolean", "CSV", "Dict", "Float", "Int", "Integer", "List", "ListOfDicts", "Nested",
    "NotConfigured", "Opaque", "Service", "Text", "Unicode", "UTC", "ZatoException",
]  # fmt: skip
