# ruff: noqa: INP001 - a script of the image, no module of a package
"""Make what deploy/docker/secure.yml needs before Kafka starts: ``python secure_files.py``.

A development CA, the broker's key store, the gateway's certificate, and the administrator's
password. What is there is kept, but for the two certificates: they last thirty days and are
issued at each start.
"""

import sys
from pathlib import Path

from broker.certificates import DevelopmentCa
from broker.cluster.protection import ADMIN, BROKER, Protection, format_arguments
from broker.private_files import new_password, write_private

#: Held by this service alone: the CA's key.
AUTHORITY = Path("/var/lib/lali-authority")
#: Of Lali's services: ``ca.pem`` and one password a principal.
CREDENTIALS = Path("/var/lib/lali-credentials")
#: Of Kafka: ``ca.pem``, ``keystore.pem``, ``format-arguments``, and its data.
KAFKA = Path("/var/lib/lali-kafka")
#: Of the gateway: ``gateway.pem`` and ``gateway.key``.
DOOR = Path("/var/lib/lali-door")
HERE = ("localhost", "127.0.0.1")


def make(authority: Path, credentials: Path, kafka: Path, door: Path) -> None:
    """Write the files: keys and passwords with mode 0600."""
    ca = DevelopmentCa(authority)
    pair = ca.issue_server(BROKER, ("kafka", *HERE))
    opened = ca.issue_server("gateway", ("gateway", *HERE))
    write_private(door / "gateway.pem", opened.certificate.read_bytes())
    write_private(door / "gateway.key", opened.key.read_bytes())
    for folder in (credentials, kafka):
        write_private(folder / "ca.pem", ca.certificate_file.read_bytes())
    write_private(kafka / "keystore.pem", pair.key.read_bytes() + pair.certificate.read_bytes())
    made = Protection(kafka / "ca.pem", kafka / "keystore.pem", credentials, authority)
    if not made.passwords.has(ADMIN):
        made.passwords.write(ADMIN, new_password())
    # Kafka takes it away when it has read it.
    format_arguments(made, kafka)


if __name__ == "__main__":
    make(AUTHORITY, CREDENTIALS, KAFKA, DOOR)
    sys.stdout.write("certificates and the administrator's password are there\n")
