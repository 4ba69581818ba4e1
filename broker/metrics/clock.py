"""How far this machine's clock is from the brokers'."""

from collections.abc import Mapping

from prometheus_client import Gauge

from broker.metrics.registry import REGISTRY

_AHEAD = Gauge(
    "lali_clock_ahead_seconds",
    "How far this machine's clock is ahead of the broker's, for certain; 0 if they may agree.",
    ["broker"], registry=REGISTRY,
)  # fmt: skip


def show_clock(ahead_seconds: Mapping[str, float]) -> None:
    """Show the differences to each broker, as they were last read."""
    _AHEAD.clear()
    for broker, seconds in ahead_seconds.items():
        _AHEAD.labels(broker).set(seconds)
