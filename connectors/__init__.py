"""One file a protocol: how a release reaches its recipient.

`CONNECTORS` is the whole registry: one line a protocol, no imports with side effects.
connectors/README.md says how to add one.
"""

from typing import Any

from broker.connector import Connector, ConnectorSettings
from broker.errors import Rejected, SettingsInvalid
from broker.wire.refusal import validated
from connectors.filedrop import FileDrop, FileDropSettings
from connectors.kafka import KafkaSettings, KafkaTopic
from connectors.webhook import Webhook, WebhookSettings

#: Protocol to its settings and its class.
CONNECTORS: dict[str, tuple[type[ConnectorSettings], Any]] = {
    "filedrop": (FileDropSettings, FileDrop),
    "webhook": (WebhookSettings, Webhook),
    "kafka": (KafkaSettings, KafkaTopic),
}


def make_connector(protocol: str, settings: dict[str, Any], feed: str) -> Connector:
    """Return the connector of *feed*.

    Raises:
        SettingsInvalid: No such protocol, or settings that it does not take.
    """
    if protocol not in CONNECTORS:
        raise SettingsInvalid(f"{feed}: no connector is called {protocol}")
    model, connector = CONNECTORS[protocol]
    try:
        made: Connector = connector(validated(model, settings, feed), feed)
    except Rejected as rejected:
        raise SettingsInvalid(str(rejected)) from None
    return made
