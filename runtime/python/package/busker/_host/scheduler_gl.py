"""Leader/followers with one greenlet per request: a node call parks a greenlet, which is no thread switch.

Each thread has a **hub** greenlet that reads frames (as leader) or waits for its inbox (else), and a list of finished
greenlets to use again: a new one costs 8 µs. A greenlet never leaves its thread, so the answer to a call of another
thread's greenlet is put into that thread's inbox. The lead is passed as a message in the inbox too: as a flag, a thread
that was woken for an answer could miss it.
"""

from __future__ import annotations

import importlib
import threading
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Tuple, Union

from busker._host.protocol import REQ, Frame, Meta
from busker._host.scheduler import CallAnswer, Pending, Scheduler
from busker._host.task import Port, Task

_greenlet: Any = importlib.import_module("greenlet")
greenlet: Any = _greenlet.greenlet
getcurrent: Any = _greenlet.getcurrent

#: Message in an inbox: you are the leader now.
LEAD = object()


class Parked(Pending):
    """A call whose greenlet waits."""

    __slots__ = ("lane", "greenlet")

    def __init__(self, task: Task, lane: "Lane", waiter: Any) -> None:
        super().__init__(task)
        self.lane = lane
        self.greenlet = waiter

    def deliver(self, answer: CallAnswer) -> None:
        self.lane.take((self.greenlet, answer))


class Lane(Port):
    """A thread with its hub, its greenlets and its inbox."""

    __slots__ = ("scheduler", "ident", "leads", "token", "inbox", "_ready", "_hub", "_free")

    def __init__(self, scheduler: "GreenletScheduler") -> None:
        self.scheduler = scheduler
        self.ident = 0
        self.leads = False
        #: Holds one element while this thread is leader and in a request.
        self.token: List[int] = []
        self.inbox: Deque[Any] = deque()
        #: A lock as an event: free when something is in the inbox. A Semaphore is Python code and costs 3 µs more.
        self._ready = threading.Lock()
        self._ready.acquire()
        self._hub: Any = None
        self._free: List[Any] = []

    def take(self, message: Any) -> None:
        """Puts a message into the inbox."""
        self.inbox.append(message)
        # A leader that delivers to itself looks into its inbox before it reads again: no need to wake it.
        if not (self.leads and threading.get_ident() == self.ident):
            self._notify()

    def _notify(self) -> None:
        try:
            self._ready.release()
        except RuntimeError:  # it was free: the thread is about to look anyway
            pass

    def lead(self) -> None:
        """Makes this thread the leader; goes before answers, so that they do not delay it."""
        self.inbox.appendleft(LEAD)
        self._notify()

    def call(self, task: Task, meta: Meta, body: bytes) -> CallAnswer:
        scheduler = self.scheduler
        id_, frame = scheduler.call_frame(meta, body)
        if threading.get_ident() != self.ident:  # a thread that the service started
            return scheduler.call_blocking(task, id_, frame)
        scheduler.requests.park(task)
        try:
            if task.blocking:
                return self._block(task, id_, frame)
            scheduler.pending[id_] = Parked(task, self, getcurrent())
            try:
                self.token.pop()
            except IndexError:
                scheduler.send_now(frame)
            else:  # the token was ours, so `out` was: nobody could replace us in between
                scheduler.out.append(frame)
                self.token.append(1)
            answer: CallAnswer = self._hub.switch(None)
            return answer
        finally:
            scheduler.requests.resume(task)

    def _block(self, task: Task, id_: int, frame: bytes) -> CallAnswer:
        """A call under an event loop. Other greenlets of this thread must not run: they would find its loop running."""
        try:
            self.token.pop()
        except IndexError:
            pass
        else:
            self.scheduler.flush()
            self.scheduler.hand_over()
        return self.scheduler.call_blocking(task, id_, frame)

    def _serve(self, frame: Frame) -> None:
        """Life of a greenlet: one request after another."""
        me, hub, free, requests = getcurrent(), self._hub, self._free, self.scheduler.requests
        while True:
            answer = requests.serve(frame, self, self.ident)
            free.append(me)
            frame = hub.switch(answer)

    def _step(self, waiter: Any, value: Union[Frame, CallAnswer]) -> None:
        """Runs a greenlet until it waits or ends; as leader, under the eyes of the monitor."""
        scheduler = self.scheduler
        if not self.leads:
            answer = waiter.switch(value)
            if answer is not None:
                scheduler.send_now(answer, answers=1)
            return
        self.token = scheduler.token = [1]
        if scheduler._asleep:
            scheduler.wake_monitor()
        answer = waiter.switch(value)
        try:
            self.token.pop()
        except IndexError:
            self.leads = False
            if answer is not None:
                scheduler.send_now(answer, answers=1)
        else:
            if answer is not None:
                scheduler.out.append(answer)
                scheduler.requests.answered += 1

    def run(self) -> None:
        """Life of a thread."""
        self._hub = getcurrent()
        self.ident = threading.get_ident()
        inbox, idle = self.inbox, self.scheduler.idle
        while True:
            self._empty_inbox()
            if self.leads:
                self._serve_as_leader()
                continue
            idle[self] = True
            self._ready.acquire()
            if idle.pop(self, None) is None:
                # Somebody took us from the idle threads to make us leader: that message comes before all else.
                while LEAD not in inbox:
                    self._ready.acquire()

    def _empty_inbox(self) -> None:
        inbox = self.inbox
        while inbox:
            message = inbox.popleft()
            if message is LEAD:
                self.leads = True
            else:
                self._step(*message)

    def _serve_as_leader(self) -> None:
        """Reads and serves until the lead is taken away or an answer for one of our greenlets is here."""
        scheduler = self.scheduler
        back, out, reader, notes = scheduler.back, scheduler.out, scheduler.reader, scheduler.notes
        requests, free, step, inbox = scheduler.requests, self._free, self._step, self.inbox
        while self.leads and not inbox:
            if back:
                frame = back.popleft()
            else:
                if (out or notes.waiting or scheduler.draining) and not reader.has_frame():
                    scheduler.flush()
                frame = reader.next()
                if frame.type != REQ:
                    scheduler.on_frame(frame)
                    continue
            requests.taken += 1
            step(free.pop() if free else greenlet(self._serve), frame)


class GreenletScheduler(Scheduler):
    """Threads that each carry many requests."""

    __slots__ = ("idle", "_lanes")
    word = "gl"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]  # the same arguments
        #: Threads that wait for their inbox, as the keys of a dict: popitem is atomic.
        self.idle: Dict[Lane, bool] = {}
        self._lanes = 1

    def run(self) -> None:
        self.start_monitor()
        first = Lane(self)
        first.leads = True
        first.run()

    def hand_over(self) -> None:
        lane = self._idle_lane()
        if lane is None:
            # A thread that is not idle is inside a request, and there are at most `window` of those.
            lane = Lane(self)
            self._lanes += 1
            lane.lead()
            threading.Thread(target=lane.run, name=f"busker-{self._lanes}", daemon=True).start()
        else:
            lane.lead()

    def _idle_lane(self) -> Optional[Lane]:
        try:
            found: Tuple[Lane, bool] = self.idle.popitem()
        except KeyError:
            return None
        return found[0]
