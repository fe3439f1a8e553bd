"""Services that call out, and services that ask for what is not there."""

from zato.common import NotConfigured
from zato.server.service import Service


class Plain(Service):
    """Every way to send, and every way to read the answer."""

    def handle(self):
        conn = self.outgoing.plain_http.get("crm").conn
        got = conn.get(self.cid, {"q": "a b", "many": ["1", "2"]})
        posted = conn.post(self.cid, {"a": "ä"}, headers={"X-Mine": "yes"})
        text = conn.put(self.cid, "plain", {"p": 1})
        gone = conn.delete(self.cid)
        self.response.payload = {
            "status": [answer.status_code for answer in (got, posted, text, gone)],
            "ok": [got.ok, gone.ok],
            "text": got.text,
            "content": list(got.content),
            "data": posted.data.method,
            "json": posted.json()["method"],
            "header": posted.headers["content-TYPE"],
        }


class Status(Service):
    def handle(self):
        self.response.payload = {"status": self.outgoing.plain_http.get("crm").conn.get(self.cid).status_code}


class Passes(Service):
    """Passes on what another one fails with, here and in another process."""

    def handle(self):
        self.invoke("outgoing.status" if self.request.payload.near else "outgoing.far-status")


class FarStatus(Status):
    class Busker:
        pool = "far"


class Soap(Service):
    def handle(self):
        answer = self.outgoing.soap.get("bank").conn.send(self.cid, "<balance><id>7</id></balance>")
        self.response.payload = {"status": answer.status_code, "text": answer.text}


class Unknown(Service):
    def handle(self):
        self.outgoing.plain_http.get("nobody made it").conn.get(self.cid)


TRIES = {
    "outgoing.amqp": lambda service: service.outgoing.amqp.send("text", "out", "exchange", "key"),
    "outgoing.sql": lambda service: service.outgoing.sql.get("db").session(),
    "outgoing.ftp": lambda service: service.outgoing.ftp.get("files"),
    "outgoing.zmq": lambda service: service.outgoing.zmq.send("text", "out"),
    "outgoing.jms_wmq": lambda service: service.outgoing.jms_wmq.send("text", "out", "queue"),
    "odb": lambda service: service.odb.session(),
    "email": lambda service: service.email.smtp.get("relay"),
    "cloud": lambda service: service.cloud.aws.s3.get("bucket"),
    "search": lambda service: service.search.es.get("index"),
    "pubsub": lambda service: service.pubsub.publish("topic", "text"),
    "patterns": lambda service: service.patterns.fanout.invoke({}),
    "server": lambda service: service.server.name,
    "lock": lambda service: service.lock("name"),
}


class NotHere(Service):
    """What each part of Zato that is not here says when it is used."""

    name = "outgoing.not-here"

    def handle(self):
        found = {}
        for name, attempt in TRIES.items():
            try:
                attempt(self)
                found[name] = "nothing was raised"
            except NotConfigured as error:
                found[name] = str(error)
        self.response.payload = found


class NotCaught(Service):
    name = "outgoing.not-caught"

    def handle(self):
        TRIES[self.request.payload.what](self)


class Keys(Service):
    def handle(self):
        self.kvdb.conn.set("key", "value")
