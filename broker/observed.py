"""What an operator's tools see of a process: metrics on a port, traces, where they are on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from broker.app import Parts, Role
from broker.endings import EndingsWatch
from broker.metrics.exporter import exporting
from broker.metrics.registry import note_bundle
from broker.pipeline.vault_ledger import VaultWatch
from broker.pipeline.watch import Watch, watch
from broker.tracing import start_tracing, stop_tracing


@contextmanager
def observed(parts: Parts, roles: Sequence[str]) -> Iterator[list[Role]]:
    """Let a process that runs *roles* be seen; give what watches them, to be run beside them.

    Raises:
        SettingsInvalid: The port for metrics cannot be used.
        DependencyMissing: Traces are wanted, and OpenTelemetry is not installed.
    """
    settings = parts.settings
    note_bundle(parts.bundle.digest)
    start_tracing(settings.tracing_endpoint, f"lali-{'-'.join(roles)}")
    try:
        with exporting(settings.metrics_host, settings.metrics_port):
            watches = [_watch(parts, role) for role in roles]
            yield [*watches, EndingsWatch(settings), *_vault_watch(parts, roles)]
    finally:
        stop_tracing()


def _watch(parts: Parts, role: str) -> Watch:
    community = parts.community
    delivered = [feed.id for feed in community.listed.values() if feed.connector is not None]
    connection = parts.connection(role)
    return watch(role, connection, parts.topics, community.publishers(), delivered)


def _vault_watch(parts: Parts, roles: Sequence[str]) -> list[Role]:
    """Return what compares vault and ledger at the start, for a role that needs both."""
    reader = next((role for role in roles if role in ("route", "deliver", "gateway")), None)
    if reader is None or parts.protection is None:
        return []
    return [VaultWatch(parts.connection(reader), parts.topics, parts.protection.folder.path)]
