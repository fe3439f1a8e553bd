"""Exceptions on their way out, and those of other hosts on their way in."""

from __future__ import annotations

import traceback
import unittest
from typing import Any, Dict, Optional

from busker import errors
from busker._host import protocol, remote
from busker._host.errors import describe, status_of
from tests.case import WorkerCase
from tests.node import Answer

REMOTE = {
    "type": "crm.NoSuchCustomer", "message": "no customer 7", "service": "crm.find", "class": "internal", "retry": False,
    "frames": [["crm.py", 12, "Find.handle", "return self.look(7)"], ["crm.py", 40, "Find.look", "raise NoSuchCustomer(n)"]],
    "cause": {"type": "KeyError", "message": "7", "frames": [["db.py", 3, "get", "return rows[n]"]], "cause": None},
}  # fmt: skip


def far_away(meta: Dict[str, Any], body: bytes) -> Optional[Answer]:
    return protocol.CALLERR, REMOTE, b""


class ErrorObjects(WorkerCase):
    """From a service to ERR."""

    def test_frames_name_file_line_function_and_source(self) -> None:
        node = self.node("errors_a.py", "errors_b.py")
        type_, meta, _ = node.ask("errors-a.chain")
        self.assertEqual((type_, meta["type"], meta["message"]), (protocol.ERR, "LookupError", "no quotient"))
        self.assertEqual(len(meta["frames"]), 1)
        file, line, function, text = meta["frames"][0]
        self.assertEqual((file, text), ("errors_a.py", 'raise LookupError("no quotient") from error'))
        self.assertTrue(function.endswith("handle"))
        self.assertGreater(line, 5)

    def test_the_cause_comes_with_its_own_frames_across_modules(self) -> None:
        node = self.node("errors_a.py", "errors_b.py")
        cause = node.ask("errors-a.chain")[1]["cause"]
        self.assertEqual((cause["type"], cause["cause"]), ("ZeroDivisionError", None))
        self.assertEqual([frame[0] for frame in cause["frames"]], ["errors_a.py", "errors_b.py"])
        self.assertEqual(cause["frames"][1][3], "return a / b")

    def test_http_errors_carry_status_and_class(self) -> None:
        node = self.node("errors_a.py", "errors_b.py")
        expected = {"not-here": (418, "invalid"), "bad": (400, "invalid"), "no": (403, "forbidden")}
        for name, (status, class_) in expected.items():
            with self.subTest(name):
                meta = node.ask(f"errors-a.{name}")[1]
                self.assertEqual((meta["status"], meta["class"]), (status, class_))

    def test_other_errors_are_internal_and_have_no_status(self) -> None:
        meta = self.node("mix.py").ask("mix.boom", {"word": "x"})[1]
        self.assertEqual((meta["class"], meta["retry"], "status" in meta), ("internal", False, False))

    def test_an_exception_that_cannot_be_printed_is_still_an_answer(self) -> None:
        meta = self.node("errors_a.py", "errors_b.py").ask("errors-a.unprintable")[1]
        self.assertIn("RuntimeError", meta["message"])

    def test_a_deep_traceback_keeps_both_ends(self) -> None:
        meta = self.node("errors_a.py", "errors_b.py").ask("errors-a.deep")[1]
        self.assertLessEqual(len(meta["frames"]), 61)
        self.assertTrue(meta["frames"][0][2].endswith("handle"))
        self.assertIn("left out", meta["frames"][10][2])

    def test_sys_exit_in_a_service_ends_the_request_not_the_worker(self) -> None:
        node = self.node("mix.py")
        type_, meta, _ = node.ask("mix.leave", {})
        self.assertEqual((type_, meta["type"]), (protocol.ERR, "SystemExit"))
        self.assertIn("sys.exit(3)", meta["message"])
        self.assertEqual(node.json("mix.plain", {"a": 1}), {"got": {"a": 1}})


class RemoteErrors(WorkerCase):
    """From CALLERR to a service's except clause."""

    def test_a_remote_error_prints_its_remote_frames_with_their_lines(self) -> None:
        found = self.node("errors_a.py", "errors_b.py", on_call=far_away).json("errors-a.catches")
        self.assertEqual((found["type"], found["text"]), ("ServiceError", "crm.NoSuchCustomer: no customer 7"))
        text = found["traceback"]
        self.assertIn('File "crm.py", line 40, in look\n    raise NoSuchCustomer(n)\n', text)
        self.assertIn('File "db.py", line 3, in get\n    return rows[n]\n', text)
        self.assertLess(text.index("db.py"), text.index("crm.py"))  # the cause is printed first
        self.assertIn('in handle\n    self.invoke("far.away", {"a": 1})', text)

    def test_an_error_that_passes_through_keeps_type_frames_and_cause(self) -> None:
        meta = self.node("errors_a.py", "errors_b.py", on_call=far_away).ask("errors-a.passes")[1]
        self.assertEqual((meta["type"], meta["message"]), ("crm.NoSuchCustomer", "no customer 7"))
        self.assertEqual([frame[:2] for frame in meta["frames"]][1:], [["crm.py", 12], ["crm.py", 40]])
        self.assertEqual(meta["cause"]["frames"], [["db.py", 3, "get", "return rows[n]"]])

    def test_a_nested_service_raises_with_its_live_traceback(self) -> None:
        found = self.node("errors_a.py", "errors_b.py").json("errors-a.outer")
        self.assertEqual(found["names"][0], "handle")
        self.assertEqual(found["names"][-2:], ["handle", "divide"])
        self.assertEqual(found["locals"], {"a": 2, "b": 0})


class Rebuild(unittest.TestCase):
    """The rebuilding alone."""

    def test_our_own_names_are_ours_although_the_zato_face_has_the_same(self) -> None:
        from zato import common

        ours = remote.rebuild({"type": "busker.errors.NotFound", "message": "m", "class": "not-found"})
        self.assertIs(type(ours), errors.NotFound)
        theirs = remote.rebuild({"type": "zato.common.NotFound", "message": "m", "class": "not-found"})
        self.assertIs(type(theirs), common.NotFound)

    def test_a_status_that_the_class_does_not_tell_is_kept(self) -> None:
        found = remote.rebuild({"type": "x.HTTPException", "message": "m", "class": "unavailable", "status": 502})
        self.assertEqual(status_of(found), 502)
        found = remote.rebuild({"type": "Fault", "message": "m", "class": "unavailable"})
        self.assertIsNone(status_of(found))

    def test_classes_become_exceptions_to_catch(self) -> None:
        for word, cls in errors.CLASSES.items():
            with self.subTest(word):
                found = remote.rebuild({"type": "Fault", "message": "m", "class": word, "retry": True})
                self.assertIsInstance(found, cls)
                self.assertEqual((str(found), found.retry), ("m", True))  # type: ignore[attr-defined]

    def test_zato_exceptions_come_back_as_themselves(self) -> None:
        from zato.common import BadRequest, Inactive

        self.assertIsInstance(remote.rebuild({"type": "Inactive", "message": "crm", "class": "unavailable"}), Inactive)
        self.assertIsInstance(remote.rebuild({"type": "zato.common.BadRequest", "message": "m"}), BadRequest)

    def test_an_inactive_connection_is_unavailable_to_the_typed_face(self) -> None:
        found = remote.rebuild({"type": "zato.common.Inactive", "message": "crm is off", "class": "unavailable"})
        self.assertIsInstance(found, errors.Unavailable)
        self.assertEqual((str(found), found.retry), ("crm is off", False))  # type: ignore[attr-defined]

    def test_an_http_error_keeps_its_class(self) -> None:
        for class_, status in (("invalid", 400), ("busy", 429), ("unavailable", 503), ("internal", 500)):
            with self.subTest(class_):
                found = remote.rebuild({"type": "zato.common.HTTPException", "message": "m", "class": class_})
                self.assertEqual((describe(found)["class"], status_of(found)), (class_, status))

    def test_a_file_that_is_here_keeps_its_own_lines(self) -> None:
        found = remote.rebuild({"type": "E", "message": "m", "frames": [[__file__, 1, "f", "something else"]]})
        text = "".join(traceback.format_exception(type(found), found, found.__traceback__))
        self.assertIn('"""Exceptions on their way out', text)

    def test_two_errors_in_one_remote_file_show_both_lines(self) -> None:
        for line, source in ((5, "first()"), (2, "second()"), (5, "first()")):
            found = remote.rebuild({"type": "E", "message": "m", "frames": [["elsewhere.py", line, "f", source]]})
            text = "".join(traceback.format_exception(type(found), found, found.__traceback__))
            self.assertIn(f'File "elsewhere.py", line {line}, in f\n    {source}\n', text)

    def test_an_empty_error_object_is_an_exception_too(self) -> None:
        self.assertIsInstance(remote.rebuild({}), errors.ServiceError)
