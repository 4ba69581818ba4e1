"""The one registry of a process, and what it says of the process itself."""

import platform
import re
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.gc_collector import GCCollector

# Each would double the number of series.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

#: Stands for every code beyond the limit, and for what is no code.
OTHER = "OTHER"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")
_CODES_AT_MOST = 100

_BUILD = Gauge(
    "lali_build_info", "Always 1; the labels say what runs.", ["version", "python"],
    registry=REGISTRY,
)  # fmt: skip
_BUILD.labels(version("lali"), platform.python_version()).set(1)
_BUNDLE = Gauge(
    "lali_bundle_info", "Always 1; the label begins the digest of the bundle that decides.",
    ["digest"], registry=REGISTRY,
)  # fmt: skip
ROLE_UP = Gauge(
    "lali_role_up", "1 while the role runs in this process.", ["role"], registry=REGISTRY
)
_ERRORS = Counter(
    "lali_errors", "Faults that made a role start anew, by code.", ["role", "code"],
    registry=REGISTRY,
)  # fmt: skip


class Codes:
    """Keeps a label of codes bounded, whoever chooses them: a partner may send any status."""

    def __init__(self, at_most: int = _CODES_AT_MOST) -> None:
        self._at_most = at_most
        self._known: set[str] = set()

    def bounded(self, code: str) -> str:
        """Return *code*, or OTHER for what is no code, or one too many."""
        if code in self._known:
            return code
        if len(self._known) >= self._at_most or not _CODE.fullmatch(code):
            return OTHER
        self._known.add(code)
        return code


_error_codes = Codes()


def count_error(role: str, code: str) -> None:
    """Count a fault of *role*; of a text that explains its code, the code alone."""
    _ERRORS.labels(role, _error_codes.bounded(code.partition(":")[0])).inc()


def note_bundle(digest: bytes) -> None:
    """Say which bundle decides in this process."""
    _BUNDLE.clear()
    _BUNDLE.labels(digest.hex()[:12]).set(1)


def scrape() -> bytes:
    """Return everything that is counted now, in Prometheus' text form."""
    return generate_latest(REGISTRY)
