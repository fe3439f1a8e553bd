"""Services that are invoked by clients in the style of Zato's."""

from zato.server.service import Service


class Double(Service):
    class SimpleIO:
        input_required = ("number_size",)
        output_required = ("twice_size",)

    def handle(self):
        self.response.payload.twice_size = 2 * self.request.input.number_size


class Crash(Service):
    def handle(self):
        raise ValueError("a secret of ours")
