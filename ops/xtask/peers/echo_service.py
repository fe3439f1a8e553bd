"""The echo as a Busker service: input checked, output built, nothing else."""

from zato.server.service import Integer, Service


class Echo(Service):
    name = "bench.echo"

    class SimpleIO:
        input_required = ("text",)
        output_required = ("text", Integer("length"))

    def handle(self):
        text = self.request.input.text
        self.response.payload = {"text": text, "length": len(text)}
