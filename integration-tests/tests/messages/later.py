# -*- coding: utf-8 -*-
from json import loads

from zato.server.service import Service


class Record(Service):
    """Tells the sink of the test that it ran."""
    name = 'later.record'

    def handle(self):
        self.outgoing.plain_http['sink'].conn.post(self.cid, self.request.raw_request)
        self.response.payload = {'got': self.request.raw_request}


class HandOver(Service):
    """Has another service run later."""
    name = 'later.hand-over'

    def handle(self):
        self.response.payload = {'cid': self.invoke_async('later.record', {'from': 'python'}), 'own': self.cid}


class Picky(Service):
    """Fails unless it is asked nicely."""
    name = 'later.picky'

    def handle(self):
        if not loads(self.request.raw_request).get('please'):
            raise ValueError('say please')
        self.outgoing.plain_http['sink'].conn.post(self.cid, self.request.raw_request)
