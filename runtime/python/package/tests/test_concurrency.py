"""Many requests at once under both schedulers: nobody gets another's answer, nobody waits for a neighbour."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from typing import Any, Dict, Optional

from busker._host import protocol
from tests.case import WorkerCase
from tests.node import Answer, Node, segments

#: Clients of the mixes, and requests that each makes.
CLIENTS = 24
ROUNDS = 30


def stub(meta: Dict[str, Any], body: bytes) -> Optional[Answer]:
    """A remote that sends back what it got; the connection ``never`` does not answer."""
    if meta.get("conn") == "never":
        return None
    if meta.get("conn") == "slow":
        time.sleep(0.2)
    time.sleep(0.001)
    return protocol.CALLRES, {"status": 200, "headers": [["Content-Type", "application/json"]]}, body


class Schedulers:
    """The promises; the classes below keep them with each scheduler."""

    def load(self: Any) -> Node:
        return self.node("mix.py", on_call=stub)

    def one(self: Any, node: Node, kind: str, word: str, cid: int) -> None:
        if kind == "echo":
            answer = node.json("mix.echo", {"symbol": word}, cid=cid)
            self.assertEqual(answer, {"symbol": word, "cid": "K%039d" % cid})
        elif kind in ("nested", "nested3"):
            times = 3 if kind == "nested3" else 1
            answer = node.json("mix.nested", {"word": word, "times": times}, cid=cid)
            self.assertEqual(answer, {"words": [word + str(number) for number in range(times)]})
        elif kind == "sleep":
            answer = node.json("mix.sleep", {"word": word, "seconds": 0.01}, cid=cid)
            self.assertEqual(answer, {"slept": word})
        elif kind == "burn":
            answer = node.json("mix.burn", {"word": word, "seconds": 0.005}, cid=cid)
            self.assertEqual(answer, {"burnt": word})
        elif kind == "boom":
            type_, meta, _ = node.ask("mix.boom", {"word": word}, cid=cid)
            self.assertEqual((type_, meta["type"], meta["message"]), (protocol.ERR, "ValueError", "boom " + word))

    def mix(self: Any, *kinds: str) -> None:
        node, wrong = self.load(), []

        def client(number: int) -> None:
            chance = random.Random(number)
            try:
                for turn in range(ROUNDS):
                    self.one(node, chance.choice(kinds), f"w{number}.{turn}.", number * 1000 + turn)
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(wrong, [])
        pong = node.ping()
        self.assertEqual((pong["in_flight"], pong["requests"]), (0, CLIENTS * ROUNDS))
        self.assertLessEqual(pong["threads"], 64 + 2)

    def test_a_mix_of_echo_nested_and_exceptions_has_no_wrong_answer(self: Any) -> None:
        self.mix("echo", "nested", "boom")

    def test_a_mix_of_echo_three_nested_and_sleep_has_no_wrong_answer(self: Any) -> None:
        self.mix("echo", "nested3", "sleep")

    def test_a_mix_of_everything_has_no_wrong_answer(self: Any) -> None:
        self.mix("echo", "nested", "nested3", "sleep", "burn", "boom")

    def test_sleepers_do_not_hold_up_an_echo(self: Any) -> None:
        node = self.load()
        sleepers = [node.start("mix.sleep", segments(b'{"word":"s","seconds":1.5}')) for _ in range(5)]
        started = time.monotonic()
        for number in range(20):
            self.one(node, "echo", f"e{number}", number)
        self.assertLess(time.monotonic() - started, 1.0)
        for sleeper in sleepers:
            self.assertEqual(node.wait(sleeper)[0], protocol.RES)

    def test_work_after_a_pause_is_still_watched(self: Any) -> None:
        node = self.load()
        for _ in range(3):
            time.sleep(0.15)  # long enough for the monitor to fall asleep
            sleeper = node.start("mix.sleep", segments(b'{"word":"s","seconds":1.0}'))
            started = time.monotonic()
            self.one(node, "echo", "after", 1)
            self.assertLess(time.monotonic() - started, 0.5)
            node.wait(sleeper)

    def test_a_loop_is_ended_by_a_hard_cancel(self: Any) -> None:
        node = self.load()
        request = node.start("mix.forever", segments(b"{}"))
        self.one(node, "echo", "meanwhile", 1)
        node.send(protocol.CANCEL, request, {"reason": "timeout", "hard": True})
        type_, meta, _ = node.wait(request, 5)
        self.assertEqual((type_, meta["class"]), (protocol.ERR, "timeout"))
        self.assertIn("Cancelled", meta["type"])
        node.until(lambda: [record for record in node.records if record[5] == "forever ended"])
        for number in range(50):  # the cancellation hits nobody else
            self.one(node, "echo", f"later{number}", number)

    def test_a_soft_cancel_ends_a_request_that_waits_for_the_node(self: Any) -> None:
        node = self.load()
        request = node.start("mix.stubborn", segments(b"{}"))
        node.until(lambda: node.calls)
        self.one(node, "echo", "meanwhile", 1)
        node.send(protocol.CANCEL, request, {"reason": "caller-gone", "hard": False})
        type_, meta, _ = node.wait(request, 5)
        self.assertEqual(type_, protocol.ERR)
        self.assertIn("caller-gone", meta["message"])
        late_call = node.calls[-1][0]
        node.send(protocol.CALLRES, late_call, {"status": 200}, b"late")  # nobody waits: dropped
        self.one(node, "nested3", "after", 2)
        self.assertEqual(node.ping()["in_flight"], 0)

    def test_hard_cancels_at_random_moments_hit_only_their_own_request(self: Any) -> None:
        node, chance, outcomes = self.load(), random.Random(1), set()
        for turn in range(60):
            victim = node.start("mix.burn", segments(b'{"word":"v","seconds":0.01}'))
            time.sleep(chance.random() * 0.015)
            node.send(protocol.CANCEL, victim, {"reason": "timeout", "hard": True})
            self.one(node, "nested", f"n{turn}", turn)
            outcomes.add(node.wait(victim, 5)[0])
        self.assertEqual(outcomes, {protocol.RES, protocol.ERR})  # some were in time, some were not
        self.assertEqual(node.ping()["in_flight"], 0)

    def test_cancelling_what_is_gone_changes_nothing(self: Any) -> None:
        node = self.load()
        self.one(node, "echo", "x", 1)
        node.send(protocol.CANCEL, 1, {"reason": "timeout", "hard": True})
        node.send(protocol.CANCEL, 4711, {"reason": "timeout", "hard": False})
        self.one(node, "echo", "y", 2)

    def test_threads_of_a_service_can_call_the_node(self: Any) -> None:
        node = self.load()
        self.assertEqual(node.json("mix.threads"), {"found": [0, 1, 2]})

    def test_drain_lets_requests_end_and_then_exits_with_0(self: Any) -> None:
        node = self.load()
        sleeper = node.start("mix.sleep", segments(b'{"word":"s","seconds":0.3}'))
        nested = node.start("mix.nested", segments(b'{"word":"n","times":3}'))
        node.send(protocol.DRAIN, 0)
        self.assertEqual(json.loads(node.wait(sleeper)[2]), {"slept": "s"})
        self.assertEqual(json.loads(node.wait(nested)[2])["words"], ["n0", "n1", "n2"])
        self.assertEqual(node.exit_code(), 0)

    def test_an_idle_worker_drains_at_once(self: Any) -> None:
        node = self.load()
        self.one(node, "echo", "x", 1)
        node.send(protocol.DRAIN, 0)
        self.assertEqual(node.exit_code(), 0)

    def test_quit_does_not_wait(self: Any) -> None:
        node = self.load()
        node.start("mix.sleep", segments(b'{"word":"s","seconds":30}'))
        node.send(protocol.QUIT, 0)
        self.assertEqual(node.exit_code(), 0)

    def test_a_worker_whose_node_is_gone_exits(self: Any) -> None:
        node = self.load()
        node.start("mix.sleep", segments(b'{"word":"s","seconds":30}'))
        node.start("mix.nested", segments(b'{"word":"n","times":100}'))
        self.assertEqual(node.close(), 0)

    def test_a_killed_worker_closes_its_socket(self: Any) -> None:
        node = self.load()
        node.start("mix.die", segments(b"{}"))
        self.assertTrue(node.gone.wait(10))
        self.assertEqual(node.exit_code(), -signal.SIGKILL)

    def test_a_full_window_of_blocked_requests_leaves_a_reader(self: Any) -> None:
        node = self.node("mix.py", on_call=stub, window=8)
        sleepers = [node.start("mix.sleep", segments(b'{"word":"s","seconds":0.5}')) for _ in range(8)]
        started = time.monotonic()
        self.assertEqual(node.ping()["in_flight"], 8)
        self.assertLess(time.monotonic() - started, 0.4)
        for sleeper in sleepers:
            node.wait(sleeper)


class ThreadsTest(Schedulers, WorkerCase):
    """Leader/followers with the standard library only."""

    scheduler = "lf"


class GreenletsTest(Schedulers, WorkerCase):
    """Leader/followers with greenlets."""

    scheduler = "gl"
