"""Services that fail, each in its own way. With `calm` as the payload all of them work."""

import ctypes
import os
import time

from zato.server.service import Service


class Fault(Service):
    def handle(self):
        if self.request.raw_request != "calm":
            self.fail()
        self.response.payload = "calm"

    def fail(self):
        raise NotImplementedError


class Raises(Fault):
    def fail(self):
        raise ValueError("a value on purpose")


class Loops(Fault):
    def fail(self):
        while True:
            pass


class Sleeps(Fault):
    def fail(self):
        time.sleep(3600)


class Allocates(Fault):
    def fail(self):
        # Not touched, or a test would take the memory of its neighbours on this machine.
        self.hoard = [bytes(1 << 30) for _ in range(64)]


class AllocatesAtOnce(Fault):
    def fail(self):
        self.hoard = bytearray(64 << 30)


class Segfaults(Fault):
    def fail(self):
        ctypes.string_at(0)


class Exits(Fault):
    def fail(self):
        os._exit(3)


class Calls(Fault):
    def fail(self):
        self.outgoing.plain_http.get("hanging").conn.get(self.cid)


class Slow(Fault):
    """Not to be run twice."""

    def fail(self):
        time.sleep(1.5)


class Patient(Fault):
    """May be run twice."""

    class Busker:
        idempotent = True

    def fail(self):
        time.sleep(1.5)
