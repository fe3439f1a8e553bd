"""Services for clients that none of us wrote."""

from zato.common import BadRequest
from zato.server.service import Integer, Service


class Quote(Service):
    """The service of market.wsdl."""

    class SimpleIO:
        request_elem = "quote"
        response_elem = "quote_response"
        namespace = "urn:market"
        input_required = ("symbol", Integer("quantity"))
        input_optional = ("note",)
        output_required = ("symbol", Integer("total"), "is_open", "note")

    def handle(self):
        read, payload = self.request.input, self.response.payload
        if read.symbol == "NOPE":
            raise BadRequest(self.cid, "there is no symbol NOPE")
        if read.symbol == "CRASH":
            raise ValueError("a secret of ours")
        payload.symbol, payload.total, payload.is_open = read.symbol, read.quantity * 3, True
        payload.note = read.note or "none"


class Size(Service):
    """How much came, and what."""

    def handle(self):
        raw = self.request.raw_request
        self.response.payload = {"bytes": len(raw), "method": self.request.http.method, "end": raw[-4:]}
        self.response.headers["X-Bytes"] = str(len(raw))


class Relay(Service):
    """Calls out, so that the trace can be followed."""

    def handle(self):
        conn = self.outgoing.plain_http.get("next").conn
        self.response.payload = {"status": [conn.get(self.cid).status_code, conn.post(self.cid, "x").status_code]}
