"""The ``service`` decorator and what it makes of a function."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Coroutine, Generic, List, Optional, TypeVar, get_type_hints, overload

from busker._context import Ctx
from busker._schema import Convert, converter, fields_of, is_dataclass_type, origin_of

I = TypeVar("I")  # noqa: E741  # input
O = TypeVar("O")  # noqa: E741  # output

DELIVERIES = ("durable", "fast")


class ServiceDef(Generic[I, O]):
    """A service: the function it was made of, its types and its limits. Other services name it in ``ctx.invoke``."""

    def __init__(self, function: Callable[..., Any], name: str, takes_data: bool) -> None:
        self.function = function
        self.name = name
        self.module: str = function.__module__
        self.impl_name = f"{function.__module__}.{function.__qualname__}"
        self.doc = inspect.getdoc(function) or ""
        self.is_async = inspect.iscoroutinefunction(function)
        self.takes_data = takes_data
        self.timeout: Optional[float] = None
        self.concurrency: Optional[int] = None
        self.pool: Optional[str] = None
        self.idempotent = False
        self.isolate = False
        self.delivery = "durable"
        self._typed = False
        self._input_hint: Any = Any
        self._output_hint: Any = Any

    def __repr__(self) -> str:
        return f"<service {self.name}>"

    def __call__(self, ctx: Ctx, data: I) -> O:
        """Calls the function itself, as a test does: no node, no limits, no check of types."""
        result: O = self.function(ctx, data) if self.takes_data else self.function(ctx)
        return result

    def resolve(self) -> None:
        """Reads the type hints: not when the function is decorated, since they may name what is defined below it."""
        if self._typed:
            return
        hints = get_type_hints(self.function)
        names = list(inspect.signature(self.function).parameters)
        if self.takes_data:
            self._input_hint = hints.get(names[1], Any)
        self._output_hint = hints.get("return", Any)
        self._typed = True

    @property
    def input_hint(self) -> Any:
        """The type of ``data``."""
        self.resolve()
        return self._input_hint

    @property
    def output_hint(self) -> Any:
        """The type that is returned."""
        self.resolve()
        return self._output_hint

    @property
    def read_input(self) -> Optional[Convert]:
        """How the input is read from JSON."""
        return converter(self.input_hint) if self.takes_data else None

    @property
    def read_texts(self) -> Optional[Convert]:
        """The same for input that came as XML or as a form."""
        return converter(self.input_hint, texts=True) if self.takes_data else None

    @property
    def read_output(self) -> Optional[Convert]:
        """How the output of a remote run is read from JSON."""
        return converter(self.output_hint)

    @property
    def sio(self) -> Optional[dict[str, Any]]:
        """The schema, as busker_model::sio::SimpleIo reads it; None when no dataclass is involved."""
        given: List[Any] = fields_of(self.input_hint) if is_dataclass_type(self.input_hint) else []
        origin, arguments = origin_of(self.output_hint)
        repeated = origin is list and bool(arguments) and is_dataclass_type(arguments[0])
        item = arguments[0] if repeated else self.output_hint
        returned = fields_of(item) if is_dataclass_type(item) else []
        if not given and not returned:
            return None
        return {
            "request_elem": "request", "response_elem": "response", "input": given, "output": returned,
            "output_repeated": repeated, "default_value": None, "namespace": "", "bare": True,
        }  # fmt: skip


# The async form comes first: to the plain one, a coroutine is just a return type.
@overload
def service(
    function: Callable[[Ctx, I], Coroutine[Any, Any, O]], /
) -> ServiceDef[I, O]: ...
@overload
def service(function: Callable[[Ctx, I], O], /) -> ServiceDef[I, O]: ...
@overload
def service(function: Callable[[Ctx], O], /) -> ServiceDef[None, O]: ...
@overload
def service(
    *,
    name: str = "",
    timeout: Optional[float] = None,
    concurrency: Optional[int] = None,
    pool: Optional[str] = None,
    idempotent: bool = False,
    isolate: bool = False,
    delivery: str = "durable",
) -> "_Decorator": ...
def service(
    function: Optional[Callable[..., Any]] = None,
    /,
    *,
    name: str = "",
    timeout: Optional[float] = None,
    concurrency: Optional[int] = None,
    pool: Optional[str] = None,
    idempotent: bool = False,
    isolate: bool = False,
    delivery: str = "durable",
) -> Any:
    """Makes a service of a function ``(ctx)`` or ``(ctx, data)``. ``timeout`` in seconds.

    ``concurrency`` is the most runs at once on a node, ``pool`` the worker pool, ``idempotent`` allows a second run
    after a crash, ``isolate`` keeps it out of the processes of other services, ``delivery`` is how asynchronous
    invocations are kept: durable or fast.
    """
    if timeout is not None and timeout <= 0:
        raise ValueError(f"timeout is {timeout}; it is in seconds and more than 0")
    if concurrency is not None and concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; at least 1 run must be allowed")
    if delivery not in DELIVERIES:
        raise ValueError(f"delivery is {delivery!r}; it may be {' or '.join(DELIVERIES)}")

    def decorate(target: Callable[..., Any]) -> ServiceDef[Any, Any]:
        parameters = inspect.signature(target).parameters
        if len(parameters) not in (1, 2):
            raise TypeError(f"{target.__qualname__} takes {len(parameters)} parameters; a service takes (ctx) or (ctx, data)")
        own = name or f"{target.__module__}.{target.__name__}".replace("_", "-")
        made: ServiceDef[Any, Any] = ServiceDef(target, own, len(parameters) == 2)
        made.timeout, made.concurrency, made.pool = timeout, concurrency, pool
        made.idempotent, made.isolate, made.delivery = idempotent, isolate, delivery
        return made

    return decorate(function) if function is not None else decorate


class _Decorator:
    """What ``service(timeout=5.0)`` returns, to a type checker. At run time it is a plain function."""

    @overload
    def __call__(self, function: Callable[[Ctx, I], Coroutine[Any, Any, O]], /) -> ServiceDef[I, O]: ...
    @overload
    def __call__(self, function: Callable[[Ctx, I], O], /) -> ServiceDef[I, O]: ...
    @overload
    def __call__(self, function: Callable[[Ctx], O], /) -> ServiceDef[None, O]: ...
    def __call__(self, function: Callable[..., Any], /) -> Any:
        """Makes the service."""
        raise NotImplementedError
