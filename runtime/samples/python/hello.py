"""A service to start from: copy this file into a node's pickup folder."""

from zato.server.service import Service


class SayHello(Service):
    """Greets whoever is named, or the world."""

    class SimpleIO:
        input_optional = ('name',)
        output_required = ('message',)

    def handle(self):
        name = self.request.input.get('name') or 'World'
        self.response.payload.message = 'Hello, {}!'.format(name)
