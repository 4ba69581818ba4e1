"""API keys for trying things out: one for each unit, each in a file of its own.

For this machine alone, as development keys and certificates are. They last thirty days, and
another takes its place in the file ten days before the end, at a start or while `lali up` runs.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import KeyFile, key_file, new_key
from broker.gateway.identity.refused import CredentialRefused
from broker.hourly import Hourly
from broker.policy.directory import Directory
from broker.private_files import private_folder, write_private
from broker.settings import Settings

_DAYS = 30
_RENEWED_BEFORE = timedelta(days=10)
_NOTE = "development key"
log = structlog.get_logger()


def _now() -> datetime:
    return datetime.now(UTC)


class DevelopmentKeys(Hourly):
    """Makes API keys for trials anew before they end, while a process runs.

    Args:
        settings: Of the process.
        community: Whose units have keys.
        now: Says what time it is.
    """

    def __init__(
        self, settings: Settings, community: Directory, now: Callable[[], datetime] = _now
    ) -> None:
        super().__init__()
        self._make = partial(make_development_keys, settings, community, now)

    def look(self) -> None:
        """Make what is wanting."""
        self._make()


def make_development_keys(
    settings: Settings, community: Directory, now: Callable[[], datetime] = _now
) -> Path:
    """Make an API key for every unit that has none, or none for much longer; return their folder.

    The one before counts until its own end: who has copied it is not cut off at once.

    Raises:
        SettingsInvalid: The folder or the file of keys cannot be used.
    """
    folder = settings.data_folder / "api-keys"
    private_folder(folder)
    keys, at = key_file(settings), now()
    for unit in community.units:
        file = folder / unit
        if not (_counts(keys, file, at) and _counts(keys, file, at + _RENEWED_BEFORE)):
            made = new_key(unit, Right, at, at + timedelta(days=_DAYS), note=_NOTE)
            keys.add(made.entry)
            write_private(file, made.text.encode())
    return folder


def _counts(keys: KeyFile, file: Path, now: datetime) -> bool:
    try:
        keys.grant(file.read_text(), now)
    except (OSError, UnicodeDecodeError, CredentialRefused):
        return False
    return True
