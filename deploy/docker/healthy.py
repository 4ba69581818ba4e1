# ruff: noqa: INP001 - a script of the image, no module of a package
"""Whether a role in this container works: ``python healthy.py accept|route|deliver|gateway``.

It works when Kafka counts this machine among the members of each of its groups. A process that
hangs, or that joins and fails again and again, is no member. A gateway works when it says
that it is ready. Exit code 0 or 1.
"""

import asyncio
import socket
import ssl
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection

from broker.app import Parts, make_connectors, make_parts
from broker.settings import Settings, load_settings
from broker.wire.admin import admin


def groups_of(parts: Parts, role: str) -> list[str]:
    """Return the consumer groups that *role* must be in."""
    topics = parts.topics
    match role:
        case "accept":
            return [topics.accept_group()]
        case "route":
            return [topics.route_group()]
        case _:
            return [topics.deliver_group(feed) for feed in make_connectors(parts)]


async def members(parts: Parts, role: str, groups: list[str]) -> dict[str, set[str]]:
    """Return the addresses of the members of each group."""
    found = {}
    async with admin(parts.connection(role)) as client:
        for name in groups:
            # One at a time: aiokafka 0.14 misreads an answer that describes two groups.
            (answer,) = await client.describe_consumer_groups([name])
            (group,) = answer.groups
            found[name] = {member[2].lstrip("/") for member in group[5]}
    return found


def is_ready(settings: Settings) -> int:
    """Return 0 if the gateway of this container is ready."""
    asking = HTTPConnection("127.0.0.1", settings.gateway_port, timeout=10)
    if settings.gateway_certificate is not None:
        context = ssl.create_default_context(
            cafile=settings.ca_file or settings.gateway_certificate
        )
        asking = HTTPSConnection("127.0.0.1", settings.gateway_port, timeout=10, context=context)
    try:
        asking.request("GET", "/readyz")
        return 0 if asking.getresponse().status == HTTPStatus.OK else 1
    finally:
        asking.close()


def main(role: str) -> int:
    """Return 0 if every group of *role* has this machine as a member."""
    settings = load_settings()
    if role == "gateway":
        return is_ready(settings)
    parts = make_parts(settings)
    groups = groups_of(parts, role)
    own = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    found = asyncio.run(members(parts, role, groups))
    missing = [group for group in groups if not own & found.get(group, set())]
    if missing:
        sys.stderr.write(f"no member of {', '.join(missing)}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
