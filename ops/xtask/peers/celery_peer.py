"""Celery over Redis. Worker: `celery -A celery_peer worker`; load: `python celery_peer.py MESSAGES RATE`."""

import os
import sys
import time

from bench_sink import FILL, effect, steps
from celery import Celery

app = Celery('celery_peer', broker=os.environ['BENCH_REDIS'])
app.conf.task_ignore_result = True
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 64


@app.task(name='effect')
def run(sent, fill):
    effect(sent)


if __name__ == '__main__':
    messages, rate = int(sys.argv[1]), int(sys.argv[2])
    began = time.time()
    with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
        for size, due in steps(messages, rate):
            time.sleep(max(0.0, began + due - time.time()))
            for _ in range(size):
                run.apply_async((time.time(), FILL), producer=producer)
