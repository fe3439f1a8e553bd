"""Services that show what the Zato face has."""

from collections import namedtuple
from decimal import Decimal

from zato.common import NotConfigured
from zato.server.service import CSV, AsIs, Boolean, Dict, Integer, Opaque, Service


class Context(Service):
    def handle(self):
        self.environ["seen"] = True
        names = ("cid", "name", "impl_name", "channel", "transport", "data_format", "job_type", "usage", "environ",
                 "processing_time", "slow_threshold")  # fmt: skip
        found = {name: getattr(self, name) for name in names}
        found["logger"] = self.logger.name
        found["began"] = self.invocation_time.isoformat()[:4].isdigit()
        found["today"] = len(self.time.today())
        found["now"] = self.time.utcnow()
        self.response.payload = found


class Http(Service):
    def handle(self):
        http, environ = self.request.http, self.wsgi_environ
        self.response.payload = {
            "method": http.method, "path": http.path, "get": http.GET, "post": http.POST, "params": http.params,
            "agent": http.headers["USER-AGENT"], "channel_params": self.request.channel_params,
            "environ": {key: environ[key] for key in (
                "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_USER_AGENT", "CONTENT_TYPE", "REMOTE_ADDR")},
            "input": environ["wsgi.input"].read().decode(),
        }  # fmt: skip


class Payloads(Service):
    def handle(self):
        payload = self.request.payload
        self.response.payload = {"type": type(payload).__name__, "raw": type(self.request.raw_request).__name__,
                                 "is_xml": self.request.is_xml, "input": self.request.input}  # fmt: skip


class Xml(Service):
    def handle(self):
        customer = self.request.payload.customer
        self.response.payload = [customer.payment.date, customer["@id"], customer.note["#text"], customer["items"]["count"]]


class Fields(Service):
    class SimpleIO:
        input_required = ("symbol", Integer("n"))
        input_optional = (CSV("tags"), Opaque("deep"), "items", "missing")
        output_optional = ("got", Opaque("all"))

    def handle(self):
        read = self.request.input
        self.response.payload.got = [read.symbol, read.n + 1, read.tags, read.deep.a[0].b, read["items"], read.missing]
        self.response.payload.all = read


class Answers(Service):
    """Answers in the way it is asked to."""

    class SimpleIO:
        output_required = ("a",)
        output_optional = ("b",)

    def handle(self):
        way, payload = self.request.payload.way, self.response.payload
        if way == "attributes":
            payload.a, payload.b = 1, Decimal("2.50")
        elif way == "append":
            payload.append({"a": 1})
            payload.append(namedtuple("Row", "a b")(2, 3))
            assert len(payload) == 2
        elif way == "slice":
            payload[:] = [{"a": 1}, {"a": 2}]
        elif way == "dict":
            self.response.payload = {"a": 1, "unknown": 2}
        elif way == "list":
            self.response.payload = [{"a": 1}]
        elif way == "row":
            class Row:
                a, b, c = 5, None, 7
            self.response.payload = Row()
        elif way == "text":
            self.response.payload = "plain text"
        elif way == "item":
            payload["a"] = 9
            assert payload["a"] == 9 == payload.a


class Raw(Service):
    """Answers without SimpleIO."""

    def handle(self):
        way = self.request.payload.way
        self.response.payload = {
            "text": "täxt", "bytes": b"\xff\xfe", "dict": {"d": Decimal("1.10")}, "list": [1, 2], "none": None,
            "request": self.request.payload,
        }[way]  # fmt: skip
        if way == "bytes":
            self.response.content_type = "image/x"
            self.response.status_code = 202
            self.response.headers["X-Mine"] = 5
            self.response.content_encoding = "gzip"


class Element(Service):
    def handle(self):
        from lxml.etree import fromstring

        self.response.payload = fromstring("<a><b>1</b></a>")


class Unwritable(Service):
    def handle(self):
        self.response.payload = {"x": float("nan")}


class Caller(Service):
    def handle(self):
        asked = self.request.payload
        options = {key: asked[key] for key in ("data_format", "serialize", "as_bunch") if key in asked}
        how = getattr(self, asked.get("how", "invoke"))
        found = how(asked.name, asked.get("data", ""), **options)
        self.response.payload = {"found": found, "type": type(found).__name__}


class Target(Service):
    class SimpleIO:
        response_elem = "target"
        input_required = ("name", Integer("age"), "is_new")
        input_optional = (Dict("address", "city", default="none"), AsIs("user_id"))
        output_required = ("text",)
        output_optional = ("count", Boolean("flag"))

    def handle(self):
        read = self.request.input
        self.response.payload.text = "%s %d %s %s" % (read.name, read.age, read.is_new, self.cid)
        self.response.payload.count = "3"
        self.response.payload.flag = "yes"
        self.response.payload.dropped = "unknown"


class Recursive(Service):
    def handle(self):
        self.invoke("face.recursive2")


class Recursive2(Service):
    def handle(self):
        self.invoke("face.recursive")


class Selfish(Service):
    def handle(self):
        self.invoke("face.selfish")


class Async(Service):
    def handle(self):
        self.response.payload = self.invoke_async("some.service", {"a": 1})


class Outgoing(Service):
    def handle(self):
        conn = self.outgoing.plain_http.get("crm").conn
        answers = [
            conn.get(self.cid, {"q": ["1", "2"]}),
            conn.post(self.cid, {"a": Decimal("1.5")}, headers={"X-A": 1}, path="/x"),
            conn.put(self.cid, "text", {"p": 1}),
            conn.delete(self.cid),
            self.outgoing.soap.get("bank").conn.send(self.cid, "<a/>"),
        ]
        last = answers[-1]
        self.response.payload = {
            "status": [answer.status_code for answer in answers], "ok": last.ok, "text": last.text, "json": last.json(),
            "data": last.data.k, "header": last.headers["Content-TYPE"], "content": len(last.content), "ping": conn.ping(),
        }  # fmt: skip


class Missing(Service):
    """Every part of Zato that is not here says so."""

    def handle(self):
        tries = {
            "amqp": lambda: self.outgoing.amqp.send("x", "out"), "sql": lambda: self.outgoing.sql.get("db"),
            "ftp": lambda: self.outgoing.ftp, "zmq": lambda: self.outgoing.zmq, "jms_wmq": lambda: self.outgoing.jms_wmq,
            "lock": lambda: self.lock("x"), "odb": lambda: self.odb.session(), "server": lambda: self.server.name,
        }  # fmt: skip
        found = {}
        for name, attempt in tries.items():
            try:
                attempt()
            except NotConfigured as error:
                found[name] = str(error)
        self.response.payload = found


class Keys(Service):
    def handle(self):
        conn = self.kvdb.conn
        conn.set("k", 5, ex=10, nx=True)
        conn.delete("a", "b")
        conn.hset("h", mapping={"f": 1})
        self.response.payload = [conn.get("k"), conn.hgetall("h")]


class Translates(Service):
    def handle(self):
        self.response.payload = [
            self.translate("crm", "currency", "USD", "iso_4217", "numeric"),
            self.kvdb.translate("crm", "currency", 5, "iso_4217", "numeric", "none"),
            self.translate("crm", "currency", "XXX", "iso_4217", "numeric"),
        ]


class Logs(Service):
    def handle(self):
        self.response.payload = "out"
        self.log_input("came:", suppress_keys=("password", "wsgi_environ"))
        self.log_output("went:")


class Verbs(Service):
    def handle_GET(self):
        self.response.payload = "got"

    def handle_POST(self):
        self.response.payload = "posted"


