"""How a connection to Kafka is protected: TLS 1.2 or newer, with a password or a certificate.

The server is always checked: its certificate against one CA file, its name against the
address. There is no setting that turns either off.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from broker.errors import SettingsInvalid

Protocol = Literal["SASL_SSL", "SSL"]
MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class Security:
    """Who connects, and whom they trust.

    Attributes:
        ca_file: PEM file with the certificate of the CA that signed the brokers' certificates.
        protocol: SASL_SSL: TLS with user and password (SCRAM-SHA-512). SSL: TLS with the
            client's own certificate.
        user: The principal, for SASL_SSL.
        password: Its password, for SASL_SSL; never shown.
        certificate_file: PEM file with the client's certificate, for SSL.
        key_file: PEM file with its private key, for SSL.
    """

    ca_file: Path
    protocol: Protocol = "SASL_SSL"
    user: str | None = None
    password: SecretStr | None = field(default=None, repr=False)
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a half-made identity.

        Raises:
            SettingsInvalid: What the protocol needs is missing.
        """
        if self.protocol == "SASL_SSL" and not (self.user and self.password):
            raise SettingsInvalid("SASL_SSL needs a user and a password")
        if self.protocol == "SSL" and not (self.certificate_file and self.key_file):
            raise SettingsInvalid("SSL needs a certificate file and a key file")

    def context(self) -> ssl.SSLContext:
        """Return the TLS settings.

        Raises:
            SettingsInvalid: A file cannot be read or does not hold what it must.
        """
        # Not the system's CAs: only the one that signs this cluster's brokers.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cafile=self.ca_file)
        except (OSError, ssl.SSLError):
            raise SettingsInvalid(f"{self.ca_file.name}: no CA certificate in it") from None
        if self.protocol == "SSL":
            assert self.certificate_file is not None
            self._load_own(context, self.certificate_file)
        return context

    def options(self) -> dict[str, Any]:
        """Return keyword arguments that aiokafka and kafka-python both take."""
        found: dict[str, Any] = {
            "security_protocol": self.protocol,
            "ssl_context": self.context(),
        }
        if self.protocol == "SASL_SSL":
            assert self.password is not None
            found |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password.get_secret_value(),
            }
        return found

    def _load_own(self, context: ssl.SSLContext, certificate: Path) -> None:
        # A password callback that has none: OpenSSL would ask on the terminal.
        try:
            context.load_cert_chain(certificate, self.key_file, password=lambda: "")
        except (OSError, ssl.SSLError):
            raise SettingsInvalid(
                f"{certificate.name}: no certificate in it, or the key does not belong to it"
            ) from None
