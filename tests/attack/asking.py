"""A client over sockets that may send whatever bytes it likes."""

import itertools
import json
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import quote

HOST = "127.0.0.1"
#: Longest wait for anything that should come at once, seconds.
PATIENCE = 30


@dataclass(frozen=True)
class Answer:
    """An answer, as bytes and read.

    Attributes:
        status: 0 where the connection was ended without one.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    def json(self):
        """Return the body as JSON."""
        return json.loads(self.body)

    @property
    def code(self):
        """The code of a problem; empty where there is none."""
        try:
            return self.json().get("code", "")
        except (ValueError, AttributeError):
            return ""


class Target:
    """A gateway that clients come to: its port, and TLS to verify it by where it has any.

    Attributes:
        port: On this machine.
        context: Makes the client's context; None where the target speaks no TLS.
    """

    #: Each attack of strangers comes from an address of its own, so that none spends the rate
    #: of another: the whole of 127.0.0.0/8 is this machine.
    _addresses = itertools.count(2)

    port = 0
    ca_file = None

    def stranger(self):
        """Return an address of this machine that nobody came from before."""
        number = next(self._addresses)
        return f"127.7.{number >> 8}.{number & 255}"

    def client_context(self, pair=None):
        """Return TLS that believes the target alone, and shows *pair*."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    def plain(self, source=None):
        """Return a connection without any TLS on it."""
        address = (source or self.stranger(), 0)
        return socket.create_connection((HOST, self.port), PATIENCE, address)

    def connect(self, source=None, pair=None):
        """Return a connection as a client has it."""
        made = self.plain(source)
        if self.ca_file is None:
            return made
        return self.client_context(pair).wrap_socket(made, server_hostname=HOST)

    def raw(self, *sent, source=None, pair=None):
        """Send bytes; return the first answer, read until the other side ends."""
        with self.connect(source, pair) as connection:
            try:
                for part in sent:
                    connection.sendall(part)
            except OSError:
                pass  # it may answer before it has read all
            return read_answer(connection)

    def ask(self, method, path, *, headers=None, body=None, source=None, pair=None):
        """Make a proper request; return the answer."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        lines = {"Host": f"{HOST}:{self.port}", "Connection": "close", **(headers or {})}
        if body is not None:
            lines = {"Content-Type": "application/json", "Content-Length": len(body), **lines}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        message = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")
        return self.raw(message, source=source, pair=pair)


def read_answer(connection):
    """Return what comes until the end of *connection*, read as one answer."""
    raw = b""
    try:
        while part := connection.recv(1 << 16):
            raw += part
    except OSError:
        pass  # what came, came
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1."):
        return Answer(0, {}, b"", raw)
    named = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in named}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = _unchunked(body)
    return Answer(int(first.split(" ")[1]), headers, body, raw)


def _unchunked(body):
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


def form(fields):
    """Return *fields* as a browser sends them."""
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in fields.items()).encode()
