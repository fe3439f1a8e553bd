"""The echo that asks another server through an outgoing connection."""

from zato.server.service import Service


class Nested(Service):
    name = "bench.nested"

    def handle(self):
        peer = self.outgoing.plain_http.get("bench peer")
        self.response.payload = peer.conn.post(self.cid, self.request.payload).json()
