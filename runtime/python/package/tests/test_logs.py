"""Log records and printed text on their way to the node."""

from __future__ import annotations

import logging
import time
import unittest

from busker._host import logs, protocol
from busker._host.protocol import Codec, parse_frame
from tests.case import WorkerCase


class Sent(WorkerCase):
    """From a worker."""

    def test_records_carry_time_level_logger_cid_and_service(self) -> None:
        node = self.node("mix.py")
        node.ask("mix.noisy", {"word": "me"}, cid=5)
        (record,) = [record for record in node.records if record[5] == "logged by me"]
        self.assertLess(abs(record[0] / 1000 - time.time()), 60)
        self.assertEqual(record[1:5], ["info", "mix.noisy", "K" + "5".zfill(39), "mix.noisy"])
        self.assertFalse([record for record in node.records if "too fine" in record[5]])

    def test_printed_text_is_sent_by_stream_with_its_request(self) -> None:
        node = self.node("mix.py")
        node.ask("mix.noisy", {"word": "me"}, cid=5)
        node.until(lambda: len(node.printed) == 2)
        cid = "K" + "5".zfill(39)
        self.assertEqual(node.printed[0], ({"stream": "stdout", "cid": cid, "service": "mix.noisy"}, "printed by me\n"))
        self.assertEqual(node.printed[1], ({"stream": "stderr", "cid": cid, "service": "mix.noisy"}, "an error text\n"))

    def test_text_printed_in_import_comes_before_deployed(self) -> None:
        node = self.node()
        node.deploy({"loud.py": "print('hello')\nimport logging, warnings\nlogging.warning('careful')\n"
                                "warnings.warn('old')\n"})  # fmt: skip
        self.assertEqual(node.printed[0][1], "hello\n")
        self.assertEqual([record[1] for record in node.records], ["warning", "warning"])
        self.assertIn("old", node.records[1][5])

    def test_a_thread_of_a_service_is_heard_while_nothing_else_happens(self) -> None:
        node = self.deployed(bg=(
            "import threading, time, logging\nfrom zato.server.service import Service\nclass Start(Service):\n"
            "    def handle(self):\n        def work():\n            time.sleep(0.3)\n            logging.warning('late')\n"
            "        threading.Thread(target=work, daemon=True).start()\n"
        ))  # fmt: skip
        node.ask("bg.start")
        node.until(lambda: [record for record in node.records if record[5] == "late"])

    def test_a_flood_does_not_stop_a_service_and_what_is_lost_is_counted(self) -> None:
        node = self.node("mix.py")
        self.assertEqual(node.ask("mix.flood", {"lines": 60_000})[2], b"done")
        node.until(lambda: [record for record in node.records if record[5].startswith("line 59999") or "dropped" in record[5]])
        lost = sum(int(record[5].split()[0]) for record in node.records if "were dropped" in record[5])
        kept = len([record for record in node.records if record[5].startswith("line ")])
        self.assertEqual(kept + lost, 60_000)

    def test_an_exception_is_logged_with_its_traceback(self) -> None:
        node = self.deployed(ex=(
            "from zato.server.service import Service\nclass Ex(Service):\n    def handle(self):\n        try:\n"
            "            1/0\n        except ZeroDivisionError:\n            self.logger.exception('went wrong')\n"
        ))  # fmt: skip
        node.ask("ex.ex")
        text = node.records[0][5]
        self.assertIn('went wrong\nTraceback (most recent call last):\n  File "ex.py", line 5, in handle\n    1/0\n', text)


class Bounded(unittest.TestCase):
    """Without a worker."""

    def test_notes_stay_in_order_and_are_batched(self) -> None:
        notes = logs.Notes(Codec())
        for number in range(logs.MAX_BATCH + 1):
            notes.add([0, "info", "l", "", "", str(number)], 1)
        notes.add(("stdout", "", "", "a"), 1)
        notes.add(("stdout", "", "", "b"), 1)
        notes.add(("stderr", "", "", "c"), 1)
        notes.add([0, "info", "l", "", "", "last"], 1)
        frames = [parse_frame(data, 0, len(data)) for data in notes.take()]
        kinds = [frame.type for frame in frames]
        self.assertEqual(kinds, [protocol.LOG, protocol.LOG, protocol.OUT, protocol.OUT, protocol.LOG])
        self.assertEqual((frames[2].body, frames[3].body), (b"ab", b"c"))
        self.assertEqual(notes.take(), [])

    def test_more_than_the_bound_is_dropped_and_counted(self) -> None:
        notes = logs.Notes(Codec())
        for _ in range(5):
            notes.add(("stdout", "", "", "x" * (logs.MAX_WAITING_CHARS // 2)), logs.MAX_WAITING_CHARS // 2)
        frames = [parse_frame(data, 0, len(data)) for data in notes.take()]
        self.assertEqual([frame.type for frame in frames], [protocol.OUT, protocol.LOG])
        self.assertIn("3 log records", (frames[1].meta or {})["records"][0][5])

    def test_a_record_that_cannot_be_formatted_says_so(self) -> None:
        notes = logs.Notes(Codec())
        handler = logs.NodeHandler(notes)
        handler.emit(logging.LogRecord("n", 20, "file.py", 7, "%d", ("text",), None))
        self.assertIn("file.py:7 cannot be formatted", notes.waiting[0][5])
