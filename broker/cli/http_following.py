"""What follows a feed through a gateway for a command."""

from pathlib import Path

from broker.client.http import Credentials, HttpSubscriber
from broker.client.reading import OnLost
from broker.keys import client_protection
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings


def http_subscriber(
    url: str,
    feed: str,
    credentials: Credentials,
    settings: Settings,
    position: Path | None,
    from_start: bool,  # noqa: FBT001 - as the command has it
    once: bool,  # noqa: FBT001
    on_lost: OnLost,
) -> HttpSubscriber:
    """Return what follows *feed*, and opens it with the keys that are here, if any are.

    Raises:
        SettingsInvalid: URL or credentials cannot be used.
    """
    has_keys = KeyFolder(settings.key_folder()).exists
    protection = client_protection(settings) if has_keys else None
    return HttpSubscriber(
        url,
        feed,
        credentials,
        position=position,
        from_start=from_start,
        to_end=once,
        opener=protection.opener(feed) if protection else None,
        on_lost=on_lost,
    )
