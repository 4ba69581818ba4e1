"""What a local cluster needs to speak TLS, ask who is there, and check what they may do.

Three listeners a node: SCRAM (TLS, SCRAM-SHA-512), MTLS (TLS with the client's certificate;
brokers speak to one another here too), CONTROLLER (TLS with the node's certificate). Only
the brokers and the administrator are super users; whatever no ACL allows is denied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.certificates import DevelopmentCa, lasts
from broker.private_files import Passwords, new_password, private_folder, write_private

BROKER = "broker"
ADMIN = "admin"
#: How long the CA of a local cluster lasts. Who runs holds it in memory, so it is made anew
#: at a start, when half of it is over: no process runs for five years.
CA_DAYS = 3650
#: How long the brokers' certificate lasts, and when it is made anew while they run.
BROKER_DAYS, RENEWED_BEFORE = 365, timedelta(days=60)
_ADDRESSES = ("127.0.0.1", "localhost")
#: The principal of a certificate is its common name; any other subject is refused.
PRINCIPAL_RULE = "RULE:^CN=([a-z0-9.-]+),.*$/$1/"


@dataclass(frozen=True, slots=True)
class Protection:
    """Files of a protected cluster, all below one folder.

    Attributes:
        ca_file: The CA of brokers and clients.
        keystore: PEM: the brokers' key and certificate, mode 0600.
        passwords_folder: One file a principal, the administrator's among them.
        certificates_folder: CA and issued certificates.
    """

    ca_file: Path
    keystore: Path
    passwords_folder: Path
    certificates_folder: Path

    @property
    def passwords(self) -> Passwords:
        """Passwords by principal."""
        return Passwords(self.passwords_folder)


def _now() -> datetime:
    return datetime.now(UTC)


def protect(folder: Path, now: Callable[[], datetime] = _now) -> Protection:
    """Return the protection kept in *folder*; what is missing or ends soon is made.

    Args:
        folder: Where it is kept.
        now: Says what time it is.
    """
    private_folder(folder)
    ca = DevelopmentCa(folder / "certificates", days=CA_DAYS, renewed=True, now=now)
    made = Protection(
        ca.certificate_file, folder / "broker-keystore.pem", folder / "passwords", ca.folder
    )
    _issue_broker(ca, made)  # anew at each start
    if not made.passwords.has(ADMIN):
        made.passwords.write(ADMIN, new_password())
    return made


def renew(protection: Protection, now: datetime) -> bool:
    """Make the brokers' certificate anew where it ends soon; return whether it was made.

    A broker takes it at its next start.
    """
    if lasts(protection.certificates_folder / f"{BROKER}.pem", RENEWED_BEFORE, now):
        return False
    _issue_broker(DevelopmentCa(protection.certificates_folder, now=lambda: now), protection)
    return True


def _issue_broker(ca: DevelopmentCa, protection: Protection) -> None:
    pair = ca.issue_server(BROKER, _ADDRESSES, BROKER_DAYS)
    both = pair.key.read_bytes() + pair.certificate.read_bytes()
    write_private(protection.keystore, both)


def protected_settings(protection: Protection) -> dict[str, object]:
    """Return the broker settings that protection adds."""
    return {
        "listener.security.protocol.map": "SCRAM:SASL_SSL,MTLS:SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "MTLS",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": protection.keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": protection.ca_file,
        "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
        "ssl.principal.mapping.rules": PRINCIPAL_RULE,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{BROKER};User:{ADMIN}",
        "allow.everyone.if.no.acl.found": "false",
    }


def format_arguments(protection: Protection, folder: Path) -> list[str]:
    """Return arguments for formatting that give the administrator a password.

    They stand in a file: a command line can be read by every user of the machine.
    """
    password = protection.passwords.read(ADMIN).get_secret_value()
    file = folder / "format-arguments"
    line = f"SCRAM-SHA-512=[name={ADMIN},password={password}]"
    write_private(file, f"--add-scram\n{line}\n".encode())
    return [f"@{file}"]
