"""Hooks: their order for every outcome, as a table."""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Optional

from busker._host import protocol
from tests.case import WorkerCase

PLAIN = ["accept", "before_handle", "validate_input", "handle", "validate_output", "after_handle", "finalize_handle"]


def job(kind: str) -> List[str]:
    """The order when a job of that kind invokes the service."""
    return [
        "accept", "before_job", f"before_{kind}_job", "before_handle", "validate_input", "handle", "validate_output",
        "after_handle", "after_job", f"after_{kind}_job", "finalize_handle",
    ]  # fmt: skip


class Row(NamedTuple):
    """One outcome: what goes in, the order of calls, the message of the error if there is one."""

    title: str
    order: List[str]
    error: Optional[str] = None
    raise_in: str = ""
    job: str = ""
    logged: bool = False


WITHOUT_KIND = [name for name in job("cron_style") if name != "before_cron_style_job"]
TABLE = [
    Row("all is well", PLAIN),
    Row("one-time job", job("one_time"), job="one-time"),
    Row("interval job", job("interval_based"), job="interval"),
    Row("cron job", job("cron_style"), job="cron"),
    Row("handle raises", PLAIN[:4], "raised in handle", "handle"),
    Row("handle of a job raises", job("cron_style")[:6], "raised in handle", "handle", "cron"),
    Row("accept raises", PLAIN[:1], "raised in accept", "accept"),
    Row("validate_input raises", PLAIN[:3], "raised in validate_input", "validate_input"),
    Row("validate_output raises", PLAIN[:5], "raised in validate_output", "validate_output"),
    Row("before_handle raises", PLAIN, None, "before_handle", logged=True),
    Row("after_handle raises", PLAIN, None, "after_handle", logged=True),
    Row("finalize_handle raises", PLAIN, None, "finalize_handle", logged=True),
    Row("before_job raises: the hook of the kind is skipped", WITHOUT_KIND, None, "before_job", "cron", True),
    Row("after_job raises: the hook of the kind is skipped",
        [name for name in job("one_time") if name != "after_one_time_job"], None, "after_job", "one-time", True),
    Row("before_one_time_job raises", job("one_time"), None, "before_one_time_job", "one-time", True),
]  # fmt: skip

#: Writes the order to the log when the answer is an error and cannot carry it.
SPY = """
import hooked
from zato.server.service import Service

class Spy(Service):
    def handle(self):
        order = []
        old = hooked.Hooked.note
        def note(service, name):
            order.append(name)
            return old(service, name)
        hooked.Hooked.note = note
        try:
            self.invoke("hooked", {"raise_in": self.request.payload.raise_in}, channel=self.request.payload.channel)
        except ValueError as error:
            self.response.payload = {"order": order, "error": str(error)}
        else:
            self.response.payload = {"order": order, "error": None}
        finally:
            hooked.Hooked.note = old
"""


class Hooks(WorkerCase):
    """The table, through a real worker."""

    def load(self) -> Any:
        from tests.case import source

        node = self.node()
        node.deploy({"hooked.py": source("hooked.py"), "spy.py": SPY})
        return node

    def test_the_order_of_every_outcome(self) -> None:
        node = self.load()
        for row in TABLE:
            with self.subTest(row.title):
                node.records.clear()
                given: Dict[str, Any] = {"channel": "scheduler", "extra": {"job": {"type": row.job}}} if row.job else {}
                type_, meta, body = node.ask("hooked", {"raise_in": row.raise_in}, **given)
                if row.error is None:
                    self.assertEqual(type_, protocol.RES, meta)
                    self.assertEqual(json.loads(body)["order"], row.order)
                else:
                    self.assertEqual((type_, meta["message"]), (protocol.ERR, row.error))
                    channel = "scheduler" if row.job else "invoke"
                    spied = node.json("spy.spy", {"raise_in": row.raise_in, "channel": channel}, **given)
                    self.assertEqual(spied, {"order": row.order, "error": row.error})
                text = f"Exception in hook {row.raise_in} of service hooked"
                logged = [record for record in node.records if record[5].startswith(text)]
                self.assertEqual(len(logged), 1 if row.logged else 0)
                if row.logged:
                    self.assertIn(f"ValueError: raised in {row.raise_in}", logged[0][5])
                    self.assertIn('File "hooked.py"', logged[0][5])

    def test_a_request_that_is_not_accepted_gets_400_and_nothing_else(self) -> None:
        node = self.load()
        type_, meta, body = node.ask("hooked", {"refuse": True})
        self.assertEqual((type_, meta, body), (protocol.RES, {"status": 400, "kind": "empty"}, b""))

    def test_a_job_of_unknown_kind_has_the_general_hooks(self) -> None:
        found = self.load().json("hooked", {}, channel="scheduler")
        self.assertEqual(found["order"], [name for name in job("cron_style") if "cron_style" not in name])

    def test_job_hooks_do_not_run_on_other_channels(self) -> None:
        node = self.load()
        found = node.json("hooked", {}, channel="amqp", extra={"job": {"type": "cron"}})
        self.assertEqual(found["order"], PLAIN)

    def test_the_hooks_of_a_class_are_published(self) -> None:
        node = self.load()
        self.assertEqual(len(node.services[node.index("hooked")]["hooks"]), 14)
