"""Writes down the order in which its methods are called. Raises in, or refuses at, the one it is told to."""

from zato.server.service import Service

NAMES = (
    "before_job", "before_one_time_job", "before_interval_based_job", "before_cron_style_job", "before_handle",
    "validate_input", "validate_output", "after_handle", "after_job", "after_one_time_job", "after_interval_based_job",
    "after_cron_style_job", "finalize_handle",
)  # fmt: skip


class Hooked(Service):
    name = "hooked"

    def note(self, name):
        self.environ.setdefault("order", []).append(name)
        if self.request.payload.get("raise_in") == name:
            raise ValueError("raised in " + name)
        # The list is the same object to the end: hooks after handle are seen too.
        self.response.payload = {"order": self.environ["order"]}

    def accept(self):
        self.note("accept")
        return not self.request.payload.get("refuse")

    def handle(self):
        self.note("handle")


def hook(name):
    return lambda self: self.note(name)


for name in NAMES:
    setattr(Hooked, name, hook(name))
