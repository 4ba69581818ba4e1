"""Compare the settings of topics that exist with those that they should have, and set them.

`lali topics apply` leaves existing topics as they are, so one that was made before, or by
hand, may differ: where records carry their writer's time, a clock that is wrong lets Kafka
delete an alert within a minute, or refuse it.
"""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kafka.admin import ConfigResource, ConfigResourceType

from broker.errors import KafkaRefused
from broker.wire.connection import Connection
from broker.wire.topics import TopicSpec
from broker.wire.wide_client import WideClient, errors_named, wide_client

_SETTLE_SECONDS = 30.0


class Difference(NamedTuple):
    """One setting of one topic that is not as it should be."""

    topic: str
    setting: str
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, should be {self.wanted}"


def differences(connection: Connection, specs: Iterable[TopicSpec]) -> list[Difference]:
    """Return how the settings of the topics in *specs* differ; all of them exist.

    Raises:
        KafkaRefused: The settings may not be read.
        KafkaUnavailable: The cluster does not answer.
    """
    with wide_client(connection) as client:
        return _differences(client, list(specs))


def mend(connection: Connection, specs: Iterable[TopicSpec]) -> list[Difference]:
    """Set what differs, and nothing else; return what was set.

    Raises:
        KafkaRefused: The settings may not be read, or not be changed.
        KafkaUnavailable: The cluster does not answer.
    """
    with wide_client(connection) as client:
        found = _differences(client, list(specs))
        wanted: dict[str, dict[str, str]] = {}
        for each in found:
            wanted.setdefault(each.topic, {})[each.setting] = each.wanted
        resources = [ConfigResource(ConfigResourceType.TOPIC, *each) for each in wanted.items()]
        if resources:
            with errors_named():
                client.admin.alter_configs(resources)
        _await_mended(client, [spec for spec in specs if spec.name in wanted])
        return found


def _await_mended(client: WideClient, specs: Sequence[TopicSpec]) -> None:
    # Each broker learns of a change by itself, a moment later.
    deadline = time.monotonic() + _SETTLE_SECONDS
    while _differences(client, specs):
        if time.monotonic() > deadline:
            raise KafkaRefused("NOT_AUTHORISED: settings of topics were not changed")
        time.sleep(0.1)


def _differences(client: WideClient, specs: Sequence[TopicSpec]) -> list[Difference]:
    if not specs:
        return []
    resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in specs]
    with errors_named():
        told = client.admin.describe_configs(resources, config_filter="all")
    present = {name: found for named in told.values() for name, found in named.items()}
    return [
        Difference(spec.name, setting, _value(present, spec.name, setting), wanted)
        for spec in sorted(specs, key=lambda spec: spec.name)
        for setting, wanted in sorted(spec.config.items())
        if _value(present, spec.name, setting) != wanted
    ]


def _value(present: dict[str, dict[str, dict[str, object]]], topic: str, setting: str) -> str:
    try:
        return str(present[topic][setting]["value"])
    except (KeyError, TypeError):
        raise KafkaRefused(
            f"NOT_AUTHORISED: the settings of {topic} cannot be read: `lali secure apply`"
        ) from None
