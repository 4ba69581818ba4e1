"""The port that Prometheus scrapes, apart from the doors: it is for operators alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from broker.errors import SettingsInvalid
from broker.metrics.registry import REGISTRY


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
        server, thread = start_http_server(port, host, registry=REGISTRY)
    except OSError as error:
        raise SettingsInvalid(f"metrics_port: {port} cannot be used ({error.strerror})") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
