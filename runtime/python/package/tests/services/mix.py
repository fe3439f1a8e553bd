"""Services that the concurrency tests mix: each answers what it was asked, so that a mixed-up answer shows."""

import logging
import os
import sys
import threading
import time

from zato.server.service import Service


class Echo(Service):
    class SimpleIO:
        response_elem = "echo"
        input_required = ("symbol",)
        output_required = ("symbol", "cid")

    def handle(self):
        self.response.payload.symbol = self.request.input.symbol
        self.response.payload.cid = self.cid


class Plain(Service):
    def handle(self):
        self.response.payload = {"got": self.request.payload}


class Nested(Service):
    """Calls the node as often as it is told, and adds up what comes back."""

    def handle(self):
        words = []
        conn = self.outgoing.plain_http.get("stub").conn
        for number in range(self.request.payload.times):
            answer = conn.post(self.cid, {"word": self.request.payload.word, "number": number})
            words.append(answer.data.word + str(answer.data.number))
        self.response.payload = {"words": words}


class Sleep(Service):
    def handle(self):
        time.sleep(self.request.payload.seconds)
        self.response.payload = {"slept": self.request.payload.word}


class Burn(Service):
    def handle(self):
        end = time.thread_time() + self.request.payload.seconds
        while time.thread_time() < end:
            pass
        self.response.payload = {"burnt": self.request.payload.word}


class Boom(Service):
    def handle(self):
        raise ValueError("boom " + self.request.payload.word)


class Forever(Service):
    def handle(self):
        try:
            while True:
                pass
        finally:
            logging.getLogger("mix").warning("forever ended")


class Stubborn(Service):
    """Swallows every Exception around its node calls."""

    def handle(self):
        while True:
            try:
                self.outgoing.plain_http.get("never").conn.get(self.cid)
            except Exception:
                pass


class Threads(Service):
    """Calls the node from threads of its own."""

    def handle(self):
        found = []

        def work(number):
            answer = self.outgoing.plain_http.get("stub").conn.post(self.cid, {"word": "t", "number": number})
            found.append(answer.data.number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.response.payload = {"found": sorted(found)}


class Die(Service):
    def handle(self):
        os.kill(os.getpid(), 9)


class Leave(Service):
    def handle(self):
        sys.exit(3)


class Noisy(Service):
    def handle(self):
        print("printed by", self.request.payload.word)
        sys.stderr.write("an error text\n")
        self.logger.info("logged by %s", self.request.payload.word)
        logging.getLogger("other.name").debug("too fine to be sent")
        self.response.payload = "done"


class Flood(Service):
    def handle(self):
        for number in range(self.request.payload.lines):
            self.logger.info("line %d %s", number, "x" * 100)
        self.response.payload = "done"
