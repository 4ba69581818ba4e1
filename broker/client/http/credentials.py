"""How a unit shows who it is to a gateway, and how it knows the gateway."""

import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from broker.errors import SettingsInvalid

#: Gives an OAuth 2.0 access token; asked again when the gateway takes the last one no more.
TokenSource = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a unit comes with: an API key, tokens, a client certificate, or one and the last.

    Attributes:
        api_key: As `lali gateway key add` showed it.
        token: Gives access tokens; not together with a key.
        certificate_file: PEM, with the chain.
        key_file: Its private key, PEM.
        ca_file: PEM of the CA that signed the gateway's certificate. None: the CAs that this
            machine trusts.
        allow_plaintext: `http://` to other machines too, where the network is trusted.
    """

    api_key: SecretStr | None = field(default=None, repr=False)
    token: TokenSource | None = field(default=None, repr=False)
    certificate_file: Path | None = None
    key_file: Path | None = None
    ca_file: Path | None = None
    allow_plaintext: bool = False

    def __post_init__(self) -> None:
        if self.api_key is not None and self.token is not None:
            raise SettingsInvalid("an API key, or tokens: not both")

    def tls(self, url: str) -> ssl.SSLContext | None:
        """Return how to speak to *url*; None in the clear, on this machine.

        Raises:
            SettingsInvalid: It is no URL of a gateway, secrets would cross a network in the
                clear, or a certificate cannot be used.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise SettingsInvalid("the gateway's URL is such as https://gateway.example:8440")
        if parts.scheme == "https":
            return self._context()
        if not (self.allow_plaintext or _is_here(parts.hostname)):
            raise SettingsInvalid("https:// to another machine: the key would be read on the way")
        return None

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError):
            raise SettingsInvalid("a certificate or its key cannot be used: PEM files") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
