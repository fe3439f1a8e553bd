"""arq. Worker: `python arq_peer.py worker`, which logs nothing; load: `... MESSAGES RATE`."""

import asyncio
import os
import sys
import time

from arq import create_pool, run_worker
from arq.connections import RedisSettings
from bench_sink import FILL, effect, steps

SETTINGS = RedisSettings.from_dsn(os.environ['BENCH_REDIS'])


async def run(ctx, sent, fill):
    effect(sent)


class WorkerSettings:
    functions = [run]
    redis_settings = SETTINGS
    max_jobs = 256
    poll_delay = 0.005
    keep_result = 0


async def load(messages, rate):
    pool = await create_pool(SETTINGS)
    began = time.time()
    for size, due in steps(messages, rate):
        await asyncio.sleep(max(0.0, began + due - time.time()))
        await asyncio.gather(*[pool.enqueue_job('run', time.time(), FILL) for _ in range(size)])


if __name__ == '__main__':
    if sys.argv[1] == 'worker':
        run_worker(WorkerSettings)
    else:
        asyncio.run(load(int(sys.argv[1]), int(sys.argv[2])))
