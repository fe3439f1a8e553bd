"""Services without SimpleIO: they read what came, as it came."""

import base64
import json

from zato.server.service import Service


class Customer(Service):
    """Dot notation, whatever the format."""

    def handle(self):
        customer = self.request.payload.customer
        lines = [line.sku for line in customer.line]
        self.response.payload = {
            "seen": {"date": customer.payment.date, "note": customer.note, "lines": ",".join(lines), "many": len(lines)}
        }


class Missing(Service):
    """A name that is not there is told by an AttributeError that says what is there."""

    def handle(self):
        try:
            self.request.payload.customer.payement
        except AttributeError as error:
            self.response.payload = {"seen": {"error": str(error)}}


def everything(service):
    """What belongs to the request beside its payload, as JSON text: text is answered as it is, in any format."""
    request, environ = service.request, service.wsgi_environ
    raw = request.raw_request
    return json.dumps({
        "raw": base64.b64encode(raw if isinstance(raw, bytes) else raw.encode("utf-8")).decode("ascii"),
        "raw_type": type(raw).__name__,
        "payload_type": type(request.payload).__name__,
        "method": request.http.method,
        "path": request.http.path,
        "mine": request.http.headers["X-Mine"],
        "get": request.http.GET,
        "post": request.http.POST,
        "params": request.http.params,
        "environ": [environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], environ["HTTP_X_MINE"]],
        "same_bytes": environ["wsgi.input"].read() == (raw if isinstance(raw, bytes) else raw.encode("utf-8")),
        "context": [service.channel, service.transport, service.data_format, request.is_xml],
        "cid": service.cid,
    })  # fmt: skip


class Everything(Service):
    def handle(self):
        self.response.payload = everything(self)


class EverythingDeclared(Service):
    """The same behind a declaration: it hides nothing."""

    class SimpleIO:
        input_required = ("symbol",)
        output_optional = ("unused",)

    def handle(self):
        assert self.request.input.symbol == self.request.payload.symbol == "GOOG"
        self.response.payload = everything(self)


class Bytes(Service):
    """A response that is none of our formats."""

    def handle(self):
        self.response.payload = b"\x00\xff\xfe raw"
        self.response.content_type = "application/x-mine"
        self.response.status_code = 203
        self.response.headers["X-Mine"] = "yes"
