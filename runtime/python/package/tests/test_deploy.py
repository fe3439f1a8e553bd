"""From files to services: what is found, and how a failure is told."""

from __future__ import annotations

import sys
from typing import Any, Dict

from busker._host import protocol
from tests.case import WorkerCase, needs, source
from tests.node import Answer

SERVICE = "from zato.server.service import Service\nclass A(Service):\n    def handle(self):\n        pass\n"


class Deploy(WorkerCase):
    """DEPLOY and VERIFY."""

    def fails(self, **texts: str) -> Dict[str, Any]:
        found = self.node().deploy({f"{name}.py": text for name, text in texts.items()})
        self.assertIn("message", found)
        return found

    def test_a_syntax_error_names_file_and_line(self) -> None:
        found = self.fails(good=SERVICE, broken="x = 1\ny = (\nz = 2 +\n")
        self.assertEqual((found["file"], found["type"], found["class"]), ("broken.py", "SyntaxError", "invalid"))
        self.assertRegex(found["message"], r"^broken\.py, line \d: ")
        self.assertEqual(found["frames"][-1][0], "broken.py")

    def test_a_missing_library_is_named_with_the_remedy(self) -> None:
        found = self.fails(needy="import no_such_library.part\n")
        self.assertEqual((found["file"], found["type"]), ("needy.py", "ModuleNotFoundError"))
        for part in ("needy.py", "'no_such_library'", sys.executable, "[python] interpreter"):
            self.assertIn(part, found["message"])

    def test_a_missing_library_of_an_imported_file_names_that_file(self) -> None:
        found = self.fails(first="import second\n", second="import no_such_library\n")
        self.assertEqual(found["file"], "second.py")

    def test_an_exception_in_import_comes_with_its_frames(self) -> None:
        found = self.fails(bad="def f():\n    return {}['key']\nf()\n")
        self.assertEqual((found["type"], found["file"]), ("KeyError", "bad.py"))
        self.assertEqual([frame[1] for frame in found["frames"]], [3, 2])
        self.assertEqual(found["frames"][1][3], "return {}['key']")

    def test_exit_in_import_is_a_failure_not_an_end(self) -> None:
        node = self.node()
        found = node.deploy({"leaver.py": "import sys\nsys.exit(4)\n"})
        self.assertIn("leaver.py called sys.exit(4)", found["message"])
        self.assertEqual(len(node.deploy({"a.py": SERVICE})["services"]), 1)

    def test_a_failed_generation_leaves_nothing_behind(self) -> None:
        node = self.node()
        node.deploy({"one.py": SERVICE, "two.py": "1/0\n"})
        found = node.deploy({"one.py": SERVICE.replace("class A", "class B")})
        self.assertEqual([service["name"] for service in found["services"]], ["one.b"])

    def test_two_services_of_one_name_are_refused(self) -> None:
        named = SERVICE.replace("    def", "    name = 'same'\n    def")
        found = self.fails(one=named, two=named)
        self.assertEqual(found["class"], "conflict")
        for part in ("'same'", "one.A", "two.A", "another name"):
            self.assertIn(part, found["message"])

    def test_a_file_may_not_hide_a_standard_module(self) -> None:
        for name in ("json", "zato", "busker"):
            with self.subTest(name):
                found = self.fails(**{name: SERVICE})
                self.assertIn("rename it", found["message"])

    def test_a_bad_hint_or_declaration_is_told_with_its_file(self) -> None:
        found = self.fails(odd=SERVICE + "    class SimpleIO:\n        input_required = (1,)\n")
        self.assertEqual(found["file"], "odd.py")
        self.assertIn("SimpleIO fields are names", found["message"])

    def test_files_import_each_other_in_any_order_and_from_directories(self) -> None:
        node = self.node()
        texts = {
            "aaa.py": "import zzz\nfrom crm.api import Base\nclass Child(Base):\n    pass\n",
            "crm/api.py": "from . import words\nfrom zato.server.service import Service\n"
            "class Base(Service):\n    def handle(self):\n        self.response.payload = words.WORD + self.name\n",
            "crm/words.py": "WORD = 'hello from '\n",
            "shop/__init__.py": "from shop.parts import *\n",
            "shop/parts.py": SERVICE.replace("class A", "class Part"),
            "zzz.py": "import aaa\n",
            "notes.txt": "not a module",
        }
        found = node.deploy(texts)
        names = [service["name"] for service in found["services"]]
        self.assertEqual(sorted(names), ["aaa.child", "crm.api.base", "shop.parts.part"])
        by_name = {service["name"]: service for service in found["services"]}
        self.assertEqual((by_name["aaa.child"]["file"], by_name["aaa.child"]["package"]), ("aaa.py", 1))
        self.assertEqual(by_name["crm.api.base"]["impl_name"], "crm.api.Base")
        self.assertEqual(node.ask("aaa.child")[2], b"hello from aaa.child")

    def test_what_a_class_says_about_itself_is_published(self) -> None:
        text = (
            "from zato.server.service import Service, Integer, CSV\n"
            "class GetHTTPThing_Now(Service):\n"
            "    '''First line\n    goes on.\n\n    More.\n    '''\n"
            "    class SimpleIO:\n"
            "        request_elem = 'req'\n        response_elem = 'res'\n        namespace = 'urn:x'\n"
            "        input_required = ('a', Integer('n'))\n        input_optional = (CSV('list', default=[]),)\n"
            "        output_optional = 'b'\n        output_repeated = True\n        default_value = ''\n"
            "    class Busker:\n        timeout = 2.5\n        concurrency = 3\n        pool = 'slow'\n"
            "        isolate = True\n        idempotent = True\n        delivery = 'fast'\n"
            "    def handle_POST(self): pass\n    def handle_GET(self): pass\n    def before_handle(self): pass\n"
        )
        (found,) = self.node().deploy({"my_app.py": text})["services"]
        self.assertEqual(found["name"], "my-app.get-http-thing_-now")
        self.assertEqual(found["doc"], "First line goes on.")
        self.assertEqual((found["timeout_ms"], found["max_concurrency"], found["pool"]), (2500, 3, "slow"))
        self.assertEqual((found["isolate"], found["idempotent"], found["delivery"]), (True, True, "fast"))
        self.assertEqual((found["methods"], found["hooks"]), (["GET", "POST"], ["before_handle"]))
        sio = found["sio"]
        self.assertEqual((sio["request_elem"], sio["response_elem"], sio["namespace"]), ("req", "res", "urn:x"))
        fields = [(field["name"], field["required"], field["ty"], field["default"]) for field in sio["input"]]
        self.assertEqual(fields, [("a", True, "auto", None), ("n", True, "integer", None), ("list", False, "csv", [])])
        self.assertEqual((sio["output_repeated"], sio["bare"], sio["default_value"]), (True, False, ""))

    def test_classes_that_are_no_services_are_left_out(self) -> None:
        text = (
            "from zato.server.service import Service\n"
            "class Base(Service):\n    pass\n"  # no handle: abstract
            "class Hidden(Service):\n    zato_dont_import = True\n    def handle(self): pass\n"
            "class Refused(Service):\n    def handle(self): pass\n"
            "    @staticmethod\n    def before_add_to_store(logger):\n        return False\n"
            "class Taken(Base):\n    def handle(self): pass\n"
            "    @staticmethod\n    def after_add_to_store(logger):\n        logger.info('taken')\n"
        )
        node = self.node()
        found = node.deploy({"some.py": text})
        self.assertEqual([service["name"] for service in found["services"]], ["some.taken"])
        self.assertIn("taken", [record[5] for record in node.records])

    def test_verify_answers_and_exits(self) -> None:
        for text, type_ in ((SERVICE, "services"), ("1/0\n", "message")):
            node = self.node()
            self.assertIn(type_, node.deploy({"a.py": text}, protocol.VERIFY))
            self.assertEqual(node.exit_code(), 0)

    def test_a_second_generation_needs_a_second_worker(self) -> None:
        node = self.node("mix.py")
        node.json("mix.plain", {})
        self.assertEqual(node.deploy({"a.py": SERVICE})["class"], "conflict")


class Acceptance(WorkerCase):
    """The service of the article, byte for byte."""

    def test_the_file_is_the_article(self) -> None:
        self.assertIn("yahoo_response = bunchify(loads(yahoo.conn.get(self.cid, url_params).text))", source("stockmarket.py"))

    def test_the_stock_market_service_answers_what_the_article_says(self) -> None:
        needs("lxml")
        asked = []

        def quotes(meta: Dict[str, Any], body: bytes) -> Answer:
            asked.append(meta)
            body = b'{"query":{"results":{"quote":{"MarketCapitalization":"298.8B"}}}}'
            if meta["conn"] == "Google Finance":
                body = b'<xml_api_reply><finance><market_cap data="298815.05"/></finance></xml_api_reply>'
            return protocol.CALLRES, {"status": 200, "headers": [], "reason": "OK"}, body

        node = self.node("stockmarket.py", on_call=quotes)
        found = node.json("stockmarket.get-market-cap", {"symbol": "GOOG"})
        self.assertEqual(found, [{"provider": "Yahoo!", "value": "298.8"}, {"provider": "Google", "value": "298.81505"}])
        self.assertEqual([call["conn"] for call in asked], ["Yahoo! YQL", "Google Finance"])
        self.assertEqual([call["op"] for call in asked], ["http", "http"])
        self.assertEqual((asked[0]["method"], asked[0]["transport"]), ("GET", "plain_http"))
        self.assertIn(["q", 'select * from yahoo.finance.quotes where symbol="GOOG"'], asked[0]["query"])
        self.assertEqual(asked[1]["query"], [["stock", "GOOG"]])
        self.assertEqual(node.services[0]["sio"]["response_elem"], "market_cap")


class Limits(WorkerCase):
    """What WELCOME limits."""

    def test_memory_over_the_limit_is_an_error_of_that_request(self) -> None:
        limited = self.node()
        limited.send(protocol.WELCOME, 0, {"rlimits": {"as_bytes": 2 << 30, "nofile": 64}, "window": 4})
        limited.deploy({"eater.py": "import resource\nfrom zato.server.service import Service\nclass Eat(Service):\n"
                        "    def handle(self):\n        self.response.payload = str(len(bytearray(3 << 30)))\n"
                        "class Files(Service):\n    def handle(self):\n"
                        "        self.response.payload = str(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"})  # fmt: skip
        self.assertEqual(limited.ask("eater.eat")[1]["type"], "MemoryError")
        self.assertEqual(limited.ask("eater.files")[2], b"64")

    def test_descriptors_are_not_inherited_by_programs_a_service_starts(self) -> None:
        text = ("import subprocess, sys\nfrom zato.server.service import Service\nclass Run(Service):\n"
                "    def handle(self):\n        code = 'import os; print(sorted(map(int, os.listdir(\"/proc/self/fd\")))[:-1])'\n"
                "        found = subprocess.run([sys.executable, '-c', code], stdout=subprocess.PIPE, close_fds=False)\n"
                "        self.response.payload = found.stdout.decode()\n")  # fmt: skip
        self.assertEqual(self.deployed(runner=text).ask("runner.run")[2].strip(), b"[0, 1, 2]")
