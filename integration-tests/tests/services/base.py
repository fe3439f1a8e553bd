"""A base class for services of other modules."""

from zato.server.service import Service


class Base(Service):
    class SimpleIO:
        input_required = ("word",)
        output_required = ("answer",)

    def before_handle(self):
        self.environ["prefix"] = "inherited "

    def handle(self):
        self.response.payload.answer = self.environ["prefix"] + self.transform(self.request.input.word)

    def transform(self, word):
        raise NotImplementedError()
