"""The note that `lali up` leaves, so that commands in other terminals find its cluster."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from broker.errors import SettingsInvalid
from broker.private_files import write_private


@dataclass(frozen=True, slots=True)
class Running:
    """A local cluster that runs, as commands in other terminals need to know it.

    Attributes:
        ca_file: Its CA, where it is protected.
        credentials: Passwords by principal, where it is protected.
    """

    bootstrap_servers: str
    ca_file: Path | None = None
    credentials: Path | None = None


def note_running(data_folder: Path, running: Running | None) -> None:
    """Note, for commands in other terminals, which cluster runs; None takes the note away."""
    note = data_folder / "running.json"
    if running is None:
        note.unlink(missing_ok=True)
    else:
        kept = {name: str(value) for name, value in asdict(running).items() if value}
        write_private(note, json.dumps(kept).encode())


def settings_of_running(data_folder: Path) -> dict[str, Any]:
    """Return the settings by which commands reach the cluster that runs; empty if none does.

    Raises:
        SettingsInvalid: The note is damaged.
    """
    note = data_folder / "running.json"
    if not note.exists():
        return {}
    try:
        return _as_settings(json.loads(note.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsInvalid(f"{note.name} is damaged: remove it, or run `lali up`") from None


def _as_settings(said: dict[str, Any]) -> dict[str, Any]:
    if "ca_file" not in said:
        return {"bootstrap_servers": said["bootstrap_servers"]}
    return {
        "bootstrap_servers": said["bootstrap_servers"],
        "security_protocol": "SASL_SSL",
        "ca_file": Path(said["ca_file"]),
        "credentials": Path(said["credentials"]),
    }
