"""The role that opens the doors: HTTP in front, Kafka behind."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from broker.errors import SettingsInvalid
from broker.gateway.app import make_app
from broker.gateway.body_limit import BodyLimit
from broker.gateway.doors import Doors
from broker.gateway.half_open import HalfOpen
from broker.gateway.headers import SecurityHeaders
from broker.gateway.hosts import Hosts, hosts_of
from broker.gateway.identity.protocol import PeerProtocol
from broker.gateway.measured import Measured
from broker.gateway.under_way import UnderWay
from broker.pipeline.restarts import Restarts
from broker.pipeline.supervise import supervise

log = structlog.get_logger()

_FORGOTTEN_EVERY_SECONDS = 3600.0
#: Requests under way may end within this, seconds, when the gateway is stopped.
_GRACE_SECONDS = 5
#: A TLS handshake may take so long, seconds.
_HANDSHAKE_SECONDS = 10.0


class Gateway:
    """The role that serves HTTP.

    It serves before Kafka answers: what needs Kafka says so until then.

    Args:
        doors: The parts behind the doors.
        options: For uvicorn: TLS, protocol.
    """

    def __init__(self, doors: Doors, options: dict[str, Any] | None = None) -> None:
        self.doors = doors
        self._options = options or {}
        self._stopping = doors.stopping
        self._listening = asyncio.Event()
        self._address: tuple[str, int] | None = None

    def stop(self) -> None:
        """Ask `run` to end; streams end, requests under way may finish."""
        self._stopping.set()

    async def address(self) -> tuple[str, int]:
        """Return host and port, once it listens."""
        await self._listening.wait()
        assert self._address is not None
        return self._address

    async def run(self) -> None:
        """Serve until stopped.

        Raises:
            SettingsInvalid: The address cannot be listened on.
        """
        listener = _listener(self.doors.settings.gateway_host, self.doors.settings.gateway_port)
        self._address = listener.getsockname()[:2]
        server = _Server(self._config())
        async with self._following():
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            self._listening.set()
            log.info("gateway.listening", host=self._address[0], port=self._address[1])
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            stopping.cancel()
            await serving

    def _config(self) -> uvicorn.Config:
        half_open = HalfOpen()
        settings: dict[str, Any] = {
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "timeout_graceful_shutdown": _GRACE_SECONDS,
            "lifespan": "off",
            **self._options,
            "http": type("GatewayProtocol", (PeerProtocol,), {"half_open": half_open}),
        }
        return uvicorn.Config(self._app(), **settings)

    def _app(self) -> ASGIApp:
        """Return the application within what every request passes, from the outside inwards."""
        settings = self.doors.settings
        app: ASGIApp = BodyLimit(make_app(self.doors), settings.gateway_body_bytes)
        app = Hosts(UnderWay(app), hosts_of(settings))
        return Measured(SecurityHeaders(app))

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        doors = self.doors
        loops = {
            "ledger": doors.holdings.follow,
            "feeds": doors.projection.follow,
            "spool": doors.desk.draining.run,
            "notes": doors.standings.keep_notes,
            "keys": self._forget_keys,
        }
        if doors.preconditions is not None:
            loops["clock"] = doors.preconditions.follow
        tasks = [
            asyncio.create_task(_again(follow, what, self._stopping))
            for what, follow in loops.items()
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await doors.desk.stop()
            await doors.audit.stop()
            await asyncio.to_thread(doors.close)

    async def _forget_keys(self) -> None:
        """Forget idempotency keys that are over, by a clock that agrees with the cluster's."""
        doors = self.doors
        while True:
            if doors.not_now() is None:
                await doors.repeats.forget(doors.clock())
            await asyncio.sleep(_FORGOTTEN_EVERY_SECONDS)


async def _again(follow: Callable[[], Awaitable[None]], what: str, stopping: asyncio.Event) -> None:
    """Follow until cancelled, and anew whatever ends it: what was taken is kept."""
    await supervise(follow, stopping, Restarts("gateway", stopping, part=what))


class _Server(uvicorn.Server):
    """Uvicorn, with the process's signals left to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on *sockets*, as uvicorn would, with a bound on the time of a TLS handshake."""
        await self.lifespan.startup()
        config, loop = self.config, asyncio.get_running_loop()

        def made() -> asyncio.Protocol:
            protocol = config.http_protocol_class
            return protocol(config=config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]

        patience = _HANDSHAKE_SECONDS if config.ssl else None
        self.servers = [
            await loop.create_server(
                made, sock=each, ssl=config.ssl, backlog=config.backlog,
                ssl_handshake_timeout=patience,
            )
            for each in sockets or ()
        ]  # fmt: skip
        self.started = True


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio would not set TCP_NODELAY on what it accepts.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        code = errno.errorcode.get(error.errno or 0, "FAULT")
        raise SettingsInvalid(
            f"the gateway cannot listen on {host}:{port} ({code}): set LALI_GATEWAY_HOST, "
            "LALI_GATEWAY_PORT"
        ) from None
    listener.listen(1024)
    listener.setblocking(False)
    return listener
