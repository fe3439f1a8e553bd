"""Services that fail, and services that catch what others fail with."""

import traceback

import busker
from zato import common
from zato.server.service import Service


def divide(a, b):
    share = {"of": a}
    return share["of"] / b


class Divides(Service):
    def handle(self):
        zero = 0
        divide(7, zero)


class Chained(Service):
    """An error with a cause, in a process of its own."""

    class Busker:
        pool = "far"

    def handle(self):
        try:
            divide(7, 0)
        except ZeroDivisionError as error:
            raise LookupError("no share for you") from error


def frames_of(error):
    found, tb = [], error.__traceback__
    while tb:
        found.append(tb)
        tb = tb.tb_next
    return found


class CatchesLive(Service):
    """Same process: the exception itself arrives, with the frames in which it happened."""

    def handle(self):
        mine = []
        try:
            self.invoke("errors.divides")
        except ZeroDivisionError as error:
            frames = frames_of(error)
            last, before = frames[-1].tb_frame, frames[-2].tb_frame
            mine.append(id(before.f_locals["self"]._task) == id(self._task))
            self.response.payload = {
                "functions": [item.tb_frame.f_code.co_name for item in frames],
                "last_locals": dict(last.f_locals),
                "zero": before.f_locals["zero"],
                "service": before.f_locals["self"].name,
                "same_request": mine[0],
                "cid": before.f_locals["self"].cid == self.cid,
                "text": traceback.format_exc(),
            }


class CatchesFar(Service):
    """Elsewhere: an exception with a traceback that was rebuilt."""

    def handle(self):
        try:
            self.invoke(self.request.payload.service, self.request.payload.get("payload", ""))
        except Exception as error:
            last = frames_of(error)[-1]
            self.response.payload = {
                "type": f"{type(error).__module__}.{type(error).__qualname__}",
                "remote_type": getattr(error, "remote_type", ""),
                "message": getattr(error, "message", str(error)),
                "violations": getattr(error, "violations", []),
                "cause": str(error.__cause__),
                "file": last.tb_frame.f_code.co_filename,
                "line": last.tb_lineno,
                "text": traceback.format_exc(),
            }


class Passes(Service):
    def handle(self):
        self.invoke(self.request.payload.service, self.request.payload.get("payload", ""))


class Later(Service):
    def handle(self):
        self.response.payload = {"cid": self.invoke_async("errors.divides")}


RAISED = {
    "BadRequest": lambda: common.BadRequest(None, "odd"),
    "Unauthorized": lambda: common.Unauthorized(None, "odd"),
    "Forbidden": lambda: common.Forbidden(None, "odd"),
    "NotFound": lambda: common.NotFound(None, "odd"),
    "MethodNotAllowed": lambda: common.MethodNotAllowed(None, "odd"),
    "TooManyRequests": lambda: common.TooManyRequests(None, "odd"),
    "ParsingException": lambda: common.ParsingException(None, "odd"),
    "ValidationException": lambda: common.ValidationException(None, "odd"),
    "Inactive": lambda: common.Inactive("odd"),
    "ZatoException": lambda: common.ZatoException(None, "odd"),
    "HTTP 402": lambda: common.HTTPException(None, "odd", 402),
    "HTTP 409": lambda: common.HTTPException(None, "odd", 409),
    "HTTP 413": lambda: common.HTTPException(None, "odd", 413),
    "HTTP 500": lambda: common.HTTPException(None, "odd", 500),
    "HTTP 502": lambda: common.HTTPException(None, "odd", 502),
    "HTTP 503": lambda: common.HTTPException(None, "odd", 503),
    "HTTP 504": lambda: common.HTTPException(None, "odd", 504),
    "Invalid": lambda: busker.Invalid("odd"),
    "Unauthenticated": lambda: busker.Unauthenticated("odd"),
    "busker.Forbidden": lambda: busker.Forbidden("odd"),
    "busker.NotFound": lambda: busker.NotFound("odd"),
    "Conflict": lambda: busker.Conflict("odd"),
    "TooLarge": lambda: busker.TooLarge("odd"),
    "Busy": lambda: busker.Busy("odd"),
    "Timeout": lambda: busker.Timeout("odd"),
    "Unavailable": lambda: busker.Unavailable("odd"),
    "ValueError": lambda: ValueError("odd"),
    "KeyError": lambda: KeyError("odd"),
    "SystemExit": lambda: SystemExit(3),
}


class Raises(Service):
    def handle(self):
        raise RAISED[self.request.payload.what]()


class FarRaises(Raises):
    class Busker:
        pool = "far"


class Which(Service):
    """Whether an error from elsewhere can be caught by the class it was raised as."""

    def handle(self):
        what = self.request.payload.what
        wanted = type(RAISED[what]())
        try:
            self.invoke("errors.far-raises", {"what": what})
        except Exception as error:
            self.response.payload = {"caught": isinstance(error, wanted), "type": repr(type(error))}


class Selfish(Service):
    def handle(self):
        self.invoke("errors.selfish")


class Step(Service):
    """Goes down a chain of services that is written in its payload, from the start again at its end."""

    def handle(self):
        self.logger.info("a level of the chain")
        chain = list(self.request.payload.chain)
        self.invoke(chain[0], {"chain": chain[1:] + chain[:1]})


class NearA(Step):
    pass


class NearB(Step):
    pass


class FarA(Step):
    class Busker:
        pool = "far"


class FarB(Step):
    class Busker:
        pool = "far"
