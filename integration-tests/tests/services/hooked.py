"""A service that logs each of its methods as it is called, and fails in, or refuses at, the one it is told to."""

from zato.server.service import Service

HOOKS = (
    "before_job", "before_handle", "validate_input", "validate_output", "after_handle", "after_job", "finalize_handle",
)  # fmt: skip


class Hooked(Service):
    name = "hooked"

    def note(self, name):
        self.logger.info("called <%s>", name)
        self.response.payload = {"last": name}
        if self.request.payload.get("fail_in") == name:
            raise ValueError("failed on purpose")

    def accept(self):
        self.note("accept")
        return not self.request.payload.get("refuse")

    def handle(self):
        self.note("handle")


def hook(name):
    return lambda self: self.note(name)


for name in HOOKS:
    setattr(Hooked, name, hook(name))


class AsJob(Service):
    """Invokes it in the way of the scheduler, whose hooks come around the others."""

    name = "hooked.as-job"

    def handle(self):
        self.response.payload = self.invoke("hooked", self.request.payload, channel="scheduler")
