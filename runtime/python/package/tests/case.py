"""What the tests of the worker share: services from files, a worker per scheduler, loud skips."""

from __future__ import annotations

import importlib.util
import os
import sys
import unittest
from typing import Any, List, Set

from tests.node import Node, OnCall, no_calls

HERE = os.path.dirname(os.path.abspath(__file__))


#: Libraries whose absence was told.
_told: Set[str] = set()


def source(name: str) -> str:
    """The text of a test service."""
    with open(os.path.join(HERE, "services", name), encoding="utf-8") as file:
        return file.read()


def needs(module: str) -> None:
    """Skips a test, loudly, when a library is not installed."""
    if importlib.util.find_spec(module) is None:
        text = f"SKIPPED: {module} is not installed for {sys.executable}"
        if module not in _told:
            _told.add(module)
            print(text, file=sys.stderr)
        raise unittest.SkipTest(text)


class WorkerCase(unittest.TestCase):
    """A test with workers, which are gone after it. Subclasses set the scheduler."""

    scheduler = "lf"

    def setUp(self) -> None:
        if self.scheduler == "gl":
            needs("greenlet")
        self.nodes: List[Node] = []

    def tearDown(self) -> None:
        for node in self.nodes:
            node.close()

    def node(self, *names: str, on_call: OnCall = no_calls, **options: Any) -> Node:
        """A worker that serves the given test services."""
        node = Node(self.scheduler, on_call, **options)
        self.nodes.append(node)
        if names:
            found = node.deploy({name: source(name) for name in names})
            self.assertNotIn("message", found)
        return node

    def deployed(self, **texts: str) -> Node:
        """A worker that serves modules given as text."""
        node = self.node()
        found = node.deploy({f"{name}.py": text for name, text in texts.items()})
        self.assertNotIn("message", found)
        return node
