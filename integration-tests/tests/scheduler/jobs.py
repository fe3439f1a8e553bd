# Writes down what it was asked, one line of JSON per run.
import json
import os
import time

from zato.server.service import Service


class Note(Service):
    """Notes its raw request, cid, channel and job in the file named by the environment of the test."""

    name = 'jobs.note'

    def before_one_time_job(self):
        self.environ['hook'] = 'one_time'

    def before_interval_based_job(self):
        self.environ['hook'] = 'interval_based'

    def before_cron_style_job(self):
        self.environ['hook'] = 'cron_style'

    def handle(self):
        line = {'raw': self.request.raw_request, 'cid': self.cid, 'channel': str(self.channel), 'at': time.time(),
                'job_type': self.job_type, 'hook': self.environ.get('hook')}
        with open(PATH, 'a') as notes:
            notes.write(json.dumps(line) + '\n')
            notes.flush()
            os.fsync(notes.fileno())


class Slow(Service):
    """Takes a while, or fails."""

    name = 'jobs.slow'

    def handle(self):
        time.sleep(1.2)
        if self.request.raw_request == 'fail':
            raise ValueError('as asked')


PATH = '@PATH@'
