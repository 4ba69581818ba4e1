"""The contract of a connector: how a release reaches a recipient that does not read Kafka.

A connector is one small file: settings, `deliver`, and errors that say what to do.

=======================  ==========================================================
raises                   the deliver role then
=======================  ==========================================================
`RecipientUnavailable`   waits (back-off, circuit breaker), asks policy again, tries again
`RecipientRefused`       tries again until others pass or fail beside it: then it parks the
                         release, and later revisions of its alert, or waits for the link
`NotPermitted`           asks policy again at once: what may be handed over has changed
anything else            tells an operator, waits and tries again, for as long as it takes:
                         nothing is parked for what nobody foresaw
=======================  ==========================================================

A recall is never parked: it is owed until it is taken, or an officer gives it up.

A connector awaits `permitted` just before content leaves it: connecting may have taken long,
and the process may have been paused meanwhile.

Deliveries may repeat after a crash. The idempotency key is the same each time; a connector
hands it to the recipient, or makes the repetition harmless itself.
"""

import os
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, SecretStr

from broker.model.base import Model
from broker.model.release import Receipt, Release

#: Names of variables only: who writes the secret itself here must not see it in an error.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class ConnectorSettings(Model):
    """Base of every connector's settings."""


class NotPermitted(Exception):
    """What may be handed over changed after it was asked for."""


Permit = Callable[[], Awaitable[None]]

_permit: ContextVar[Permit | None] = ContextVar("permit", default=None)


async def permitted() -> None:
    """Make sure that the release under way may still be handed over, as it is.

    Raises:
        NotPermitted: It may not, or it can no longer be told.
    """
    permit = _permit.get()
    if permit is not None:
        await permit()


@contextmanager
def permit_of(permit: Permit) -> Iterator[None]:
    """Let *permit* answer whoever awaits `permitted` inside."""
    token = _permit.set(permit)
    try:
        yield
    finally:
        _permit.reset(token)


class Connector(Protocol):
    """Hands releases of one feed over."""

    async def open(self) -> None:
        """Get ready; called once, before the first delivery."""

    async def deliver(self, release: Release) -> Receipt:
        """Hand *release* over, and return the proof that it was taken.

        Raises:
            RecipientUnavailable: Not now.
            RecipientRefused: Never.
        """

    async def close(self) -> None:
        """Let go of what `open` took."""


def _from_environment(value: Any) -> Any:
    name = value.get("env") if isinstance(value, dict) and set(value) == {"env"} else None
    if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
        raise ValueError("a secret is written {env = NAME}")
    found = os.environ.get(name)
    if not found:
        raise ValueError(f"the environment has no {name}")
    return found


#: A secret setting: ``{env = "NAME"}`` in the file, never the secret itself.
Secret = Annotated[SecretStr, BeforeValidator(_from_environment)]
