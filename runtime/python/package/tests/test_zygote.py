"""The fork server: workers on demand, and what it says of their end."""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import subprocess
import sys
import time
import unittest
from typing import Any, Dict, List

from busker._host import protocol
from tests.case import source
from tests.node import PACKAGE, PATIENCE, Node


class Zygote(unittest.TestCase):
    """A zygote per test."""

    def setUp(self) -> None:
        self.control, theirs = socket.socketpair()
        self.control.settimeout(PATIENCE)
        path = os.path.join(PACKAGE, "busker", "_host", "zygote.py")
        self.process = subprocess.Popen(
            [sys.executable, "-E", "-s", "-B", path, str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd="/",
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        self.text = b""
        self.nodes: List[Node] = []

    def tearDown(self) -> None:
        self.control.close()
        self.assertEqual(self.process.wait(PATIENCE), 0)
        for node in self.nodes:
            self.assertTrue(node.gone.wait(PATIENCE))  # the workers die with their zygote
            node.close()

    def says(self) -> Dict[str, Any]:
        while b"\n" not in self.text:
            self.text += self.control.recv(4096)
        line, self.text = self.text.split(b"\n", 1)
        found: Dict[str, Any] = json.loads(line)
        return found

    def fork(self, number: int) -> "tuple[Node, int]":
        ours, theirs = socket.socketpair()
        message = json.dumps({"worker": number, "pool": "default", "scheduler": "lf"}).encode() + b"\n"
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))
        self.control.sendmsg([message], [rights])
        theirs.close()
        answer = self.says()
        self.assertEqual(answer["worker"], number)
        node = Node(sock=ours)
        self.assertEqual(node.hello["pid"], answer["pid"])
        self.nodes.append(node)
        return node, answer["pid"]

    def test_workers_of_one_zygote_serve_side_by_side(self) -> None:
        for number in range(3):
            node, _ = self.fork(number)
            node.deploy({"mix.py": source("mix.py")})
            self.assertEqual(node.json("mix.plain", {"n": number}), {"got": {"n": number}})

    def test_ends_are_reported_with_signal_or_code(self) -> None:
        killed, pid = self.fork(1)
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.says(), {"exited": pid, "signal": 9, "code": None})
        quitting, pid = self.fork(2)
        quitting.send(protocol.QUIT, 0)
        self.assertEqual(self.says(), {"exited": pid, "signal": None, "code": 0})

    def test_a_fork_is_quick(self) -> None:
        self.fork(0)
        started = time.monotonic()
        for number in range(5):
            self.fork(number)
        self.assertLess((time.monotonic() - started) / 5, 0.1)

    def test_a_worker_cannot_gain_privileges(self) -> None:
        _, pid = self.fork(0)
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            self.assertIn("NoNewPrivs:\t1", status.read())
