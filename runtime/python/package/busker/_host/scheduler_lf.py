"""Leader/followers on plain threads: needs the standard library only.

A node call goes on reading as leader until its answer comes; only when another request comes first is the lead handed
over and the thread parked. That hand-over is a thread switch (about 20 µs), which greenlets spare: scheduler_gl.py.
"""

from __future__ import annotations

import threading
from typing import Dict, List, Optional

from busker._host.protocol import REQ, Meta
from busker._host.scheduler import Blocked, CallAnswer, Scheduler
from busker._host.task import Port, Task


class Seat(Port):
    """A thread's way to the node."""

    __slots__ = ("scheduler", "token", "ident")

    def __init__(self, scheduler: "ThreadScheduler") -> None:
        self.scheduler = scheduler
        #: Holds one element while this thread is leader and in a request.
        self.token: List[int] = []
        self.ident = threading.get_ident()

    def call(self, task: Task, meta: Meta, body: bytes) -> CallAnswer:
        scheduler = self.scheduler
        id_, frame = scheduler.call_frame(meta, body)
        if threading.get_ident() != self.ident:  # a thread that the service started
            return scheduler.call_blocking(task, id_, frame)
        scheduler.requests.park(task)
        try:
            return self._wait(task, id_, frame)
        finally:
            scheduler.requests.resume(task)

    def _wait(self, task: Task, id_: int, frame: bytes) -> CallAnswer:
        scheduler = self.scheduler
        waiting = Blocked(task)
        scheduler.pending[id_] = waiting
        try:
            self.token.pop()
        except IndexError:  # no longer the leader
            scheduler.send_now(frame)
            waiting.lock.acquire()
            return waiting.answer
        scheduler.out.append(frame)
        while True:
            if (scheduler.out or scheduler.notes.waiting) and not scheduler.reader.has_frame():
                scheduler.flush()
            read = scheduler.reader.next()
            if read.type == REQ:
                scheduler.back.append(read)
                scheduler.flush()
                scheduler.hand_over()
                waiting.lock.acquire()
                return waiting.answer
            scheduler.on_frame(read)
            if id_ not in scheduler.pending:  # answered or cancelled: we are still the leader
                self.token = scheduler.token = [1]
                if scheduler._asleep:
                    scheduler.wake_monitor()
                return waiting.answer


class ThreadScheduler(Scheduler):
    """Plain threads take turns at the socket."""

    __slots__ = ("_lead", "_idle", "_threads")
    word = "lf"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]  # the same arguments
        self._lead = threading.Lock()
        #: Threads that wait for the lead.
        self._idle: Dict[int, bool] = {}
        self._threads = 0

    def run(self) -> None:
        self.start_monitor()
        self._threads = 1
        self._follow()

    def hand_over(self) -> None:
        # A thread that is not idle has a request in flight, and there are at most `window` of those.
        if not self._idle and self._threads <= self.window:
            self._threads += 1
            threading.Thread(target=self._follow, name=f"busker-{self._threads}", daemon=True).start()
        self._lead.release()

    def _follow(self) -> None:
        """Life of a thread: wait for the lead, serve until it is taken away, answer, wait again."""
        seat = Seat(self)
        ident = seat.ident
        while True:
            self._idle[ident] = True
            self._lead.acquire()
            self._idle.pop(ident, None)
            answer = self._serve_as_leader(seat)
            if answer is not None:
                self.send_now(answer, answers=1)

    def _serve_as_leader(self, seat: Seat) -> Optional[bytes]:
        """Serves until the lead was taken away during a request; returns that request's answer."""
        back, out, reader, notes, requests = self.back, self.out, self.reader, self.notes, self.requests
        while True:
            if back:
                frame = back.popleft()
            else:
                if (out or notes.waiting or self.draining) and not reader.has_frame():
                    self.flush()
                frame = reader.next()
                if frame.type != REQ:
                    self.on_frame(frame)
                    continue
            requests.taken += 1
            seat.token = self.token = [1]
            if self._asleep:
                self.wake_monitor()
            answer = requests.serve(frame, seat, seat.ident)
            try:
                seat.token.pop()
            except IndexError:
                return answer
            out.append(answer)
            requests.answered += 1
