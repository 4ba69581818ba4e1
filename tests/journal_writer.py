"""A process that publishes with a journal until it is killed; what it was told, it prints.

Its gateway takes some of it, refuses some for now, and loses some of its answers.
"""

import asyncio
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path

from broker.client.http import Credentials, HttpPublisher, Journal, Patience, draining
from broker.errors import GatewayUnavailable
from broker.testing import make_alert

draining._FIRST_WAIT = 0.02  # so that kills fall into every step of a drain


async def publish_on_and_on(url: str, folder: Path) -> None:
    publisher = HttpPublisher(
        url, "fiji-immigration", Credentials(), salt_key=bytes(32),
        journal=Journal(folder), patience=Patience(0.5, 2),
    )  # fmt: skip
    async with publisher:
        _tell("ready")
        for number in count(1):
            if number % 25 == 0:  # once all is sent, alerts go to the gateway directly again
                with suppress(GatewayUnavailable):
                    await publisher.send_waiting()
            alert = make_alert(originator="fiji-immigration")
            done = await publisher.publish(alert)
            _tell(done.state, str(alert.label.alert_id))


def _tell(*words: str) -> None:
    sys.stdout.write(" ".join(("told", *words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(publish_on_and_on(sys.argv[1], Path(sys.argv[2])))
