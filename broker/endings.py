"""What ends: keys, certificates, API keys; announced from 30 days before, and once over.

The log says it once a day for each kind, with how many and the first of them: a region has
hundreds of keys that were made on one day. `lali keys list` and the metric have each.

Of an owner's keys for one purpose only the last one counts here: the day on which nothing
follows. The approval of a bundle has no date: it ends with the next one.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import structlog
from cryptography import x509

from broker.errors import SettingsInvalid
from broker.hourly import Hourly
from broker.metrics.endings import show_endings
from broker.protect.algorithms import Algorithm
from broker.protect.key_folder import KeyFolder
from broker.protect.register import Key
from broker.settings import Settings

log = structlog.get_logger()

#: Days before the end at which it is announced.
SOON_DAYS = (30, 7, 1)
_AGAIN = timedelta(days=1)


class Ending(NamedTuple):
    """One thing that ends.

    Attributes:
        kind: signing key, sealing key, certificate or API key.
        name: Whose it is, or the file's name; never a secret.
    """

    kind: str
    name: str
    ends_at: datetime

    def days_left(self, at: datetime) -> int:
        """Return whole days from *at* to the end; below 0: it is over."""
        return (self.ends_at - at).days

    def stage(self, at: datetime) -> int | None:
        """Return which announcement is due: the least of 30, 7, 1 and 0 (over) reached, or None."""
        days = self.days_left(at)
        if days < 0:
            return 0
        return min((each for each in SOON_DAYS if days < each), default=None)


def endings(settings: Settings) -> list[Ending]:
    """Return everything of this deployment that ends, the next one first.

    Raises:
        SettingsInvalid: The key register, or the file of API keys, cannot be read.
    """
    found = [*_keys(settings), *_certificates(settings), *_api_keys(settings)]
    return sorted(found, key=lambda each: (each.ends_at, each.kind, each.name))


class EndingsWatch(Hourly):
    """Announces what ends, by metric and log, while a process runs.

    Args:
        settings: Of the process.
        now: Says what time it is.
    """

    def __init__(
        self, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__()
        self._settings = settings
        self._now = now
        self._said: dict[tuple[str, str], datetime] = {}

    def look(self) -> None:
        """Show when everything ends; say of each kind what was not said today."""
        try:
            found = endings(self._settings)
        except (SettingsInvalid, OSError) as fault:
            log.warning("endings.unknown", code=type(fault).__name__)
            return
        show_endings({(e.kind, e.name): e.ends_at.timestamp() for e in found})
        at = self._now()
        due: dict[tuple[str, str], list[Ending]] = {}
        for each in found:
            if (stage := each.stage(at)) is not None:
                event = "credential.ends" if stage else "credential.ended"
                due.setdefault((event, each.kind), []).append(each)
        for (event, kind), ends in due.items():
            self._say(event, kind, ends, at)

    def _say(self, event: str, kind: str, ends: list[Ending], at: datetime) -> None:
        """Say how many of a *kind* end or have ended, and the first of them."""
        said = self._said.get((event, kind))
        if said is not None and at - said < _AGAIN:
            return
        self._said[event, kind] = at
        first = ends[0]
        days = first.days_left(at)
        say = log.warning if days >= SOON_DAYS[1] else log.error
        on = f"{first.ends_at:%Y-%m-%d}"
        say(event, kind=kind, count=len(ends), of=first.name, on=on, days=days)


def _keys(settings: Settings) -> Iterator[Ending]:
    folder = KeyFolder(settings.key_folder())
    if settings.protection == "off" or not folder.exists:
        return
    last: dict[tuple[str, str], Key] = {}
    for key in folder.register().keys:
        if key.revoked_at is not None:
            continue
        signs = key.algorithm is Algorithm.ECDSA_P256_SHA256
        name = f"{key.holder.value.lower()} {key.owner}"
        slot = ("signing key" if signs else "sealing key", name)
        if slot not in last or last[slot].not_after < key.not_after:
            last[slot] = key
    for (kind, name), key in last.items():
        yield Ending(kind, name, key.not_after)


def _certificates(settings: Settings) -> Iterator[Ending]:
    with suppress(SettingsInvalid):  # no Kafka runs: its certificates cannot be known
        settings = settings.in_effect()
    named = [
        settings.gateway_certificate,
        settings.gateway_client_ca,
        settings.ca_file,
        settings.certificate_file,
    ]
    files = [each for each in named if each is not None]
    if settings.credentials is not None and settings.credentials.is_dir():
        files += sorted(settings.credentials.glob("*.pem"))
    for file in dict.fromkeys(files):
        if (ends_at := _end_of(file)) is not None:
            yield Ending("certificate", file.name, ends_at)


def _end_of(file: Path) -> datetime | None:
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return None  # whoever uses it says what is wrong with it
    return min(each.not_valid_after_utc for each in found)


def _api_keys(settings: Settings) -> Iterator[Ending]:
    # Late: what serves HTTP takes half a second to import, and most processes do not serve.
    from broker.gateway.identity.api_keys import key_file

    for each in key_file(settings).read().values():
        if each.revoked_at is None:
            yield Ending("API key", f"{each.unit} {each.id}", each.expires_at)
