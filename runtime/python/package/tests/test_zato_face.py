"""The Zato face, as a service written for it sees it."""

from __future__ import annotations

import json
import unittest
from typing import Any, Dict, Optional

from busker._host import protocol
from tests.case import WorkerCase, needs
from tests.node import Answer
from zato.server.service._bag import Bag, bagged
from zato.server.service._base import name_from_impl

HTTP = {
    "method": "POST", "path": "/crm/caf%C3%A9", "query": [["a", "1"], ["a", "2"], ["b", "x y"]],
    "path_params": [["b", "from path"]], "headers": [["user-agent", "curl"], ["content-type", "text/x"]],
    "remote": "10.0.0.9",
}  # fmt: skip


class Requests(WorkerCase):
    """What comes in."""

    def test_the_context_is_there(self) -> None:
        node = self.node("face.py")
        found = node.json("face.context", {}, cid=12, channel="scheduler", transport=None,
                          extra={"job": {"type": "interval", "name": "j"}})  # fmt: skip
        self.assertEqual(found["cid"], "K" + "12".zfill(39))
        self.assertEqual((found["name"], found["impl_name"], found["logger"]), ("face.context", "face.Context", "face.context"))
        self.assertEqual((found["channel"], found["transport"], found["data_format"]), ("scheduler", None, "json"))
        self.assertEqual((found["job_type"], found["usage"], found["environ"]), ("interval_based", 1, {"seen": True}))
        self.assertEqual((found["processing_time"], found["began"], found["today"]), (None, True, 10))
        self.assertRegex(found["now"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")

    def test_http_details_are_read_when_asked_for(self) -> None:
        node = self.node("face.py")
        found = node.json("face.http", b'{"f":"1"}', data_format="form", http=HTTP)
        self.assertEqual((found["method"], found["path"], found["agent"]), ("POST", "/crm/caf%C3%A9", "curl"))
        self.assertEqual((found["get"], found["post"]), ({"a": ["1", "2"], "b": "x y"}, {"f": "1"}))
        self.assertEqual((found["params"], found["channel_params"]["b"]), ({"b": "from path"}, "from path"))
        environ = found["environ"]
        self.assertEqual(environ["PATH_INFO"].encode("latin-1").decode(), "/crm/café")
        self.assertEqual((environ["QUERY_STRING"], environ["CONTENT_TYPE"]), ("a=1&a=2&b=x+y", "text/x"))
        self.assertEqual((environ["HTTP_USER_AGENT"], environ["REMOTE_ADDR"]), ("curl", "10.0.0.9"))
        self.assertEqual(found["input"], '{"f":"1"}')

    def test_payloads_of_each_kind(self) -> None:
        node = self.node("face.py")
        for body, kind, expected in (
            (b'{"a":1}', 1, "Bag"), (b"[1]", 1, "list"), (b"text", 2, "str"), (b"\xff\xfe", 2, "bytes"), (b"", 0, "str"),
        ):  # fmt: skip
            with self.subTest(body):
                found = node.json("face.payloads", body, kind=kind)
                raw = "bytes" if expected == "bytes" else "str"
                self.assertEqual((found["type"], found["raw"], found["is_xml"], found["input"]), (expected, raw, False, {}))

    def test_xml_reads_as_a_tree_with_dots(self) -> None:
        tree = b'{"customer":{"@id":"7","payment":{"date":"2024"},"note":{"@lang":"en","#text":"hi"},"items":{"count":"3"}}}'
        found = self.node("face.py").json("face.xml", tree, raw=b"<request>...</request>", data_format="xml")
        self.assertEqual(found, ["2024", "7", "hi", "3"])

    def test_input_is_a_bag_of_converted_fields(self) -> None:
        number = 10**40
        sent = {"symbol": "X", "n": number, "tags": ["a", "b"], "deep": {"a": [{"b": 1}]}, "items": "field", "missing": None}
        found = self.node("face.py").json("face.fields", sent)
        self.assertEqual(found["got"], ["X", number + 1, ["a", "b"], 1, "field", None])
        self.assertEqual(found["all"], sent)


class Responses(WorkerCase):
    """What goes out."""

    def test_every_way_to_fill_a_payload(self) -> None:
        node = self.node("face.py")
        for way, expected in {
            "attributes": {"a": 1, "b": "2.50"}, "append": [{"a": 1}, {"a": 2, "b": 3}], "slice": [{"a": 1}, {"a": 2}],
            "dict": {"a": 1, "unknown": 2}, "list": [{"a": 1}], "row": {"a": 5, "b": None}, "item": {"a": 9}, "nothing": {},
        }.items():  # fmt: skip
            with self.subTest(way):
                self.assertEqual(node.json("face.answers", {"way": way}), expected)
        self.assertEqual(node.ask("face.answers", {"way": "text"})[1:], ({"kind": "raw"}, b"plain text"))

    def test_payloads_without_simpleio(self) -> None:
        node = self.node("face.py")
        for way, kind, expected in (
            ("text", "raw", "täxt".encode()), ("dict", None, b'{"d":"1.10"}'), ("list", None, b"[1,2]"),
            ("none", "empty", b""), ("request", None, b'{"way":"request"}'),
        ):  # fmt: skip
            with self.subTest(way):
                _, meta, body = node.ask("face.raw", {"way": way})
                self.assertEqual((meta.get("kind"), body), (kind, expected))

    def test_status_type_and_headers_are_sent(self) -> None:
        _, meta, body = self.node("face.py").ask("face.raw", {"way": "bytes"})
        self.assertEqual(meta, {"kind": "raw", "content_type": "image/x", "status": 202,
                                "headers": [["X-Mine", "5"], ["Content-Encoding", "gzip"]]})  # fmt: skip
        self.assertEqual(body, b"\xff\xfe")

    def test_an_element_is_answered_as_its_text(self) -> None:
        needs("lxml")
        self.assertEqual(self.node("face.py").ask("face.element")[1:], ({"kind": "raw"}, b"<a><b>1</b></a>"))

    def test_what_json_cannot_hold_is_an_error(self) -> None:
        meta = self.node("face.py").ask("face.unwritable")[1]
        self.assertEqual((meta["type"], meta["class"]), ("ValueError", "internal"))

    def test_verbs_have_their_own_methods(self) -> None:
        node = self.node("face.py")
        for method, expected in (("GET", b"got"), ("POST", b"posted")):
            self.assertEqual(node.ask("face.verbs", http={"method": method})[2], expected)
        type_, meta, _ = node.ask("face.verbs", http={"method": "PUT"})
        self.assertEqual((type_, meta["status"]), (protocol.ERR, 405))
        self.assertIn("GET, POST", meta["message"])


class Invocations(WorkerCase):
    """Services that use services."""

    GOOD = {"name": "Ann", "age": "5", "is_new": "yes"}

    def call(self, data: Any, **more: Any) -> Answer:
        return self.node("face.py").ask("face.caller", {"name": "face.target", "data": data, **more}, cid=3)

    def test_a_local_call_checks_converts_filters_and_wraps(self) -> None:
        _, meta, body = self.call(self.GOOD)
        found = json.loads(body)
        self.assertEqual(found["found"], {"target": {"text": f"Ann 5 True K{'3'.zfill(39)}", "count": "3", "flag": True}})
        ((name, micros, ok),) = meta["local"]
        self.assertEqual((name, ok), ("face.target", True))
        self.assertLess(micros, 1_000_000)

    def test_json_text_and_serialize(self) -> None:
        found = json.loads(self.call(json.dumps(self.GOOD), serialize=True)[2])
        self.assertEqual((found["type"], json.loads(found["found"])["target"]["count"]), ("str", "3"))

    def test_bad_input_names_every_field(self) -> None:
        _, meta, _ = self.call({"age": "x"})
        self.assertEqual(meta["class"], "invalid")
        self.assertEqual([item["field"] for item in meta["violations"]], ["name", "age", "is_new"])
        self.assertEqual([item[2] for item in meta["local"]], [False])

    def test_by_implementation_name_and_by_id(self) -> None:
        node = self.node("face.py")
        number = node.index("face.target")
        for how, name in (("invoke_by_impl_name", "face.Target"), ("invoke_by_id", number)):
            found = node.json("face.caller", {"how": how, "name": name, "data": self.GOOD})
            self.assertEqual(found["found"]["target"]["count"], "3")
        self.assertEqual(node.ask("face.caller", {"how": "invoke_by_impl_name", "name": "no.Such"})[1]["status"], 404)

    def test_a_service_cannot_invoke_itself(self) -> None:
        meta = self.node("face.py").ask("face.selfish")[1]
        self.assertIn("A service cannot invoke itself", meta["message"])

    def test_a_loop_of_services_ends(self) -> None:
        node = self.node("face.py")
        _, meta, _ = node.ask("face.recursive")
        self.assertIn("more than 32 deep", meta["message"])
        self.assertEqual(len(meta["local"]), 31)
        self.assertEqual(len(node.ask("face.recursive", extra={"depth": 30})[1]["local"]), 1)

    def test_a_service_elsewhere_is_a_call_to_the_node(self) -> None:
        asked = []

        def elsewhere(meta: Dict[str, Any], body: bytes) -> Optional[Answer]:
            asked.append((meta, body))
            if meta["service"] == "far.raw":
                return protocol.CALLRES, {"kind": "raw"}, b"text"
            return protocol.CALLRES, {"response_elem": "far"}, b'[{"a":1}]'

        node = self.node("face.py", on_call=elsewhere)
        self.assertEqual(node.json("face.caller", {"name": "far.sio", "data": {"x": 1}})["found"], {"far": [{"a": 1}]})
        self.assertEqual(node.json("face.caller", {"name": "far.raw", "data": "<a/>"})["found"], "text")
        (first, first_body), (second, second_body) = asked
        self.assertEqual((first["op"], first["service"], first["json"], first_body), ("invoke", "far.sio", True, b'{"x":1}'))
        self.assertEqual((second["json"], second_body), (False, b"<a/>"))
        self.assertEqual(first["parent"], 1)

    def test_services_of_other_pools_and_isolated_ones_are_not_run_here(self) -> None:
        head = "from zato.server.service import Service\n"
        plain = "class {0}(Service):\n    def handle(self):\n        self.response.payload = 'here'\n"
        limits = "    class Busker:\n        {0}\n"
        caller = "class Caller(Service):\n    def handle(self):\n        self.response.payload = [\n" \
                 "            self.invoke('pools.' + name) for name in ('plain', 'slow', 'alone')]\n"
        text = head + plain.format("Plain") + plain.format("Slow") + limits.format("pool = 'slow'")
        text += plain.format("Alone") + limits.format("isolate = True") + caller
        node = self.node(on_call=lambda meta, body: (protocol.CALLRES, {"kind": "raw"}, meta["service"].encode()))
        node.deploy({"pools.py": text})
        self.assertEqual(node.json("pools.caller"), ["here", "pools.slow", "pools.alone"])

    def test_an_asynchronous_call_returns_its_cid(self) -> None:
        def later(meta: Dict[str, Any], body: bytes) -> Optional[Answer]:
            assert (meta["op"], meta["service"], body) == ("invoke_async", "some.service", b'{"a":1}'), meta
            return protocol.CALLRES, {"cid": "K1"}, b""

        self.assertEqual(self.node("face.py", on_call=later).ask("face.async")[2], b"K1")


class Elsewhere(WorkerCase):
    """Connections, keys, and what is missing."""

    def test_outgoing_http_and_soap(self) -> None:
        asked = []

        def remote(meta: Dict[str, Any], body: bytes) -> Optional[Answer]:
            asked.append((meta, body))
            if meta["op"] == "ping":
                return protocol.CALLRES, {"ok": True, "message": "pong", "ms": 2}, b""
            return protocol.CALLRES, {"status": 201, "headers": [["content-type", "application/json"]]}, b'{"k":"v"}'

        found = self.node("face.py", on_call=remote).json("face.outgoing")
        self.assertEqual((found["status"], found["ok"], found["text"]), ([201] * 5, True, '{"k":"v"}'))
        self.assertEqual((found["json"], found["data"], found["header"]), ({"k": "v"}, "v", "application/json"))
        self.assertEqual(found["ping"], "ok:[True] time:[2 ms] pong")
        get, post, put, delete, soap, _ = asked
        self.assertEqual((get[0]["method"], get[0]["query"]), ("GET", [["q", "1"], ["q", "2"]]))
        self.assertEqual((post[0]["path"], post[1]), ("/x", b'{"a":"1.5"}'))
        self.assertEqual(post[0]["headers"], [["X-A", "1"], ["Content-Type", "application/json"]])
        self.assertEqual((put[0]["query"], put[1], put[0]["headers"]), ([["p", "1"]], b"text", []))
        self.assertEqual(delete[0]["method"], "DELETE")
        self.assertEqual((soap[0]["transport"], soap[0]["conn"], soap[0]["method"], soap[1]), ("soap", "bank", "POST", b"<a/>"))

    def test_what_is_missing_says_so_by_name(self) -> None:
        found = self.node("face.py").json("face.missing")
        self.assertEqual(found["amqp"], "outgoing.amqp is not configured: the AMQP connector is not part of this node yet")
        self.assertEqual(len(found), 8)
        for name, text in found.items():
            self.assertRegex(text, " is not configured: .* not part of this node yet$", name)

    def test_values_are_translated_by_the_node(self) -> None:
        asked = []

        def dictionaries(meta: Dict[str, Any], body: bytes) -> Optional[Answer]:
            self.assertEqual(meta["op"], "translate")
            asked.append(meta["term"])
            return protocol.CALLRES, {"value": {"USD": "840"}.get(meta["term"]["value1"])}, b""

        found = self.node("face.py", on_call=dictionaries).json("face.translates")
        self.assertEqual(found, ["840", "none", ""])
        term = {"system1": "crm", "key1": "currency", "value1": "5", "system2": "iso_4217", "key2": "numeric"}
        self.assertEqual(asked[1], term)

    def test_keys_are_commands(self) -> None:
        asked = []

        def redis(meta: Dict[str, Any], body: bytes) -> Optional[Answer]:
            asked.append(meta["command"])
            return protocol.CALLRES, {"value": ["f", "1"] if meta["command"][0] == "HGETALL" else "5"}, b""

        self.assertEqual(self.node("face.py", on_call=redis).json("face.keys"), ["5", {"f": "1"}])
        self.assertEqual(asked[:3], [["SET", "k", "5", "EX", "10", "NX"], ["DEL", "a", "b"], ["HSET", "h", "f", "1"]])

    def test_logged_input_hides_what_it_is_told_to(self) -> None:
        node = self.node("face.py")
        node.ask("face.logs", {"password": "secret-word", "list": [{"password": "x"}]})
        came, went = [record for record in node.records if record[5].startswith(("came:", "went:"))]
        self.assertNotIn("secret-word", came[5])
        self.assertIn("'password': '(suppressed)'", came[5])
        self.assertIn("'payload': 'out'", went[5])
        self.assertEqual((came[2], came[4]), ("face.logs", "face.logs"))


class Names(unittest.TestCase):
    """Without a worker."""

    def test_names_from_implementations(self) -> None:
        for impl, name in {
            "stockmarket.GetMarketCap": "stockmarket.get-market-cap", "my_app.api.HTTPPing": "my-app.api.http-ping",
            "zato.server.service.internal.service.GetList": "zato.service.get-list", "m.A": "m.a", "m.GetID": "m.get-id",
        }.items():  # fmt: skip
            self.assertEqual(name_from_impl(impl), name)

    def test_a_bag_is_a_dict_with_dots(self) -> None:
        bag = Bag({"items": 1, "a": {"b": 2}})
        self.assertEqual((bag["items"], len(bag.items()), bag.get("x", 5)), (1, 2, 5))
        bag.c = 3
        self.assertEqual((bag["c"], bag.c), (3, 3))
        del bag.c
        self.assertEqual(json.dumps(bag), '{"items": 1, "a": {"b": 2}}')
        self.assertEqual(bagged({"a": [{"b": 1}]}).a[0].b, 1)
        self.assertEqual(type(bagged(bag).toDict()["a"]), dict)
        with self.assertRaises(AttributeError):
            bag.nothing
        with self.assertRaises(ValueError):
            bag.require_any("x", "y")
