"""self.time: the clock as text."""

from __future__ import annotations

import datetime
from typing import Any

#: Words of a format, longest first, and what strftime calls them.
_TOKENS = (("YYYY", "%Y"), ("YY", "%y"), ("MM", "%m"), ("DD", "%d"), ("HH", "%H"), ("hh", "%I"), ("mm", "%M"),
           ("ss", "%S"), ("A", "%p"))  # fmt: skip


class TimeUtil:
    """self.time."""

    __slots__ = ()

    def utcnow(self, format: str = "YYYY-MM-DD HH:mm:ss", needs_format: bool = True) -> Any:
        """Now, in UTC: as text, or as a datetime when ``needs_format`` is off."""
        now = datetime.datetime.now(datetime.timezone.utc)
        return format_time(now, format) if needs_format else now

    def today(self, format: str = "YYYY-MM-DD", needs_format: bool = True) -> Any:
        """Today's date in local time."""
        now = datetime.datetime.now().astimezone()
        return format_time(now, format) if needs_format else now

    def reformat(self, value: str, from_: str, to: str) -> str:
        """A time in another format."""
        return format_time(datetime.datetime.strptime(value, _strftime(from_)), to)


def format_time(value: datetime.datetime, format: str) -> str:
    """A time by a format of words such as YYYY-MM-DD HH:mm:ss."""
    return value.strftime(_strftime(format))


def _strftime(format: str) -> str:
    for word, code in _TOKENS:
        format = format.replace(word, code)
    return format
