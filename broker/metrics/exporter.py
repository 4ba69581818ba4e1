"""The port that Prometheus scrapes, apart from the doors: it is for operators alone.

It answers `/readyz` as well: 503 while a role of this process stands still somewhere though
something waits for it.
"""

import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from broker.errors import SettingsInvalid
from broker.metrics.registry import REGISTRY
from broker.metrics.standstill import standing_codes

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


@contextmanager
def exporting(host: str, port: int | None) -> Iterator[None]:
    """Answer scrapes on *port*, in a thread of its own; on none if it is None.

    Raises:
        SettingsInvalid: The port is taken, or the address is not this machine's.
    """
    if port is None:
        yield
        return
    try:
        server = make_server(host, port, _answer, _server_class(host), handler_class=_Quiet)
    except OSError as error:
        raise SettingsInvalid(f"metrics_port: {port} cannot be used ({error.strerror})") from None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_metrics = make_wsgi_app(REGISTRY)


def _answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    if environ.get("PATH_INFO") != "/readyz":
        scraped: Iterable[bytes] = _metrics(environ, start)
        return scraped
    standing = standing_codes()
    start(
        "503 Service Unavailable" if standing else "200 OK", [("Content-Type", "application/json")]
    )
    status = "unready" if standing else "ready"
    return [json.dumps({"status": status, "standing": standing}).encode()]


class _Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
        """Say nothing."""


def _server_class(host: str) -> type[ThreadingWSGIServer]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return type("Server", (ThreadingWSGIServer,), {"address_family": family})
