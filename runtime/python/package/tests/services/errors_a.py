"""Errors with causes, across a module border."""

import errors_b
from zato.common import BadRequest, Forbidden, HTTPException
from zato.server.service import Service


class Chain(Service):
    def handle(self):
        try:
            errors_b.divide(1, 0)
        except ZeroDivisionError as error:
            raise LookupError("no quotient") from error


class NotHere(Service):
    def handle(self):
        raise HTTPException(self.cid, "teapot", 418)


class Bad(Service):
    def handle(self):
        raise BadRequest(self.cid, "the symbol is odd")


class No(Service):
    def handle(self):
        raise Forbidden(self.cid)


class Unprintable(Service):
    def handle(self):
        class Odd(Exception):
            def __str__(self):
                raise RuntimeError("no text")

        raise Odd()


class Deep(Service):
    def handle(self):
        def down(n):
            return down(n - 1) if n else 1 / 0

        down(200)


class Catches(Service):
    """Invokes a service elsewhere and prints the traceback of what it raised."""

    def handle(self):
        import traceback

        try:
            self.invoke("far.away", {"a": 1})
        except Exception as error:
            self.response.payload = {
                "type": type(error).__name__, "text": str(error), "traceback": traceback.format_exc(),
                "cause": type(error.__cause__).__name__,
            }


class Passes(Service):
    def handle(self):
        self.invoke("far.away")


class Inner(Service):
    def handle(self):
        errors_b.divide(2, 0)


class Outer(Service):
    """Sees the live traceback of a service in the same thread."""

    def handle(self):
        try:
            self.invoke("errors-a.inner")
        except ZeroDivisionError as error:
            names, frame = [], None
            traceback = error.__traceback__
            while traceback:
                frame = traceback.tb_frame
                names.append(frame.f_code.co_name)
                traceback = traceback.tb_next
            self.response.payload = {"names": names, "locals": dict(frame.f_locals)}
