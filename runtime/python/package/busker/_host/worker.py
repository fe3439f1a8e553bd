"""A worker process: introduces itself, loads the packages it is given, serves until the node says stop or is gone.

Owns: one socket to the node. Hears: WELCOME, DEPLOY or VERIFY, then whatever scheduler.py acts on. Says: HELLO,
DEPLOYED or DEPLOYFAIL. Dies when: QUIT, DRAIN and idle, the socket closes, its parent dies. Restart: by the node.

``python3 worker.py FD [lf|gl]`` runs one without a zygote, for tests and for debugging a service.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib.util
import os
import signal
import socket
import sys
import threading
from typing import Optional, Type

if __package__ in (None, ""):  # run as a file: its folder, where modules hide others, gives way to the package's root
    _HERE = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.path.dirname(os.path.dirname(_HERE)), *(path for path in sys.path if path != _HERE)]

from busker._host import limits, loader, logs
from busker._host.entry import registry
from busker._host.invoke import describe_services
from busker._host.protocol import (
    DEFAULT_MAX_FRAME_BYTES, DEPLOY, DEPLOYED, DEPLOYFAIL, DRAIN, HELLO, PING, PONG, PROTOCOL_VERSION, QUIT, REQ,
    VERIFY, WELCOME, Codec, Frame, FrameReader, Meta,
)  # fmt: skip
from busker._host.scheduler import Scheduler

DEFAULT_WINDOW = 64
#: Of threads beyond the first: there may be window + 1 of them, and each counts against the memory limit.
STACK_BYTES = 2 * 1024 * 1024
#: A thread that waits for the processor gets it after this time; the default of 5 ms makes neighbours of a busy
#: service wait four times as long and saves nothing measurable.
DEFAULT_SWITCH_INTERVAL_MS = 1.0


class Worker:
    """The process from its first frame to its scheduler."""

    def __init__(self, sock: socket.socket, scheduler: Optional[str] = None) -> None:
        self.sock = sock
        self.codec = Codec()
        self.reader = FrameReader(sock)
        self.notes = logs.Notes(self.codec)
        self.scheduler = pick_scheduler(scheduler)
        self.window = DEFAULT_WINDOW

    def run(self) -> None:
        """Does not return."""
        self.hello()
        first: Optional[Frame] = None
        while first is None:
            first = self.on_early_frame(self.reader.next())
        running = self.scheduler(self.sock, self.reader, self.codec, self.notes, self.window)
        running.back.append(first)
        running.run()

    def send(self, type_: int, id_: int, meta: Meta) -> None:
        """Writes a frame after whatever was logged or printed before it."""
        self.sock.sendall(b"".join([*self.notes.take(), self.codec.frame(type_, id_, meta, b"")]))

    def hello(self) -> None:
        """Tells the node who we are."""
        version = "%d.%d.%d" % sys.version_info[:3]
        has_greenlet = importlib.util.find_spec("greenlet") is not None
        self.send(HELLO, 0, {
            "proto": PROTOCOL_VERSION, "pid": os.getpid(), "python": version, "executable": sys.executable,
            "scheduler": self.scheduler.word, "greenlet": has_greenlet,
        })  # fmt: skip

    def on_early_frame(self, frame: Frame) -> Optional[Frame]:
        """Acts on a frame that comes before the first request; returns that request."""
        if frame.type == REQ:
            return frame
        meta = frame.meta or {}
        if frame.type == WELCOME:
            self.on_welcome(meta)
        elif frame.type == DEPLOY:
            self.on_deploy(frame)
        elif frame.type == VERIFY:
            self.on_deploy(frame)
            os._exit(0)
        elif frame.type == PING:
            pong = {"rss_bytes": limits.rss_bytes(), "threads": limits.thread_count(), "in_flight": 0, "requests": 0}
            self.send(PONG, frame.id, pong)
        elif frame.type in (DRAIN, QUIT):
            os._exit(0)
        return None

    def on_welcome(self, meta: Meta) -> None:
        """Takes the node's settings."""
        self.window = int(meta.get("window") or DEFAULT_WINDOW)
        self.codec.max_frame_bytes = int(meta.get("max_frame_bytes") or DEFAULT_MAX_FRAME_BYTES)
        sys.setswitchinterval(float(meta.get("switch_interval_ms") or DEFAULT_SWITCH_INTERVAL_MS) / 1e3)
        registry.pool = str(meta.get("pool") or "")
        limits.set_process_name(f"busker-{meta.get('worker', '')}-{registry.pool}")
        logs.install(self.notes)
        logs.set_level(meta.get("log_level"))
        limits.apply(meta.get("rlimits") or {})

    def on_deploy(self, frame: Frame) -> None:
        """Loads a generation and tells how that went."""
        try:
            loader.deploy(loader.read_files(frame.meta or {}, frame.body))
            services = describe_services()
        except loader.DeployError as error:
            self.send(DEPLOYFAIL, frame.id, error.found)
            return
        # What is loaded now stays: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        self.send(DEPLOYED, frame.id, {"services": services})


def pick_scheduler(word: Optional[str]) -> Type[Scheduler]:
    """The scheduler of that word; by default greenlets where the library is installed."""
    if word != "lf":
        try:
            from busker._host.scheduler_gl import GreenletScheduler

            return GreenletScheduler
        except ImportError:
            if word == "gl":
                raise
    from busker._host.scheduler_lf import ThreadScheduler

    return ThreadScheduler


def start(sock: socket.socket, parent: int, scheduler: Optional[str] = None) -> None:
    """Makes this process a worker. Does not return."""
    limits.die_with_parent(parent)
    limits.no_new_privileges()
    # Ctrl-C in a terminal reaches the whole process group: the node decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # The stack of a crash goes to the pipe that the node reads; it keeps too few lines for those of all threads.
    faulthandler.enable(2, all_threads=False)
    threading.stack_size(STACK_BYTES)
    sock.setblocking(True)
    sock.set_inheritable(False)
    try:
        Worker(sock, scheduler).run()
    except BaseException as error:  # a bug of ours: say so where the node keeps the last lines
        os.write(2, f"busker worker: {type(error).__name__}: {error}\n".encode("utf-8", "replace"))
        faulthandler.dump_traceback(2)
    os._exit(70)


def add_shims() -> None:
    """Puts our stand-ins for dead libraries at the end of the path: an installed one wins."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    shims = os.path.join(root, "shims")
    if shims not in sys.path:
        sys.path.append(shims)


if __name__ == "__main__":
    add_shims()
    start(socket.socket(fileno=int(sys.argv[1])), os.getppid(), sys.argv[2] if len(sys.argv) > 2 else None)
