"""Services of the typed face."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Dict, List, Optional

from busker import Conflict, Ctx, service


class Side(enum.Enum):
    BUY = "buy"
    SELL = "sell"


@dataclass
class Line:
    sku: str
    count: int


@dataclass
class Order:
    side: Side
    price: Decimal
    when: datetime
    lines: List[Line]
    note: Optional[str] = None
    tags: List[str] = field(default_factory=list)
    parent: Optional[Order] = None


@dataclass
class Total:
    sum: Decimal
    side: Side
    when: datetime
    lines: int


@dataclass
class Word:
    word: str


@service(timeout=5.0, concurrency=8, idempotent=True)
def get_total(ctx: Ctx, data: Order) -> Total:
    """Adds up.

    In detail.
    """
    return Total(data.price * sum(line.count for line in data.lines), data.side, data.when, len(data.lines))


@service
def split(ctx: Ctx, data: Word) -> List[Word]:
    return [Word(letter) for letter in data.word]


@service(name="typed.renamed", pool="default")
def other_name(ctx: Ctx) -> str:
    return ctx.cid


@service
def twice(ctx: Ctx, data: Word) -> List[Word]:
    first = ctx.invoke(split, data)
    assert all(isinstance(item, Word) for item in first)
    by_name = ctx.invoke("typed.split", {"word": data.word})
    return first + [Word(item["word"]) for item in by_name]


@service
def anything(ctx: Ctx, data: Dict[str, Any]) -> Dict[str, Any]:
    return {"keys": sorted(data), "raw": len(ctx.request.raw), "query": ctx.request.query, "agent": ctx.request.headers}


@service
def raw(ctx: Ctx, data: bytes) -> bytes:
    return data[::-1]


@service
def nothing(ctx: Ctx) -> None:
    ctx.logger.info("nothing was done")


@service
def refuse(ctx: Ctx, data: Word) -> None:
    raise Conflict(f"{data.word} is taken")


@service
async def wait(ctx: Ctx, data: Word) -> Word:
    """Waits in its loop, in another service's loop, and for the node from several threads."""
    await asyncio.sleep(0.01)
    inner = ctx.invoke(wait_inside, data)
    loop, post = asyncio.get_running_loop(), ctx.http("stub").post
    calls = [loop.run_in_executor(None, post, "/p", {"word": data.word}) for _ in range(3)]
    found = await asyncio.gather(*calls)
    direct = ctx.http("stub").post("", {"word": inner.word})
    return Word(direct.json()["word"] + "".join(answer.json()["word"] for answer in found))


@service
async def wait_inside(ctx: Ctx, data: Word) -> Word:
    await asyncio.sleep(0.01)
    return Word(data.word + "!")


@service
def store(ctx: Ctx) -> Dict[str, Any]:
    ctx.kv.set("k", "v", expires=1.5)
    return {"k": ctx.kv.get("k"), "n": ctx.kv.incr("n", 2), "gone": ctx.kv.delete("a", "b"),
            "later": ctx.invoke_async(split, Word("x"), delay=2.0)}  # fmt: skip


@service
def code_of(ctx: Ctx, data: Word) -> Dict[str, Any]:
    return {"code": ctx.translate("crm", "currency", data.word, "iso_4217", "numeric")}


@service
def far(ctx: Ctx) -> str:
    found = ctx.invoke("far.away", {"a": 1})
    return str(found)
