"""The contract of a connector: how a release reaches a recipient that does not read Kafka.

A connector is one small file: settings, `deliver`, and errors that say what to do.

=======================  ==========================================================
raises                   the deliver role then
=======================  ==========================================================
`RecipientUnavailable`   waits (back-off, circuit breaker), asks policy again, tries again
`RecipientRefused`       parks the release and every later revision of its alert
anything else            as `RecipientUnavailable`, code UNEXPECTED
=======================  ==========================================================

Deliveries may repeat after a crash. The idempotency key is the same each time; a connector
hands it to the recipient, or makes the repetition harmless itself.
"""

import os
import re
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, SecretStr

from broker.model.base import Model
from broker.model.release import Receipt, Release

#: Names of variables only: who writes the secret itself here must not see it in an error.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class ConnectorSettings(Model):
    """Base of every connector's settings."""


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
