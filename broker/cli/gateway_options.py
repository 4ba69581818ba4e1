"""How `lali publish` and `lali subscribe` come to a gateway, where they go by HTTP."""

import os
from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter
from pydantic import SecretStr
from stamina.instrumentation import set_on_retry_hooks

from broker.client.http import Credentials
from broker.errors import SettingsInvalid
from broker.private_files import read_secret
from broker.settings import Settings

#: The environment alone may hold a key as text: arguments are seen by every user of a machine.
KEY_VARIABLE = "LALI_API_KEY"


@Parameter(name="*")
@dataclass(frozen=True)
class GatewayOptions:
    """A gateway, and who we are there.

    Attributes:
        url: Go by HTTP to this gateway, such as https://gateway.example:8440. By default
            the setting gateway_url; without one, to Kafka itself.
        api_key_file: File with the API key, mode 0600. By default the key is in LALI_API_KEY.
        gateway_ca: PEM of the CA that signed the gateway's certificate.
        client_certificate: PEM of a client certificate, in place of a key or with one.
        client_key: Its private key, PEM.
    """

    url: str | None = None
    api_key_file: Path | None = None
    gateway_ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None

    def url_in(self, settings: Settings) -> str | None:
        """Return the gateway to go to; None where Kafka is spoken.

        Raises:
            SettingsInvalid: A key or certificate is given, and no gateway.
        """
        url = self.url or settings.gateway_url
        if url is None and any(
            (self.api_key_file, self.gateway_ca, self.client_certificate, self.client_key)
        ):
            raise SettingsInvalid("a key or certificate for a gateway needs --url")
        return url

    def credentials(self) -> Credentials:
        """Return who we are.

        Raises:
            SettingsInvalid: Nothing says so, or the key's file cannot be used.
        """
        # Who types a command is told how it ended; each attempt would be a line without sense.
        set_on_retry_hooks([])
        key = self._key()
        if key is None and self.client_certificate is None:
            raise SettingsInvalid(f"who are you? {KEY_VARIABLE}, --api-key-file or a certificate")
        return Credentials(
            api_key=key,
            certificate_file=self.client_certificate,
            key_file=self.client_key,
            ca_file=self.gateway_ca,
        )

    def _key(self) -> SecretStr | None:
        if self.api_key_file is not None:
            return read_secret(self.api_key_file)
        text = os.environ.get(KEY_VARIABLE, "").strip()
        return SecretStr(text) if text else None
