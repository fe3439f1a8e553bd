"""Servers for libraries.py, each a process of its own: `servers.py xmlrpc` and `servers.py smtp FOLDER`.

Each prints its port and serves until it is killed. Mails are written to FOLDER, one file each.
"""

import os
import socketserver
import sys
from xmlrpc.server import SimpleXMLRPCServer


def xmlrpc():
    server = SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False, allow_none=True)
    server.register_introspection_functions()
    server.register_function(lambda a, b: a + b, "add")
    return server


class Mail(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs to leave a mail."""

    def handle(self):
        self.say("220 sink")
        while True:
            line = self.rfile.readline().decode("utf-8").strip()
            word = line[:4].upper()
            if word == "DATA":
                self.say("354 go on")
                self.keep()
                self.say("250 kept")
            elif word == "QUIT":
                return self.say("221 bye")
            elif word in ("HELO", "EHLO", "MAIL", "RCPT", "RSET", "NOOP"):
                self.say("250 fine")
            else:
                return None

    def keep(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if line in (b".\r\n", b""):
                break
            lines.append(line)
        folder = sys.argv[2]
        path = os.path.join(folder, str(len(os.listdir(folder))))
        with open(path + ".part", "wb") as file:
            file.write(b"".join(lines))
        os.rename(path + ".part", path + ".eml")

    def say(self, text):
        self.wfile.write(text.encode("ascii") + b"\r\n")


def smtp():
    return socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)


if __name__ == "__main__":
    served = {"xmlrpc": xmlrpc, "smtp": smtp}[sys.argv[1]]()
    print(served.server_address[1], flush=True)
    served.serve_forever()
