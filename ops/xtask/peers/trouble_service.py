"""A service that does what it is told to do wrong, in a pool of its own."""

import ctypes
import os
import time

from zato.server.service import Service


class Run(Service):
    name = "trouble.run"

    class Busker:
        pool = "trouble"

    def handle(self):
        what = self.request.payload.what
        if what == "raise":
            raise ValueError("as told")
        if what == "loop":
            while True:
                pass
        if what == "sleep":
            time.sleep(30)
        if what == "allocate":
            bytearray(64 << 30)
        if what == "segfault":
            ctypes.string_at(0)
        if what == "exit":
            os._exit(3)
        if what == "hang":
            self.outgoing.plain_http.get("hanging").conn.get(self.cid)
