"""The typed face: dataclasses in and out, whatever the format."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import List, Optional

from busker import Conflict, Ctx, service


class Side(enum.Enum):
    BUY = "buy"
    SELL = "sell"


@dataclass
class Line:
    sku: str
    count: int
    price: Decimal


@dataclass
class Order:
    customer_id: int
    side: Side
    due: date
    urgent: bool
    lines: List[Line]
    note: Optional[str] = None
    tags: List[str] = field(default_factory=list)


@dataclass
class Receipt:
    customer_id: int
    total: Decimal
    due: date
    urgent: bool
    skus: List[str]
    lines: List[Line]
    note: Optional[str] = None


@dataclass
class Name:
    name: str


@dataclass
class Greeting:
    text: str


@service
def order(ctx: Ctx, data: Order) -> Receipt:
    """Adds an order up."""
    assert isinstance(data.side, Side) and isinstance(data.due, date)
    total = sum((line.price * line.count for line in data.lines), Decimal(0))
    skus = [line.sku for line in data.lines] + data.tags
    return Receipt(data.customer_id, total, data.due, data.urgent, skus, data.lines, data.note)


@service
def greet(ctx: Ctx, data: Name) -> Greeting:
    if data.name == "taken":
        raise Conflict("that name is taken")
    return Greeting(f"hello {data.name}")


@service
def greet_all(ctx: Ctx, data: List[Name]) -> List[Greeting]:
    """Invokes the other one with its own types."""
    return [ctx.invoke(greet, name) for name in data]
