"""How a process connects: the settings' cluster, as one principal, with its credentials.

Either the process has one identity (user and password, or one certificate), and everything
it does is done as that; or it has a folder of credentials, and each role and unit in it
connects as its own principal.
"""

from pathlib import Path

from broker.errors import SettingsInvalid
from broker.private_files import Passwords
from broker.settings import Settings
from broker.wire.connection import Connection
from broker.wire.security import Security

#: The administrator of clusters that Lali makes; also looked for among the credentials.
ADMIN = "admin"


def connection_as(settings: Settings, client_id: str, principal: str) -> Connection:
    """Return how *principal* reaches the cluster.

    Args:
        settings: The settings.
        client_id: Name shown in the broker's own logs.
        principal: Who connects, where the settings give a folder of credentials.

    Raises:
        SettingsInvalid: No cluster is known, credentials are missing, or plaintext would go
            to another machine.
    """
    now = settings.in_effect()
    return Connection(
        now.servers(),
        client_id,
        session_timeout_ms=now.session_timeout_ms,
        security=_security(now, principal),
        allow_plaintext=now.allow_plaintext,
    )


def _security(settings: Settings, principal: str) -> Security | None:
    if settings.security_protocol == "PLAINTEXT":
        _refuse_unused(settings)
        return None
    if settings.ca_file is None:
        raise SettingsInvalid(f"{settings.security_protocol} needs ca_file")
    if settings.security_protocol == "SSL":
        return _by_certificate(settings, settings.ca_file, principal)
    return _by_password(settings, settings.ca_file, principal)


def _by_password(settings: Settings, ca_file: Path, principal: str) -> Security:
    if settings.user is not None:
        return Security(ca_file, user=settings.user, password=settings.secret())
    if settings.credentials is None:
        raise SettingsInvalid("SASL_SSL needs user and password, or credentials")
    password = Passwords(settings.credentials).read(principal)
    return Security(ca_file, user=principal, password=password)


def _by_certificate(settings: Settings, ca_file: Path, principal: str) -> Security:
    certificate, key = settings.certificate_file, settings.key_file
    if certificate is None and settings.credentials is not None:
        certificate = settings.credentials / f"{principal}.pem"
        key = settings.credentials / f"{principal}.key"
    return Security(ca_file, "SSL", certificate_file=certificate, key_file=key)


def _refuse_unused(settings: Settings) -> None:
    # Who sets a password and forgets the protocol would send everything in the clear.
    given = (settings.user, settings.password, settings.password_file, settings.certificate_file)
    if any(given) or settings.credentials or settings.ca_file:
        raise SettingsInvalid("credentials are set, but security_protocol is PLAINTEXT")
