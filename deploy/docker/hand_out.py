# ruff: noqa: INP001 - a script of the image, no module of a package
"""Give each service of Compose the credentials of its own principal: ``python hand_out.py``.

After `lali secure apply`. A service that is taken over has one password, and no other.
"""

import sys
from pathlib import Path

from broker.app import make_parts
from broker.private_files import Passwords, write_private
from broker.settings import load_settings
from broker.wire.access import Principals

#: One folder a service, each in a volume that this service alone mounts beside us.
HANDED = Path("/var/lib/lali-handed")
SERVICES = ("topics", "accept", "route", "deliver", "gateway")


def hand_out(credentials: Path, handed: Path, names: Principals) -> None:
    """Write the CA's certificate and one password into the folder of each service."""
    for service in SERVICES:
        folder, principal = handed / service, names.role(service)
        write_private(folder / "ca.pem", (credentials / "ca.pem").read_bytes())
        Passwords(folder).write(principal, Passwords(credentials).read(principal))


if __name__ == "__main__":
    settings = load_settings()
    assert settings.credentials is not None
    hand_out(settings.credentials, HANDED, make_parts(settings).principals())
    sys.stdout.write("each service has the password of its own principal\n")
