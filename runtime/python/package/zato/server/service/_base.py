"""Service: the base class that services of this face extend."""

from __future__ import annotations

import datetime
import logging
import re
import time
from typing import TYPE_CHECKING, Any, ClassVar, Dict, Iterable, Optional

from busker._host.task import Task
from zato.common import NotConfigured
from zato.server.service import _invoke
from zato.server.service._hooks import JOB_KINDS
from zato.server.service._kvdb import KVDB
from zato.server.service._outgoing import Missing, Outgoing
from zato.server.service._request import Request, wsgi_environ
from zato.server.service._response import Response
from zato.server.service._time import TimeUtil

if TYPE_CHECKING:
    from zato.server.service._collect import ZatoEntry

#: Before each capital that begins a word.
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<!^)(?=[A-Z][a-z])")
_INTERNAL = "server.service.internal."


class _Once:
    """An attribute that is made when it is first asked for and then stays."""

    def __init__(self, make: Any) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._make(instance)
        return value


class Service:
    """A service. Subclasses implement ``handle``; everything they need is an attribute of ``self``."""

    #: Set by a class that wants another name than the one derived from its module and its own name.
    name: str = ""
    impl_name: str = ""
    SimpleIO: ClassVar[Any] = None

    cid: str
    request: Request
    response: Response
    _task: Task
    _entry: "ZatoEntry"
    _started: float
    _ended: Optional[float] = None

    # What it is called.

    @classmethod
    def get_name(cls) -> str:
        """The service's name."""
        return vars(cls).get("name") or name_from_impl(cls.get_impl_name())

    @classmethod
    def get_impl_name(cls) -> str:
        """``module.Class``."""
        return f"{cls.__module__}.{cls.__qualname__}"

    # What it does.

    def handle(self) -> None:
        """The work. Subclasses implement it, or handle_GET and so on."""
        raise NotImplementedError(f"{self.name} has no handle method")

    def accept(self) -> Any:
        """False refuses the request: its caller gets an empty answer with status 400."""
        return True

    def validate_input(self) -> None:
        """Just before handle; raises if the input is bad."""

    def validate_output(self) -> None:
        """Just after handle; raises if the output is bad."""

    def before_handle(self) -> None:
        """Before handle."""

    def after_handle(self) -> None:
        """After handle."""

    def finalize_handle(self) -> None:
        """After everything else."""

    def before_job(self) -> None:
        """Before handle, when a job invokes the service."""

    def after_job(self) -> None:
        """After handle, when a job invoked the service."""

    def before_one_time_job(self) -> None:
        """As before_job, one-time jobs only."""

    def after_one_time_job(self) -> None:
        """As after_job, one-time jobs only."""

    def before_interval_based_job(self) -> None:
        """As before_job, interval-based jobs only."""

    def after_interval_based_job(self) -> None:
        """As after_job, interval-based jobs only."""

    def before_cron_style_job(self) -> None:
        """As before_job, cron-style jobs only."""

    def after_cron_style_job(self) -> None:
        """As after_job, cron-style jobs only."""

    @staticmethod
    def before_add_to_store(logger: logging.Logger) -> bool:
        """Called at deployment; anything but True leaves the class out."""
        return True

    @staticmethod
    def after_add_to_store(logger: logging.Logger) -> None:
        """Called at deployment once the class is a service."""

    # Where it runs.

    @property
    def channel(self) -> str:
        """http-soap, invoke, invoke-async, scheduler, amqp, jms-wmq, zmq, api."""
        return self._channel or self._task.channel

    @property
    def transport(self) -> Optional[str]:
        """plain_http, soap or None."""
        return self._transport if self._nested else self._task.transport

    @property
    def data_format(self) -> Optional[str]:
        """json, xml, or None for anything else."""
        found = self.request.data_format
        return found if found in ("json", "xml") else None

    @property
    def job_type(self) -> Optional[str]:
        """one_time, interval_based or cron_style when a job invokes the service."""
        job = self._task.extra.get("job") or {}
        return JOB_KINDS.get(str(job.get("type") or job.get("kind") or ""))

    _nested = False
    _channel: Optional[str] = None
    _transport: Optional[str] = None

    @_Once
    def environ(self) -> Dict[str, Any]:
        """A dict that hooks and handle share."""
        return {}

    @_Once
    def wsgi_environ(self) -> Dict[str, Any]:
        """The HTTP request as a WSGI environment."""
        return wsgi_environ(self._task)

    @_Once
    def logger(self) -> logging.Logger:
        """Named after the service."""
        return logging.getLogger(self.name)

    @_Once
    def outgoing(self) -> Outgoing:
        """Connections to elsewhere."""
        return Outgoing(self._task)

    out = outgoing

    @_Once
    def kvdb(self) -> KVDB:
        """The key/value store."""
        return KVDB(self._task)

    @property
    def time(self) -> TimeUtil:
        """The clock as text."""
        return TimeUtil()

    @property
    def usage(self) -> int:
        """Invocations of the service in this process since its deployment."""
        return self._entry.usage

    @property
    def slow_threshold(self) -> int:
        """Milliseconds from which an invocation counts as slow, unless the node's settings say otherwise."""
        return 1000

    # How long it takes.

    @property
    def invocation_time(self) -> datetime.datetime:
        """When it began, in UTC."""
        return _utc(self._started)

    @property
    def handle_return_time(self) -> Optional[datetime.datetime]:
        """When handle returned, in UTC; None before."""
        return None if self._ended is None else _utc(self._ended)

    @property
    def processing_time_raw(self) -> Optional[datetime.timedelta]:
        """How long handle took; None before it returned."""
        return None if self._ended is None else datetime.timedelta(seconds=self._ended - self._started)

    @property
    def processing_time(self) -> Optional[int]:
        """The same in whole milliseconds."""
        return None if self._ended is None else round((self._ended - self._started) * 1000)

    # Other services.

    def invoke(self, name: str, payload: Any = "", *args: Any, **kwargs: Any) -> Any:
        """Invokes another service and returns its answer: same thread and cid when it is in this process."""
        return _invoke.invoke(self, name, payload, *args, **kwargs)

    def invoke_by_id(self, service_id: Any, payload: Any = "", *args: Any, **kwargs: Any) -> Any:
        """The same by the number of the service in this process."""
        return _invoke.invoke(self, _invoke.name_of_id(service_id), payload, *args, **kwargs)

    def invoke_by_impl_name(self, impl_name: str, payload: Any = "", *args: Any, **kwargs: Any) -> Any:
        """The same by ``module.Class``."""
        return _invoke.invoke(self, _invoke.name_of_impl(impl_name), payload, *args, **kwargs)

    def invoke_async(self, name: str, payload: Any = "", *args: Any, **kwargs: Any) -> str:
        """Has another service run some time later, anywhere; returns the cid it will have."""
        return _invoke.invoke_async(self, name, payload, *args, **kwargs)

    # Data dictionaries.

    def translate(self, system1: str, key1: str, value1: Any, system2: str, key2: str, default: str = "") -> Any:
        """What a value is called in another system; ``default`` when nobody said."""
        return self.kvdb.translate(system1, key1, value1, system2, key2, default)

    # Logging.

    def log_input(self, user_msg: str = "", level: int = logging.INFO, suppress_keys: Iterable[str] = ()) -> None:
        """Logs the request's payload and its context."""
        self._log_context(user_msg, level, self.request.payload, suppress_keys)

    def log_output(
        self, user_msg: str = "", level: int = logging.INFO, suppress_keys: Iterable[str] = ("wsgi_environ",)
    ) -> None:
        """Logs the response's payload and its context."""
        self._log_context(user_msg, level, self.response.to_value(), suppress_keys)

    def _log_context(self, user_msg: str, level: int, payload: Any, suppress_keys: Iterable[str]) -> None:
        hidden = frozenset(suppress_keys)
        names = (
            "cid", "name", "impl_name", "channel", "transport", "data_format", "job_type", "environ", "usage",
            "invocation_time", "handle_return_time", "processing_time", "wsgi_environ",
        )  # fmt: skip
        found = {name: "(suppressed)" if name in hidden else getattr(self, name) for name in names}
        found["payload"] = suppressed(payload, hidden)
        self.logger.log(level, "%s %s", user_msg, found)

    # Parts of Zato that are not here.

    def lock(self, name: Optional[str] = None, *args: Any, **kwargs: Any) -> Any:
        """A lock of the whole cluster."""
        raise NotConfigured("lock is not configured: a lock of the whole cluster is not part of this node yet")

    server = Missing("server", "Zato's server object")
    worker_store = Missing("worker_store", "Zato's worker store")
    broker_client = Missing("broker_client", "Zato's broker client")
    odb = Missing("odb", "access to the configuration database")
    cloud = Missing("cloud", "the cloud connector")
    email = Missing("email", "the e-mail connector")
    search = Missing("search", "the search connector")
    pubsub = Missing("pubsub", "publish/subscribe")
    patterns = Missing("patterns", "fan-out and parallel invocation")

    # What the host does with it.

    def _begin(self, task: Task, entry: "ZatoEntry", request: Request) -> None:
        """Gives a new instance its request. Not __init__, which subclasses may override without calling ours."""
        self._task = task
        self._entry = entry
        self.cid = task.cid
        self.name = entry.name
        self.impl_name = entry.impl_name
        self.request = request
        self.response = Response(entry.output)
        self._started = time.time()


def _utc(seconds: float) -> datetime.datetime:
    # Naive, as Zato has it: services compare it with datetime.utcnow().
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).replace(tzinfo=None)


def suppressed(value: Any, hidden: "frozenset[str]") -> Any:
    """A value with those of some keys hidden, at any depth."""
    if isinstance(value, dict):
        return {key: "(suppressed)" if key in hidden else suppressed(item, hidden) for key, item in value.items()}
    return [suppressed(item, hidden) for item in value] if isinstance(value, list) else value


def name_from_impl(impl_name: str) -> str:
    """``stockmarket.GetMarketCap`` -> ``stockmarket.get-market-cap``."""
    path, _, cls = impl_name.replace(_INTERNAL, "").rpartition(".")
    words = _WORDS.sub("-", cls).lower()
    return f"{path.replace('_', '-').lower()}.{words}" if path else words
