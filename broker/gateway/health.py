"""GET /healthz and /readyz: for whoever starts, stops and balances gateways.

Neither asks who comes, so neither tells anything of units, feeds or alerts: only codes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Generic, TypeVar

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import JSONResponse, Response

from broker.errors import KafkaUnavailable, Rejected, SettingsInvalid, StorageUnavailable
from broker.gateway.doors import Doors
from broker.metrics.standstill import standing_codes
from broker.metrics.web import show_behind
from broker.model.base import Model
from broker.protect.algorithms import Algorithm
from broker.protect.register import HUB, Holder
from broker.wire.welcome import require_welcome

T = TypeVar("T")

#: What may be wanting, and its code.
KAFKA_UNAVAILABLE = "KAFKA_UNAVAILABLE"
LEDGER_BEHIND = "LEDGER_BEHIND"
SHELF_BEHIND = "SHELF_BEHIND"
KEYS_MISSING = "KEYS_MISSING"
HUB_KEY_ENDED = "HUB_KEY_ENDED"
#: Or a code of `broker.gateway.storage`: what the gateway keeps cannot be written.
STOPPING = "STOPPING"

#: Kafka is asked again after so many seconds, however often others ask us.
_KAFKA_KEPT_SECONDS = 2.0
_KAFKA_ANSWERS_SECONDS = 3.0
_STORAGE_ANSWERS_SECONDS = 2.0
#: A shelf whose end was last seen longer ago shows its readers too little.
_FEEDS_BEHIND_SECONDS = 30.0


class Health(Model):
    """Whether this gateway may be sent requests."""

    status: str = Field(description="alive, ready or unready")
    wanting: tuple[str, ...] = Field((), description="Codes of what it still lacks.")
    standing: tuple[str, ...] = Field(
        (), description="Codes of roles in this process that stand still though something waits."
    )


def router(doors: Doors) -> APIRouter:
    """Return the routes by which a gateway tells how it is."""
    routes = APIRouter(tags=["Health"])
    kafka, storage = _Kept(lambda: _kafka_answers(doors)), _Kept(lambda: _storage_faults(doors))
    show_behind("ledger", lambda: doors.clock() / 1000 - doors.holdings.seen_ms / 1000)
    show_behind("feeds", lambda: _feeds_behind(doors))

    @routes.get("/healthz", response_model=Health)
    async def healthz() -> Response:
        """Say that the process is alive and serves."""
        return _said(Health(status="alive"), 200)

    @routes.get("/readyz", response_model=Health, responses={503: {"model": Health}})
    async def readyz() -> Response:
        """Say whether it can serve: Kafka answers, all is read, can be kept, keys are there."""
        wanting = tuple([code async for code in _wanting(doors, kafka, storage)])
        ended = tuple(_has_ended(doors))
        if wanting:
            return _said(_health("unready", wanting, ended), 503)
        return _said(_health("ready", standing=ended), 200)

    return routes


def _health(status: str, wanting: tuple[str, ...] = (), standing: tuple[str, ...] = ()) -> Health:
    # What stands still is for an operator to see: requests can be taken all the same.
    return Health(status=status, wanting=wanting, standing=(*standing, *standing_codes()))


async def _wanting(
    doors: Doors, kafka: "_Kept[bool]", storage: "_Kept[list[str]]"
) -> AsyncIterator[str]:
    if doors.stopping.is_set():
        yield STOPPING
    if not await kafka.answer():
        yield KAFKA_UNAVAILABLE
    if not doors.holdings.is_ready or doors.servings.is_blind:
        yield LEDGER_BEHIND
    if not doors.projection.is_ready or _feeds_behind(doors) > _FEEDS_BEHIND_SECONDS:
        yield SHELF_BEHIND
    if (fault := doors.not_now()) is not None:
        yield fault.code
    if not _keys_are_there(doors):
        yield KEYS_MISSING
    for code in await storage.answer():
        yield code


def _feeds_behind(doors: Doors) -> float:
    """Return how many seconds ago the end of the feed that is furthest behind was seen."""
    now = doors.clock() / 1000
    feeds = [feed for feed in doors.community.listed if not doors.lacks(feed)]
    return now - min((doors.shelf.horizon(feed) / 1e6 for feed in feeds), default=now)


async def _kafka_answers(doors: Doors) -> bool:
    try:
        async with asyncio.timeout(_KAFKA_ANSWERS_SECONDS):
            await require_welcome(doors.connection)
    except (KafkaUnavailable, TimeoutError):
        return False
    return True


def _keys_are_there(doors: Doors) -> bool:
    if doors.protection is None:
        return True  # it is off
    try:
        doors.protection.folder.register()
    except (OSError, SettingsInvalid):
        return False
    return True


def _has_ended(doors: Doors) -> Iterator[str]:
    """Yield a code where the hub's key has ended: nobody can publish, and all else goes on."""
    if doors.protection is None or not _keys_are_there(doors):
        return
    at = datetime.fromtimestamp(doors.clock() / 1000, UTC)
    try:
        doors.protection.folder.register().current(Holder.HUB, HUB, Algorithm.HPKE_X25519, at)
    except Rejected:
        yield HUB_KEY_ENDED


async def _storage_faults(doors: Doors) -> list[str]:
    """Return codes of what cannot be written: each file is tried, and a lock not waited for."""
    probes = (doors.database.off_loop(doors.database.probe), doors.spool.store.probe(),
              doors.repeats.store.probe())  # fmt: skip
    return sorted({code for code in await asyncio.gather(*map(_fault, probes)) if code})


async def _fault(probe: Awaitable[None]) -> str | None:
    try:
        await asyncio.wait_for(probe, _STORAGE_ANSWERS_SECONDS)
    except StorageUnavailable as fault:
        return fault.code
    except TimeoutError:
        return "STORAGE_LOCKED"
    return None


class _Kept(Generic[T]):
    """An answer that is kept for a moment: who asks often does not ask Kafka often."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._until = 0.0
        self._answer: T | None = None
        self._asking = asyncio.Lock()

    async def answer(self) -> T:
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if self._answer is None or now >= self._until:
                self._answer = await self._ask()
                self._until = asyncio.get_running_loop().time() + _KAFKA_KEPT_SECONDS
            return self._answer


def _said(health: Health, status: int) -> Response:
    return JSONResponse(health.model_dump(exclude_defaults=True), status)
