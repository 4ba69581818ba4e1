"""How uvicorn serves the gateway: TLS, client certificates, and nothing said about itself."""

import ipaddress
import ssl
from pathlib import Path
from typing import Any

import structlog

from broker.errors import SettingsInvalid
from broker.gateway.identity.protocol import PeerProtocol
from broker.gateway.identity.watched import Watched
from broker.settings import Settings

_log = structlog.get_logger()


def server_options(settings: Settings) -> dict[str, Any]:
    """Return what `uvicorn.Config` is given beside the application.

    Certificates of clients are asked for and not required: keys and tokens come by the same
    port. One that the CA did not sign ends the handshake.

    Raises:
        SettingsInvalid: A certificate or key cannot be used, or requests would cross a network
            in the clear.
    """
    options: dict[str, Any] = {
        "host": settings.gateway_host,
        "port": settings.gateway_port,
        "http": PeerProtocol,
        "ws": "none",
        "log_config": None,  # paths and tracebacks may name people; ours are allow-listed
        "access_log": False,
        "server_header": False,
        # Who a proxy speaks for is told in the identities file alone (identity/proxies.py).
        "proxy_headers": False,
    }
    if settings.gateway_certificate is None:
        _refuse_clear(settings)
        return options
    context = Renewed(settings).first
    return options | {"ssl_context_factory": lambda _config, _default: context}


class Renewed:
    """Certificate, key and CA as their files have them now, for each new connection.

    Files that cannot be used leave the former ones in force: a renewal writes one after another.

    Attributes:
        first: What the server is given; it hands each connection the newest.

    Raises:
        SettingsInvalid: They cannot be used now.
    """

    def __init__(self, settings: Settings) -> None:
        named = (settings.gateway_certificate, settings.gateway_key, settings.gateway_client_ca)
        files = [file for file in named if file is not None]
        self._watched = Watched(lambda: _context(settings), lambda _: files)
        self.first = self._newest = _context(settings)
        self.first.sni_callback = self._hand_newest

    def _hand_newest(self, connection: ssl.SSLObject, _name: str, _given: ssl.SSLContext) -> None:
        # Called in each handshake, whether the client names a server or not.
        try:
            self._newest = self._watched.now()
        except SettingsInvalid:
            _log.error("tls.unusable", code="CERTIFICATE_UNUSABLE")
        connection.context = self._newest


def _refuse_clear(settings: Settings) -> None:
    if settings.gateway_client_ca or settings.gateway_key:
        raise SettingsInvalid("gateway_client_ca and gateway_key need gateway_certificate")
    if not (_is_loopback(settings.gateway_host) or settings.allow_plaintext):
        raise SettingsInvalid(
            "gateway_host: other machines need TLS: set gateway_certificate and gateway_key, "
            "or allow_plaintext where the network is trusted"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _context(settings: Settings) -> ssl.SSLContext:
    if settings.gateway_key is None:
        raise SettingsInvalid("gateway_certificate needs gateway_key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Every connection shows its certificate: one that was taken up again would be asked for none.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    assert settings.gateway_certificate is not None
    _load(context, settings.gateway_certificate, settings.gateway_key)
    if settings.gateway_client_ca is not None:
        _ask_for_certificates(context, settings.gateway_client_ca)
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # An encrypted key would ask for its password on a terminal that is not there.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError):
        raise SettingsInvalid(
            f"gateway_certificate, gateway_key: {certificate.name} and {key.name} are no pair "
            "of certificate and unencrypted key, PEM"
        ) from None


def _ask_for_certificates(context: ssl.SSLContext, ca: Path) -> None:
    try:
        context.load_verify_locations(ca)
    except (OSError, ssl.SSLError):
        raise SettingsInvalid(f"gateway_client_ca: {ca.name}: no certificates, PEM") from None
    context.verify_mode = ssl.CERT_OPTIONAL
