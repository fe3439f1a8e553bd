"""taskiq over Redis Streams. Worker: `taskiq worker taskiq_peer:broker`; load: `python taskiq_peer.py MESSAGES RATE`."""

import asyncio
import os
import sys
import time

from bench_sink import FILL, effect, steps
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(os.environ['BENCH_REDIS'])


@broker.task(task_name='effect')
async def run(sent: float, fill: str) -> None:
    effect(sent)


async def load(messages, rate):
    await broker.startup()
    began = time.time()
    for size, due in steps(messages, rate):
        await asyncio.sleep(max(0.0, began + due - time.time()))
        await asyncio.gather(*[run.kiq(time.time(), FILL) for _ in range(size)])
    await broker.shutdown()


if __name__ == '__main__':
    asyncio.run(load(int(sys.argv[1]), int(sys.argv[2])))
