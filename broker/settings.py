"""Every setting of Lali: type, unit, default, meaning.

Read from the environment (``LALI_…``) and from ``lali.toml`` in the working folder, or the
file that ``LALI_SETTINGS`` names; the environment wins. Unknown settings in the file stop
the command: a misspelt one would silently mean its default.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from broker.errors import SettingsInvalid
from broker.resources import shipped


def _pacific() -> Path:
    return shipped("policies") / "pacific"


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="LALI_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    bootstrap_servers: str | None = Field(
        None, description="Kafka cluster, host:port, comma-separated. None: the local one."
    )
    topic_prefix: str = Field("", description="Put before every topic, group and transaction.")
    partitions: int = Field(
        4, ge=1, le=256, description="Partitions of topics keyed by alert; never changed later."
    )
    replication: int = Field(1, ge=1, le=9, description="Copies of every topic.")
    session_timeout_ms: int = Field(
        10_000,
        ge=1_000,
        description="A role silent for so long is replaced; not below the cluster's minimum.",
    )
    bundle: Path = Field(default_factory=_pacific, description="Folder of the policy bundle.")
    connectors: Path | None = Field(
        None, description="TOML file: feed id to {type, settings}. None: no feed is delivered."
    )
    protection: Literal["required", "off"] = Field(
        "required",
        description="Signatures and seals. off: alerts lie open in Kafka; for tests alone.",
    )
    keys: Path | None = Field(
        None, description="Key folder. None: keys in the data folder. See docs/security.md."
    )
    data_folder: Path = Field(Path(".lali"), description="Data of the local Kafka and of demos.")
    heap_mb: int = Field(256, ge=128, description="Java heap of a local Kafka node, 2^20 bytes.")
    log_form: Literal["lines", "json"] = Field("lines", description="Form of the log.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least important log event that is written."
    )

    def connector_overlay(self) -> dict[str, Any]:
        """Return the connector of each feed, as the connectors file has it.

        Raises:
            SettingsInvalid: The file cannot be read.
        """
        return _read_toml(self.connectors) if self.connectors else {}

    def key_folder(self) -> Path:
        """Return where keys are."""
        return self.keys or self.data_folder / "keys"

    def servers(self) -> str:
        """Return the cluster to speak to: the one set, or the local one that runs.

        Raises:
            SettingsInvalid: None is set and none runs.
        """
        found = self.bootstrap_servers or running_servers(self.data_folder)
        if found is None:
            raise SettingsInvalid(
                "no Kafka: run `lali up` in another terminal, or set LALI_BOOTSTRAP_SERVERS"
            )
        return found


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of this process.

    Raises:
        SettingsInvalid: One is unknown, missing or out of range; the text names it.
    """
    file = Path(os.environ.get("LALI_SETTINGS", "lali.toml"))
    from_file = _read_toml(file) if file.exists() else {}
    from_environment = {
        name for name in Settings.model_fields if f"LALI_{name.upper()}" in os.environ
    }
    kept = {name: value for name, value in from_file.items() if name not in from_environment}
    try:
        return Settings(**{**kept, **overrides})
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        named = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults)
        raise SettingsInvalid(named) from None


def running_servers(data_folder: Path) -> str | None:
    """Return the bootstrap servers of a local cluster that runs in *data_folder*."""
    note = data_folder / "running.json"
    if not note.exists():
        return None
    return str(json.loads(note.read_text())["bootstrap_servers"])


def note_running(data_folder: Path, servers: str | None) -> None:
    """Note, for commands in other terminals, which cluster runs; None takes the note away."""
    note = data_folder / "running.json"
    if servers is None:
        note.unlink(missing_ok=True)
    else:
        note.write_text(json.dumps({"bootstrap_servers": servers}))


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsInvalid(f"{file.name}: {error}") from None
