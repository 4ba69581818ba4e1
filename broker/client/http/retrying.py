"""When a request is made again: only when that may help, not for ever, never all at once."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TypeVar

import stamina

from broker.errors import GatewayRefused, GatewayUnavailable

T = TypeVar("T")

#: Statuses that may be others soon (RFC 9110, RFC 8470, RFC 6585).
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

#: Most seconds between two attempts, where the gateway does not ask for more.
_LONGEST_WAIT = 20.0
_FIRST_WAIT = 0.2
_JITTER = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try.

    Attributes:
        seconds: After so long no other attempt is planned; one that is may still be made.
        attempts: Most attempts.
    """

    seconds: float = 60.0
    attempts: int = 10

    async def of(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what *ask* gives, asked again while it raises `GatewayUnavailable`.

        A gateway that says when to come back is believed; if that is beyond our patience the
        error is raised at once.

        Raises:
            GatewayUnavailable: It still was not there.
        """
        if self.attempts == 1:
            return await ask()
        attempts = stamina.retry_context(
            partial(_wait, time.monotonic() + self.seconds),
            attempts=self.attempts,
            timeout=self.seconds,
            wait_initial=_FIRST_WAIT,
            wait_max=_LONGEST_WAIT,
            wait_jitter=_JITTER,
        )
        async for attempt in attempts:
            with attempt:
                return await ask()
        raise AssertionError("unreachable: the last attempt returns or raises")


def _wait(until: float, error: Exception) -> bool | float:
    """Return whether to ask again after *error*, or after how many seconds."""
    if isinstance(error, GatewayRefused) or not isinstance(error, GatewayUnavailable):
        return False
    asked = error.retry_after_seconds
    if asked is None:
        return True
    if time.monotonic() + asked > until:
        return False
    # Whoever was told the same number does not come at the same moment.
    return asked + random.random() * _JITTER  # noqa: S311


def retry_after(text: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3)."""
    if text is None:
        return None
    if text.isascii() and text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())
