"""The typed face: schemas from hints, values of the hinted types, calls."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any, Dict, Optional

from busker._host import protocol
from tests.case import WorkerCase, needs
from tests.node import PACKAGE, Answer

ORDER = {
    "side": "sell", "price": "1.50", "when": "2024-05-06T07:08:09Z", "note": None,
    "lines": [{"sku": "a", "count": 2}, {"sku": "b", "count": 3}],
}  # fmt: skip


def stub(meta: Dict[str, Any], body: bytes) -> Optional[Answer]:
    if meta["op"] == "kv":
        return protocol.CALLRES, {"value": {"GET": "v", "INCRBY": 2, "DEL": 1}.get(meta["command"][0])}, b""
    if meta["op"] == "translate":
        return protocol.CALLRES, {"value": {"USD": "840"}.get(meta["term"]["value1"])}, b""
    if meta["op"] == "invoke_async":
        return protocol.CALLRES, {"cid": f"K{meta['service']}{meta['delay_ms']}{body.decode()}"}, b""
    if meta["op"] == "invoke":
        return protocol.CALLRES, {"response_elem": "r"}, b'{"b":2}'
    return protocol.CALLRES, {"status": 200, "headers": []}, body


class Typed:
    """The promises, under each scheduler."""

    def load(self: Any) -> Any:
        return self.node("typed.py", on_call=stub)

    def test_the_schema_comes_from_the_hints(self: Any) -> None:
        node = self.load()
        found = node.services[node.index("typed.get-total")]
        self.assertEqual((found["timeout_ms"], found["max_concurrency"], found["idempotent"]), (5000, 8, True))
        self.assertEqual((found["impl_name"], found["doc"]), ("typed.get_total", "Adds up."))
        sio = found["sio"]
        self.assertEqual((sio["bare"], sio["output_repeated"]), (True, False))
        fields = {field["name"]: (field["required"], field["ty"]) for field in sio["input"]}
        self.assertEqual(fields, {
            "side": (True, "text"), "price": (True, "decimal"), "when": (True, "text"), "lines": (True, "list"),
            "note": (False, "text"), "tags": (False, "list"), "parent": (False, "opaque"),
        })  # fmt: skip
        self.assertTrue(node.services[node.index("typed.split")]["sio"]["output_repeated"])
        self.assertIsNone(node.services[node.index("typed.raw")]["sio"])
        self.assertEqual(node.services[node.index("typed.renamed")]["pool"], "default")

    def test_values_are_of_the_hinted_types(self: Any) -> None:
        found = self.load().json("typed.get-total", ORDER)
        self.assertEqual(found, {"sum": "7.50", "side": "sell", "when": "2024-05-06T07:08:09+00:00", "lines": 2})

    def test_bad_values_are_all_named_with_their_paths(self: Any) -> None:
        bad = {**ORDER, "side": "hold", "price": "x", "lines": [{"sku": "a", "count": 1}, {"sku": 5, "count": True}]}
        del bad["when"]
        type_, meta, _ = self.load().ask("typed.get-total", bad)
        self.assertEqual((type_, meta["class"]), (protocol.ERR, "invalid"))
        named = [item["field"] for item in meta["violations"]]
        self.assertEqual(named, ["side", "price", "when", "lines.1.sku", "lines.1.count"])

    def test_texts_of_xml_are_of_the_hinted_types_at_any_depth(self: Any) -> None:
        node = self.load()
        for lines, count in [
            ({"item": [{"sku": "a", "count": "1"}, {"sku": "b", "count": "2"}]}, 2),
            ([{"sku": "a", "count": "3"}], 1), ({"sku": "a", "count": "3"}, 1), ("", 0),
        ]:  # fmt: skip
            found = node.json("typed.get-total", {**ORDER, "lines": lines}, data_format="xml")
            self.assertEqual(found["lines"], count)
        for bad in ("x", "1_0", "", "1.5"):
            given = {**ORDER, "lines": [{"sku": "a", "count": bad}]}
            _, meta, _ = node.ask("typed.get-total", given, data_format="xml")
            self.assertEqual([item["field"] for item in meta["violations"]], ["lines.0.count"], bad)
        # JSON says types itself.
        _, meta, _ = node.ask("typed.get-total", {**ORDER, "lines": [{"sku": "a", "count": "1"}]})
        self.assertEqual([item["field"] for item in meta["violations"]], ["lines.0.count"])

    def test_invoke_returns_the_typed_answer_or_plain_values_by_name(self: Any) -> None:
        _, meta, body = self.load().ask("typed.twice", {"word": "ab"})
        self.assertEqual(body, b'[{"word":"a"},{"word":"b"},{"word":"a"},{"word":"b"}]')
        self.assertEqual([item[0] for item in meta["local"]], ["typed.split", "typed.split"])

    def test_other_inputs_and_outputs(self: Any) -> None:
        node = self.load()
        self.assertEqual(node.ask("typed.renamed", cid=5)[1:], ({"kind": "raw"}, b"K" + b"5".rjust(39, b"0")))
        self.assertEqual(node.ask("typed.raw", b"\xff\x01", kind=2)[2], b"\x01\xff")
        self.assertEqual(node.ask("typed.nothing")[1:], ({"kind": "empty"}, b""))
        http = {"method": "GET", "query": [["q", "1"]], "headers": [["X-A", "1"], ["x-a", "2"]]}
        found = node.json("typed.anything", {"b": 1, "a": 2}, http=http)
        self.assertEqual(found, {"keys": ["a", "b"], "raw": 16, "query": [["q", "1"]], "agent": {"x-a": "1, 2"}})

    def test_an_error_class_is_the_service_s_choice(self: Any) -> None:
        meta = self.load().ask("typed.refuse", {"word": "x"})[1]
        self.assertEqual((meta["class"], meta["message"]), ("conflict", "x is taken"))

    def test_async_services_wait_call_and_nest(self: Any) -> None:
        node, found = self.load(), []

        def client(number: int) -> None:
            for _ in range(5):
                found.append((number, node.json("typed.wait", {"word": str(number)})))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(found), 30)
        for number, answer in found:
            self.assertEqual(answer, {"word": f"{number}!{number}{number}{number}"})

    def test_keys_and_later_invocations(self: Any) -> None:
        node = self.load()
        self.assertEqual(node.json("typed.store"), {"k": "v", "n": 2, "gone": 1, "later": 'Ktyped.split2000{"word":"x"}'})
        self.assertEqual(node.calls[0][1]["command"], ["SET", "k", "v", "PX", "1500"])

    def test_values_are_translated_by_the_node(self: Any) -> None:
        node = self.load()
        self.assertEqual(node.json("typed.code-of", {"word": "USD"}), {"code": "840"})
        self.assertEqual(node.json("typed.code-of", {"word": "XXX"}), {"code": None})

    def test_a_service_elsewhere_answers_without_its_element(self: Any) -> None:
        self.assertEqual(self.load().ask("typed.far")[2], b"{'b': 2}")


class ThreadsTest(Typed, WorkerCase):
    """With the standard library only."""

    scheduler = "lf"


class GreenletsTest(Typed, WorkerCase):
    """With greenlets."""

    scheduler = "gl"


#: Lines that a type checker must take, and lines (marked) that it must not.
CHECKED = '''
from typing import List
from busker import Ctx, service
from tests.services.typed import Word, Total, split, wait, other_name, nothing

@service(timeout=1.0)
def user(ctx: Ctx, data: Word) -> List[Word]:
    letters: List[Word] = ctx.invoke(split, data)
    waited: Word = ctx.invoke(wait, data)
    cid: str = ctx.invoke(other_name)
    ctx.invoke_async(split, waited)
    text: str = ctx.http("a").get("/x", params={"q": cid}).text
    ctx.logger.info(text)
    return letters

def wrong(ctx: Ctx, total: Total) -> None:
    ctx.invoke(split, total)  # WRONG
    number: int = ctx.invoke(other_name)  # WRONG
    ctx.http("a").fetch()  # WRONG
    ctx.nothing  # WRONG
'''


class Types(WorkerCase):
    """What a type checker says."""

    def check(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        needs("mypy")
        command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "/dev/null", *arguments]
        return subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=False)

    def test_the_package_is_clean_under_mypy_strict(self) -> None:
        found = self.check("busker", "zato", "shims")
        self.assertEqual(found.returncode, 0, found.stdout)

    def test_a_wrong_use_of_the_typed_face_is_a_type_error(self) -> None:
        found = self.check("-c", CHECKED)
        named = {int(line.split(":")[1]) for line in found.stdout.splitlines() if ": error:" in line}
        wrong = {number for number, line in enumerate(CHECKED.splitlines(), 1) if "# WRONG" in line}
        self.assertEqual(named, wrong, found.stdout)
