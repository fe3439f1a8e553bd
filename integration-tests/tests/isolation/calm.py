"""A service in a pool of its own, which nothing that others do may harm."""

from zato.server.service import Service


class Neighbour(Service):
    class Busker:
        pool = "calm"

    def handle(self):
        self.response.payload = "calm"
