"""Procrastinate, whose queue is PostgreSQL. Worker: `python procrastinate_peer.py worker`; load: `... MESSAGES RATE`."""

import asyncio
import os
import sys
import time

from bench_sink import FILL, effect, steps
from procrastinate import App, PsycopgConnector

app = App(connector=PsycopgConnector(conninfo=os.environ['BENCH_POSTGRES']))


@app.task(name='effect')
async def run(sent, fill):
    effect(sent)


async def work():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await app.run_worker_async(concurrency=64, install_signal_handlers=True, delete_jobs='successful')


async def schema():
    """Waits until the worker has made the tables; 30 s at most."""
    for _ in range(300):
        if await app.check_connection_async():
            return
        await asyncio.sleep(0.1)
    raise SystemExit('the worker has made no tables')


async def load(messages, rate):
    async with app.open_async():
        await schema()
        began = time.time()
        for size, due in steps(messages, rate):
            await asyncio.sleep(max(0.0, began + due - time.time()))
            await run.batch_defer_async(*[{'sent': time.time(), 'fill': FILL} for _ in range(size)])


if __name__ == '__main__':
    if sys.argv[1] == 'worker':
        asyncio.run(work())
    else:
        asyncio.run(load(int(sys.argv[1]), int(sys.argv[2])))
