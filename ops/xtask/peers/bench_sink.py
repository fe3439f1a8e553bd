"""Where tasks of a benchmark leave their effect: one datagram with the time at which they were handed over."""

import os
import socket
import struct

FILL = 'x' * 1000
_sink = None


def effect(sent):
    global _sink
    if _sink is None:
        _sink = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        _sink.connect(os.environ['BENCH_SINK'])
    # Waits while the reader is behind, so none is lost.
    _sink.send(struct.pack('!d', sent))


def steps(messages, rate):
    """Sizes of the steps, and when each is due, in seconds from the start; without a rate they are due at once."""
    size = 256 if rate == 0 else max(1, rate // 50)
    for start in range(0, messages, size):
        yield min(size, messages - start), 0.0 if rate == 0 else start / rate
