"""Partners that mean no good: a cluster and a web server, each in a thread of its own."""

import base64
import contextlib
import socketserver
import struct
import threading
from collections import Counter

API_VERSIONS, METADATA = 18, 3
#: What an answer announces: the most that Kafka's protocol can say.
ANNOUNCED = 2**31 - 1
#: An address for documentation (RFC 5737), which nobody has.
ELSEWHERE = "192.0.2.1"
_POURED = 4096  # MiB, if anybody takes them


class _Listening(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class Hostile:
    """Listens on a free port of this machine, and answers in its own way.

    Attributes:
        seen: What came, counted.
        poured: The most bytes of a flood that one client took.
    """

    def __init__(self):
        self.seen = Counter()
        self.poured = 0
        partner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError, EOFError):
                    partner.serve(self)

        self._server = _Listening(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def serve(self, client):
        """Talk to one client."""
        raise NotImplementedError

    def pour(self, client):
        """Send zeros as long as they are taken."""
        for number in range(_POURED):
            client.wfile.write(bytes(1 << 20))
            self.poured = max(self.poured, (number + 1) << 20)


class HostileKafka(Hostile):
    """A broker that sends its clients elsewhere, or announces an answer of 2 GiB.

    Attributes:
        floods: Whether it announces; else it sends elsewhere.
    """

    floods = False

    def serve(self, client):
        """Answer the first questions of a Kafka client."""
        while True:
            (size,) = struct.unpack(">i", _exactly(client, 4))
            asked = _exactly(client, size)
            key, _, correlation = struct.unpack(">hhi", asked[:8])
            self.seen[key] += 1
            if self.floods and key == METADATA:
                client.wfile.write(struct.pack(">ii", ANNOUNCED, correlation))
                self.seen["floods"] += 1
                return self.pour(client)
            body = self._answer(key)
            client.wfile.write(struct.pack(">ii", 4 + len(body), correlation) + body)

    def _answer(self, key):
        if key == API_VERSIONS:
            known = [(API_VERSIONS, 0, 0), (METADATA, 0, 1), (0, 0, 3), (1, 0, 4)]
            return struct.pack(">hi", 0, len(known)) + b"".join(
                struct.pack(">hhh", *each) for each in known
            )
        host = ELSEWHERE.encode()
        broker = struct.pack(">ih", 7, len(host)) + host + struct.pack(">ih", 9092, -1)
        return struct.pack(">i", 1) + broker + struct.pack(">ii", 7, 0)


class HostileWebhook(Hostile):
    """Takes a post and answers without end."""

    SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()

    def serve(self, client):
        """Read the head and a body of known length; then pour."""
        length = 0
        while (line := client.rfile.readline(1 << 16)).strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        _exactly(client, length)
        self.seen["posts"] += 1
        client.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % ANNOUNCED
        )
        self.pour(client)


def _exactly(client, size):
    found = client.rfile.read(size)
    if len(found) < size:
        raise EOFError
    return found
