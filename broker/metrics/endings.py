"""When keys, certificates and API keys end."""

from collections.abc import Mapping

from prometheus_client import Gauge

from broker.metrics.registry import REGISTRY

_ENDS = Gauge(
    "lali_credential_ends_timestamp_seconds",
    "When the last key of an owner, a certificate or an API key ends, seconds since 1970.",
    ["kind", "name"], registry=REGISTRY,
)  # fmt: skip


def show_endings(ends: Mapping[tuple[str, str], float]) -> None:
    """Show when each ends, by kind and name."""
    _ENDS.clear()
    for (kind, name), moment in ends.items():
        _ENDS.labels(kind, name).set(moment)
