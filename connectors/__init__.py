"""One file a protocol: how a release reaches its recipient.

`CONNECTORS` is the whole registry: one line a protocol, no imports with side effects.
docs/connectors.md says how to add one.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from broker.connector import Connector, ConnectorSettings
from broker.errors import SettingsInvalid
from connectors.filedrop import FileDrop, FileDropSettings
from connectors.kafka import KafkaSettings, KafkaTopic
from connectors.webhook import Webhook, WebhookSettings

#: Protocol to its settings and its class.
CONNECTORS: dict[str, tuple[type[ConnectorSettings], Any]] = {
    "filedrop": (FileDropSettings, FileDrop),
    "webhook": (WebhookSettings, Webhook),
    "kafka": (KafkaSettings, KafkaTopic),
}

_WORDS = {"extra_forbidden": "no such setting", "missing": "is missing"}


def make_connector(protocol: str, settings: dict[str, Any], feed: str) -> Connector:
    """Return the connector of *feed*.

    Raises:
        SettingsInvalid: No such protocol, or settings that it does not take;
            the text names the feed.
    """
    if protocol not in CONNECTORS:
        raise SettingsInvalid(f"{feed}: no connector is called {protocol}")
    model, connector = CONNECTORS[protocol]
    try:
        made: Connector = connector(model.model_validate(settings), feed)
    except ValidationError as error:
        raise SettingsInvalid("; ".join(_faults(error, feed))) from None
    except SettingsInvalid as error:
        raise SettingsInvalid(f"{feed}: {error}") from None
    return made


def _faults(error: ValidationError, feed: str) -> Iterator[str]:
    """Yield feed, setting and what is wrong with it; never its value."""
    for fault in error.errors(include_input=False, include_url=False):
        # Our own validators raise ValueError(CODE); of pydantic's faults the type says enough.
        said = fault.get("ctx", {}).get("error")
        what = str(said) if said else _WORDS.get(fault["type"], fault["type"])
        yield f"{feed}: {'.'.join(map(str, fault['loc']))}: {what}"
