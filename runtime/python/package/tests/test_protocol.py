"""Frames: the bytes of the protocol, long ones, and limits."""

from __future__ import annotations

import json
import socket
import threading
import unittest

from busker._host import protocol
from busker._host.protocol import Codec, FrameReader, FrameTooLong
from tests.case import WorkerCase
from tests.node import segments


class CodecTest(unittest.TestCase):
    """Without a worker."""

    def through(self, data: bytes, count: int) -> list:
        ours, theirs = socket.socketpair()
        writer = threading.Thread(target=lambda: (theirs.sendall(data), theirs.close()))
        writer.start()
        reader = FrameReader(ours)
        frames = [reader.next() for _ in range(count)]
        writer.join()
        ours.close()
        return frames

    def test_the_header_is_as_the_protocol_says(self) -> None:
        data = Codec().frame(protocol.CALL, 1 << 63 | 5, {"a": 1}, b"body")
        self.assertEqual(data[:4], (20 + 7 + 4).to_bytes(4, "little"))
        self.assertEqual((data[4], data[5]), (69, 0))
        self.assertEqual(data[6:8], (7).to_bytes(2, "little"))
        self.assertEqual(data[8:16], (1 << 63 | 5).to_bytes(8, "little"))
        self.assertEqual(data[16:24], bytes(8))
        self.assertEqual(data[24:], b'{"a":1}body')

    def test_frames_survive_any_cut(self) -> None:
        codec = Codec()
        sent = [codec.frame(1, n, {"n": n} if n % 2 else None, b"x" * (n * 7919 % 9000)) for n in range(200)]
        found = self.through(b"".join(sent), 200)
        self.assertEqual([frame.id for frame in found], list(range(200)))
        self.assertEqual([len(frame.body) for frame in found], [n * 7919 % 9000 for n in range(200)])

    def test_long_frames_between_short_ones_are_read(self) -> None:
        codec, body = Codec(), bytes(range(256)) * 20_000
        data = codec.frame(1, 1, None, b"a") + codec.frame(2, 2, {"k": "v"}, body) + codec.frame(3, 3, None, b"c")
        first, second, third = self.through(data, 3)
        self.assertEqual((first.body, second.body == body, second.meta, third.body), (b"a", True, {"k": "v"}, b"c"))

    def test_long_meta_moves_into_the_body(self) -> None:
        meta = {"text": "ä" * 50_000}
        (frame,) = self.through(Codec().frame(64, 9, meta, b"rest"), 1)
        self.assertEqual((frame.meta, frame.body), (meta, b"rest"))

    def test_a_frame_over_the_limit_is_refused_by_its_sender(self) -> None:
        codec = Codec()
        codec.max_frame_bytes = 1_000
        with self.assertRaises(FrameTooLong):
            codec.frame(67, 1, None, b"x" * 1_000)


class LimitsTest(WorkerCase):
    """With a worker that may send 100 kB."""

    def test_an_answer_over_the_limit_fails_that_request_alone(self) -> None:
        node = self.node("mix.py", max_frame_bytes=100_000)
        type_, meta, _ = node.ask("mix.plain", b'{"a":"%s"}' % (b"x" * 200_000))
        self.assertEqual((type_, meta["class"]), (protocol.ERR, "too-large"))
        self.assertIn("100000 bytes", meta["message"])
        self.assertEqual(node.json("mix.plain", {"a": 1}), {"got": {"a": 1}})

    def test_a_call_over_the_limit_raises_in_its_service(self) -> None:
        node = self.node("mix.py", max_frame_bytes=100_000)
        body = json.dumps({"word": "x" * 200_000, "times": 1}).encode()
        type_, meta, _ = node.wait(node.start("mix.nested", segments(body)))
        self.assertEqual((type_, meta["class"]), (protocol.ERR, "too-large"))

    def test_a_request_of_megabytes_arrives_whole(self) -> None:
        node = self.node("mix.py")
        word = "y" * 3_000_000
        self.assertEqual(node.json("mix.plain", {"a": word}), {"got": {"a": word}})

    def test_an_unknown_service_number_is_an_error_of_that_request(self) -> None:
        node = self.node("mix.py")
        node.services = [{"name": "missing", "sio": None}] * 99
        id_ = next(node._ids)
        import queue

        node.answers[id_] = queue.Queue()
        node.send(protocol.REQ, id_, None, segments(b"{}"), service=98)
        self.assertEqual(node.wait(id_)[0], protocol.ERR)

    def test_hello_tells_who_the_worker_is(self) -> None:
        node = self.node()
        self.assertEqual(node.hello["proto"], 1)
        self.assertEqual(node.hello["scheduler"], "lf")
        assert node.process is not None
        self.assertEqual(node.hello["pid"], node.process.pid)

    def test_pong_tells_memory_and_counts(self) -> None:
        pong = self.node("mix.py").ping()
        self.assertGreater(pong["rss_bytes"], 1_000_000)
        self.assertEqual((pong["in_flight"], pong["requests"]), (0, 0))
