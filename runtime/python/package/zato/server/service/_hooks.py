"""Hooks around handle: which a class has, and their order.

before_job, before_<kind>_job, before_handle, validate_input, handle, validate_output, after_handle, after_job,
after_<kind>_job, finalize_handle. ``accept`` comes before all of them. Exceptions in before_*, after_* and finalize
hooks are logged and swallowed; those of accept, validate_* and handle are the service's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Tuple

if TYPE_CHECKING:
    from zato.server.service._base import Service

#: The scheduler's words for a job's kind, and Zato's.
JOB_KINDS = {
    "one-time": "one_time", "interval": "interval_based", "interval-based": "interval_based", "cron": "cron_style",
    "cron-style": "cron_style", "one_time": "one_time", "interval_based": "interval_based", "cron_style": "cron_style",
}  # fmt: skip
_KIND_HOOKS = {"one_time": "one_time_job", "interval_based": "interval_based_job", "cron_style": "cron_style_job"}

NAMES = (
    "accept", "before_job", "before_one_time_job", "before_interval_based_job", "before_cron_style_job",
    "before_handle", "validate_input", "validate_output", "after_handle", "after_job", "after_one_time_job",
    "after_interval_based_job", "after_cron_style_job", "finalize_handle",
)  # fmt: skip


class Hooks:
    """The hooks that a class overrides. Most override none: then ``any`` is False and nothing is looked up."""

    __slots__ = ("names", "any")

    def __init__(self, cls: type, base: type) -> None:
        self.names = frozenset(name for name in NAMES if getattr(cls, name) is not getattr(base, name))
        self.any = bool(self.names)

    def before(self, service: "Service") -> None:
        """Hooks that come before handle."""
        if service.channel == "scheduler":
            self._job(service, "before")
        if "before_handle" in self.names:
            call(service, "before_handle")

    def after(self, service: "Service") -> None:
        """Hooks that come after a handle that did not raise."""
        if "after_handle" in self.names:
            call(service, "after_handle")
        if service.channel == "scheduler":
            self._job(service, "after")
        if "finalize_handle" in self.names:
            call(service, "finalize_handle")

    def _job(self, service: "Service", when: str) -> None:
        if f"{when}_job" in self.names and not call(service, f"{when}_job"):
            return  # the hook of the job's kind builds on this one
        special = f"{when}_{_KIND_HOOKS.get(service.job_type or '')}"
        if special in self.names:
            call(service, special)


def call(service: "Service", name: str) -> bool:
    """Calls a hook; logs what it raises. Whether it ended well."""
    try:
        getattr(service, name)()
        return True
    except Exception:
        service.logger.exception("Exception in hook %s of service %s", name, service.name)
        return False


def verbs(cls: type) -> Tuple[List[str], Dict[str, str]]:
    """HTTP methods that a class handles one by one, and the names of their methods."""
    found = {}
    for attribute in dir(cls):
        verb = attribute[len("handle_") :]
        if attribute.startswith("handle_") and verb.isupper() and callable(getattr(cls, attribute)):
            found[verb] = attribute
    return sorted(found), found


