"""What the kernel and the interpreter let us set: limits of the process, death with the parent, async exceptions."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import Any, Mapping, Optional, Type

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_NO_NEW_PRIVS = 38


def _prctl(option: int, argument: Any) -> bool:
    """The prctl system call; False where there is none."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    # All five arguments are read for NO_NEW_PRIVS, and unused ones must be 0.
    return bool(libc.prctl(option, argument, 0, 0, 0) == 0)


def die_with_parent(parent: int) -> None:
    """SIGKILL when the parent dies; exit now if it died before we could ask for that."""
    if _prctl(PR_SET_PDEATHSIG, signal.SIGKILL) and os.getppid() != parent:
        os._exit(1)


def no_new_privileges() -> None:
    """No set-uid program started by a service gains rights."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def set_process_name(name: str) -> None:
    """What ``ps`` and ``top`` show, 15 bytes at most."""
    _prctl(PR_SET_NAME, ctypes.c_char_p(name.encode("utf-8")[:15]))


def apply(limits: Mapping[str, Optional[int]]) -> None:
    """Sets the limits of WELCOME: as_bytes, nofile, fsize_bytes; core dumps are off. Raises ValueError or OSError."""
    import resource

    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: limits.get("as_bytes"),
        resource.RLIMIT_NOFILE: limits.get("nofile"),
        resource.RLIMIT_FSIZE: limits.get("fsize_bytes"),
    }
    for which, value in wanted.items():
        if value is None or (value == 0 and which != resource.RLIMIT_CORE):
            continue
        _, hard = resource.getrlimit(which)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (ceiling, ceiling))
    # Over RLIMIT_FSIZE a write fails with an error, as it should, instead of killing the worker.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def rss_bytes() -> int:
    """Resident memory of this process; 0 where /proc does not tell."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def post_exception(thread: int, kind: Optional[Type[BaseException]]) -> None:
    """Makes a thread raise at its next bytecode boundary; None takes back what was posted.

    It has no effect inside a C call such as ``time.sleep`` until that returns.
    """
    target = ctypes.py_object(kind) if kind is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), target)


def thread_count() -> int:
    """Python threads of this process."""
    return threading.active_count()
