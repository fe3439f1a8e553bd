"""Servers that services talk to, each a process of its own: `servers.py xmlrpc`, `servers.py smtp FOLDER` and
`servers.py https CERTIFICATE KEY`.

Each prints its port and serves until it is killed. Mails are written to FOLDER, one file each.
"""

import http.server
import os
import socketserver
import ssl
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


class Secret(http.server.BaseHTTPRequestHandler):
    """Answers what only a client that trusts us gets to see."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"behind TLS")

    def log_message(self, *args):
        pass


def https():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Secret)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


if __name__ == "__main__":
    served = {"xmlrpc": xmlrpc, "smtp": smtp, "https": https}[sys.argv[1]]()
    print(served.server_address[1], flush=True)
    served.serve_forever()
