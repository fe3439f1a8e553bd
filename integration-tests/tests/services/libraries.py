"""Services that use Python's own network libraries, with servers that the test runs."""

import smtplib
import xmlrpc.client
from email.message import EmailMessage

from zato.server.service import Service


class Mail(Service):
    class SimpleIO:
        input_required = ("port", "subject", "text")
        output_required = ("refused",)

    def handle(self):
        read = self.request.input
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "bus@example.com", "desk@example.com", read.subject
        message["X-CID"] = self.cid
        message.set_content(read.text)
        with smtplib.SMTP("127.0.0.1", int(read.port), timeout=20) as server:
            self.response.payload.refused = len(server.send_message(message))


class Rpc(Service):
    def handle(self):
        asked = self.request.payload
        with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{asked.port}/", allow_none=True) as server:
            try:
                self.response.payload = {"sum": server.add(asked.a, asked.b), "methods": server.system.listMethods()}
            except xmlrpc.client.Fault as fault:
                self.response.payload = {"fault": fault.faultString}
