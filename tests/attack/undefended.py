"""A gateway that holds nothing: it believes what it is told, and answers whatever comes.

A frame that calls everything held would say so of this one, too.
"""

import contextlib
import http.server
import threading

from client_paths import REFUSED
from credentials import TokenIssuer

from attack.asking import Target
from broker.certificates import DevelopmentCa


class Undefended(Target):
    """Answers 200 to every request, once it has read its body, to anybody."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.ca = DevelopmentCa(self.folder / "ca")
        self.proxy = self.refused_proxy = None
        self.weak = {"expired": REFUSED["expired"]()}
        self.issuer = TokenIssuer(self.folder)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Believing)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def headers(self, unit):
        """Return what it takes for the credential of anybody."""
        return {"Authorization": f"Bearer {unit}"}


class _Believing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    timeout = 2  # a body that never comes is given up, and taken all the same

    def do_GET(self):
        self._take()

    def do_POST(self):
        self._take()

    def log_message(self, *_):
        pass

    def _take(self):
        with contextlib.suppress(TimeoutError):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"taken": true}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
