"""The fork server: imports what every worker needs once, then forks a worker per message. A fork takes 2 ms.

Owns: a control socket, the worker processes. Hears, on the socket: a JSON line ``{"worker": ..., "pool": ...}`` with
one file descriptor (SCM_RIGHTS), the worker's own socket. Says, as JSON lines: ``{"pid": N, "worker": ...}`` for each,
in order, and ``{"exited": pid, "signal": n|null, "code": n|null}`` when a worker ends. Dies when: the socket closes;
its workers die with it. Restart: by the node.

``python3 -E -s .../busker/_host/zygote.py FD``. One thread only: a fork copies no other.
"""

from __future__ import annotations

import array
import gc
import json
import os
import select
import signal
import socket
import sys
from typing import Any, Dict, List

if __package__ in (None, ""):  # run as a file: its folder, where modules hide others, gives way to the package's root
    _HERE = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.path.dirname(os.path.dirname(_HERE)), *(path for path in sys.path if path != _HERE)]

from busker._host import worker

#: Bytes of one control message, and descriptors in it.
MESSAGE_BYTES = 65_536
MAX_FDS = 8


def preload() -> None:
    """Imports what workers use, so that they share its memory. A library that is not installed is no matter."""
    import importlib

    for name in (
        "asyncio", "concurrent.futures", "datetime", "decimal", "json", "linecache", "logging", "traceback", "urllib.parse",
        "uuid", "busker", "busker._collect", "zato.server.service", "zato.server.service._collect", "lxml.objectify",
        "greenlet", "busker._host.scheduler_gl", "busker._host.scheduler_lf",
    ):  # fmt: skip
        try:
            importlib.import_module(name)
        except ImportError:
            pass


class Zygote:
    """The loop of the fork server."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.text = b""
        self.fds: List[int] = []
        # A signal only writes a byte here, so that the loop reaps children between messages.
        self.woken, self.waker = os.pipe()
        os.set_blocking(self.waker, False)
        os.set_blocking(self.woken, False)

    def run(self) -> None:
        """Serves until the node closes the control socket."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.woken, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if self.woken in ready:
                os.read(self.woken, 4_096)
                self.reap()
            if self.control.fileno() in ready:
                self.on_message()

    def on_message(self) -> None:
        """Reads from the control socket and forks for each whole line."""
        data, ancillary, _, _ = self.control.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(MAX_FDS * 4))
        if not data:
            os._exit(0)
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                found = array.array("i")
                found.frombytes(payload[: len(payload) - len(payload) % found.itemsize])
                self.fds.extend(found)
        self.text += data
        while b"\n" in self.text and self.fds:
            line, self.text = self.text.split(b"\n", 1)
            self.fork(json.loads(line.decode("utf-8")), self.fds.pop(0))

    def fork(self, message: Dict[str, Any], fd: int) -> None:
        """Makes a worker that owns ``fd``."""
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:  # no memory, too many processes: the node decides what to do
            os.close(fd)
            self.say({"pid": None, "worker": message.get("worker"), "error": str(error)})
            return
        if pid == 0:
            self.become_worker(message, fd, parent)
        os.close(fd)
        self.say({"pid": pid, "worker": message.get("worker")})

    def become_worker(self, message: Dict[str, Any], fd: int, parent: int) -> None:
        """In the child: lets go of what is the zygote's. Does not return."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.control.close()
        os.close(self.woken)
        os.close(self.waker)
        for other in self.fds:
            os.close(other)
        worker.start(socket.socket(fileno=fd), parent, message.get("scheduler"))

    def reap(self) -> None:
        """Reports every child that ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
            self.say({"exited": pid, "signal": killed, "code": code})

    def say(self, message: Dict[str, Any]) -> None:
        """Writes a line to the node."""
        try:
            self.control.sendall(json.dumps(message).encode("utf-8") + b"\n")
        except OSError:
            os._exit(0)


def main() -> None:
    """Entry point: the control socket's descriptor is the first argument."""
    worker.add_shims()
    # The node passes it as standard input; a worker that then opened a file would get descriptor 0 for it.
    control = socket.socket(fileno=os.dup(int(sys.argv[1])))
    os.dup2(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), int(sys.argv[1]))
    preload()
    # Pages of objects that the collector never looks at stay shared between the workers.
    gc.collect()
    gc.freeze()
    Zygote(control).run()


if __name__ == "__main__":
    main()
