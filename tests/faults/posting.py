"""A partner that takes posts: each that it takes is a file, as if it had collected it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Posted:
    """A server of a partner, whose answers can be changed.

    Args:
        folder: Where it keeps what it took, a file for each key.

    Attributes:
        answer: Returns status and headers for a body; what is answered 204 is kept.
        strayed: What came to another path than its own.
        port: Where it listens; another one after `move`.
    """

    def __init__(self, folder):
        self.folder = folder
        self.answer = taken
        self.strayed = []
        self._begin()

    def move(self):
        """Go to another address: nobody answers at the old one."""
        self.stop()
        self._begin()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def _begin(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def taken(_body):
    """Answer that it is taken."""
    return 204, {}


def always(status, **headers):
    """Return an answer to whatever comes."""
    return lambda _body: (status, headers)


def _handler(partner):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = partner.answer(body)
            if self.path != "/in":
                partner.strayed.append(self.path)
            elif status == 204:
                key = "".join(filter(str.isalnum, self.headers["Idempotency-Key"]))
                partial = partner.folder / f"{key}.part"
                partial.write_bytes(body)
                partial.rename(partner.folder / f"{key}.json")
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    return Handler
