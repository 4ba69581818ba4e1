"""Every setting of Lali: type, unit, default, meaning.

Read from the environment (``LALI_…``) and from ``lali.toml`` in the working folder, or the
file that ``LALI_SETTINGS`` names; the environment wins. Unknown settings stop the command: a
misspelt one would silently mean its default. In the environment other names may start with
``LALI_`` too (a connector's secret), so there only those that resemble a setting do.
"""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from broker.errors import SettingsInvalid
from broker.private_files import read_secret
from broker.resources import shipped
from broker.running import settings_of_running
from broker.toml_tables import TomlInvalid, read_tables

#: How alike two names are that differ in a letter or two.
_RESEMBLES = 0.88


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
    security_protocol: Literal["PLAINTEXT", "SASL_SSL", "SSL"] = Field(
        "PLAINTEXT",
        description="SASL_SSL: TLS with user and password. SSL: TLS with a client certificate. "
        "PLAINTEXT: to this machine only.",
    )
    allow_plaintext: bool = Field(
        False, description="Plaintext to other machines too, where the network is trusted."
    )
    ca_file: Path | None = Field(
        None, description="PEM file with the CA that signed the brokers' certificates."
    )
    user: str | None = Field(None, description="Principal, for SASL_SSL.")
    password: SecretStr | None = Field(
        None, repr=False, description="Its password; in the environment only, never in a file."
    )
    password_file: Path | None = Field(
        None, description="File with the password, readable by its owner only."
    )
    certificate_file: Path | None = Field(None, description="PEM certificate, for SSL.")
    key_file: Path | None = Field(None, description="Its private key, PEM.")
    credentials: Path | None = Field(
        None,
        description="Folder with a password or certificate for each principal, as lali secure "
        "makes it: each role and unit then connects as its own principal.",
    )
    unit_producer_bytes: int = Field(
        1 << 20, ge=1024, description="Bytes a second that a unit may send to each broker."
    )
    unit_consumer_bytes: int = Field(
        4 << 20, ge=1024, description="Bytes a second that a unit may fetch from each broker."
    )
    other_principals: tuple[str, ...] = Field(
        (), description="Principals outside Lali that may hold rights on its topics."
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
    clock_tolerance_seconds: int = Field(
        120,
        ge=5,
        le=3600,
        description="How far this machine's clock may be from the cluster's; beyond it roles wait.",
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
    gateway_host: str = Field("127.0.0.1", description="Address that the gateway listens on.")
    gateway_port: int = Field(8440, ge=0, le=65535, description="Its port; 0 takes a free one.")
    gateway_hosts: tuple[str, ...] = Field(
        (),
        description="Names by which the gateway is called, such as `alerts.example.org`; others "
        "are refused. Empty: those of loopback where it listens there, else any.",
    )
    gateway_certificate: Path | None = Field(
        None, description="PEM certificate of the gateway. None: HTTP in the clear, on loopback."
    )
    gateway_key: Path | None = Field(None, description="Its private key, PEM.")
    gateway_client_ca: Path | None = Field(
        None, description="PEM file with the CA that signed the units' client certificates."
    )
    gateway_identities: Path | None = Field(
        None, description="TOML file: token issuers, refused certificates, trusted proxies."
    )
    gateway_rate: str = Field(
        "600/minute", description="Requests that one identity may make in a time."
    )
    gateway_body_bytes: int = Field(
        4 << 20, ge=1 << 16, le=64 << 20, description="Largest body that the gateway reads, bytes."
    )
    gateway_streams: int = Field(
        1000, ge=1, description="Streams that may be open at once in one gateway."
    )
    gateway_streams_unit: int = Field(
        100,
        ge=2,
        description="Streams that one unit may have open at once in one gateway; one credential "
        "half as many.",
    )
    gateway_spool: bool = Field(
        False, description="Keep sealed alerts on disk while Kafka is away, instead of refusing."
    )
    gateway_spool_bytes: int = Field(
        64 << 20, ge=1 << 20, description="Most that the spool may hold of one unit, bytes."
    )
    gateway_secret_file: Path | None = Field(
        None,
        description="32 secret bytes, mode 0600, that sign cursors and the form's sessions; beside "
        "it `-older` and `-drafts`. Gateways that stand for one another share all three. None: "
        "made in the data folder.",
    )
    gateway_emergency: str | None = Field(
        None,
        max_length=200,
        description="Emergency numbers that the form of civil society shows, such as "
        "`Fiji 917, Vanuatu 111`.",
    )
    gateway_url: str | None = Field(
        None,
        description="For clients: go by HTTP to this gateway. None: to Kafka. "
        "docs/client.md has how.",
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port for Prometheus. None: no metrics."
    )
    metrics_host: str = Field(
        "127.0.0.1", description="Address of that port; it asks nobody who they are."
    )
    tracing_endpoint: str | None = Field(
        None,
        description="Where traces go: OTLP over HTTP, with its path. Needs the extra `tracing`. "
        "None: no traces.",
    )
    keeper_socket: Path | None = Field(
        None,
        description="Socket of the key service (lali keys serve), which then holds all private "
        "keys. None: they are files in the key folder.",
    )
    keeper_user: int | None = Field(
        None,
        ge=0,
        description="Id of the user that the key service runs as. None: the key folder's owner.",
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

    def gateway_secret(self) -> Path:
        """Return the file of the gateway's secret."""
        return self.gateway_secret_file or self.data_folder / "gateway" / "secret"

    def servers(self) -> str:
        """Return the cluster to speak to: the one set, or the local one that runs.

        Raises:
            SettingsInvalid: None is set and none runs.
        """
        servers = self.in_effect().bootstrap_servers
        assert servers is not None
        return servers

    def in_effect(self) -> "Settings":
        """Return these settings with the address and protection of the local cluster that runs.

        Raises:
            SettingsInvalid: No cluster is set and none runs.
        """
        if self.bootstrap_servers is not None:
            return self
        running = settings_of_running(self.data_folder)
        if not running:
            raise SettingsInvalid(
                "no Kafka: run `lali up` in another terminal, or set LALI_BOOTSTRAP_SERVERS"
            )
        return self.model_copy(update=running)

    def secret(self) -> SecretStr | None:
        """Return the password, wherever it is kept; None if there is none.

        Raises:
            SettingsInvalid: The file that should hold it cannot be used.
        """
        return read_secret(self.password_file) if self.password_file else self.password


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of this process.

    Raises:
        SettingsInvalid: One is unknown, missing or out of range; the text names it.
    """
    _refuse_misspelt(os.environ)
    from_file = _from_file()
    if "password" in from_file:
        raise SettingsInvalid("password: not in a settings file: LALI_PASSWORD, or password_file")
    from_environment = {name.upper() for name in os.environ}
    kept = {
        name: value
        for name, value in from_file.items()
        if f"LALI_{name.upper()}" not in from_environment
    }
    try:
        return Settings(**{**kept, **overrides})
    except SettingsError as error:
        # Its text names the setting and its source; the value is not in it.
        raise SettingsInvalid(str(error)) from None
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise SettingsInvalid("; ".join(map(_said, faults))) from None


def _said(fault: Any) -> str:
    name = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{name}: no such setting; `lali settings` lists them"
    return f"{name}: {fault['msg']}"


def _from_file() -> dict[str, Any]:
    named = os.environ.get("LALI_SETTINGS")
    file = Path(named or "lali.toml")
    if not named and not file.exists():
        return {}
    return _read_toml(file)


def _refuse_misspelt(names: Iterable[str]) -> None:
    known = {f"LALI_{name.upper()}" for name in Settings.model_fields}
    known |= {"LALI_SETTINGS", "LALI_CACHE_DIR"}
    for name in sorted(names):
        if not name.upper().startswith("LALI_") or name.upper() in known:
            continue
        if meant := get_close_matches(name.upper(), known, 1, _RESEMBLES):
            raise SettingsInvalid(f"{name}: no such setting; is {meant[0]} meant?")


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return read_tables(file.read_text())
    except (OSError, UnicodeDecodeError, TomlInvalid) as error:
        what = "cannot be read" if isinstance(error, OSError) else str(error)
        raise SettingsInvalid(f"{file.name}: {what}") from None
