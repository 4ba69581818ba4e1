"""API keys for trying things out: one for each unit, each in a file of its own.

For this machine alone, as development keys and certificates are. They last thirty days.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import KeyFile, key_file, new_key
from broker.gateway.identity.refused import CredentialRefused
from broker.policy.directory import Directory
from broker.private_files import private_folder, write_private
from broker.settings import Settings

_DAYS = 30
_NOTE = "development key"


def make_development_keys(settings: Settings, community: Directory) -> Path:
    """Make an API key for every unit that has none that counts; return their folder.

    Raises:
        SettingsInvalid: The folder or the file of keys cannot be used.
    """
    folder = settings.data_folder / "api-keys"
    private_folder(folder)
    keys, now = key_file(settings), datetime.now(UTC)
    for unit in community.units:
        file = folder / unit
        if not _counts(keys, file, now):
            made = new_key(unit, Right, now, now + timedelta(days=_DAYS), note=_NOTE)
            keys.add(made.entry)
            write_private(file, made.text.encode())
    return folder


def _counts(keys: KeyFile, file: Path, now: datetime) -> bool:
    try:
        keys.grant(file.read_text(), now)
    except (OSError, UnicodeDecodeError, CredentialRefused):
        return False
    return True
