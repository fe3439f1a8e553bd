"""Busker's typed way to write a service: a function with type hints.

    from dataclasses import dataclass
    from busker import Ctx, service

    @dataclass
    class Symbol:
        symbol: str

    @service(timeout=5.0)
    def get_price(ctx: Ctx, data: Symbol) -> str:
        return ctx.http("Prices").get(params={"symbol": data.symbol}).text

``_service.py`` has the decorator, ``_context.py`` what a service can do, ``_schema.py`` how hints become a schema.
"""

from busker._context import Ctx, HttpConnection, HttpResponse, KeyValue, RequestView
from busker._service import ServiceDef, service
from busker.errors import (
    BuskerError,
    Busy,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ServiceError,
    Timeout,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "BuskerError", "Busy", "Conflict", "Ctx", "Forbidden", "HttpConnection", "HttpResponse", "Invalid", "KeyValue",
    "NotFound", "RequestView", "ServiceDef", "ServiceError", "Timeout", "TooLarge", "Unauthenticated", "Unavailable",
    "service",
]  # fmt: skip
