"""What publishes to a gateway for a command."""

from pathlib import Path

from broker.client import Publisher
from broker.client.http import Credentials, HttpPublisher, Journal, Patience
from broker.client.salts import kept_key
from broker.errors import GatewayRefused, GatewayUnavailable
from broker.pipeline.seal import OriginatorSeal
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings

#: Somebody sits before the screen.
_PATIENCE = Patience(seconds=20, attempts=6)


def http_publisher(
    url: str, credentials: Credentials, journal: Path | None, settings: Settings, unit: str
) -> HttpPublisher:
    """Return what publishes for *unit*: sealed here where its keys are here.

    Raises:
        SettingsInvalid: URL or credentials cannot be used.
    """
    return HttpPublisher(
        url,
        unit,
        credentials,
        salt_key=kept_key(settings.data_folder / "publisher" / f"{unit}.key"),
        seal=seal_of(settings, unit),
        journal=open_journal(journal, settings) if journal is not None else None,
        patience=_PATIENCE if journal is None else None,
    )


async def send_waiting(publisher: Publisher | HttpPublisher) -> None:
    """Send what waits in the journal, if there is one; while the gateway is away it waits on.

    Raises:
        GatewayRefused: The gateway does not let us in.
    """
    if isinstance(publisher, Publisher):
        return
    try:
        await publisher.send_waiting()
    except GatewayRefused:
        raise
    except GatewayUnavailable:
        pass


def open_journal(folder: Path, settings: Settings) -> Journal:
    """Return the journal in *folder*; its key is with the publisher's keys, not beside it."""
    return Journal(folder, key_file=settings.data_folder / "publisher" / "journal.key")


def seal_of(settings: Settings, unit: str) -> OriginatorSeal | None:
    """Return what seals for *unit*, or None where the gateway must: no register is here.

    Raises:
        SettingsInvalid: There is a register, and it cannot be used.
    """
    folder = KeyFolder(settings.key_folder())
    if settings.protection == "off" or not folder.exists:
        return None
    folder.register()
    return OriginatorSeal(unit, folder.register, folder.keeper)
