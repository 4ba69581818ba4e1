"""`lali gateway secret`: what the gateway signs with."""

from datetime import UTC, datetime

import cyclopts
from rich.console import Console

from broker.errors import SettingsInvalid
from broker.gateway.gateway_secret import LONGEST_OLDER_DAYS, OLDER_DAYS
from broker.gateway.gateway_secret import rotate as rotated
from broker.settings import load_settings

app = cyclopts.App(name="secret", help="What the gateway signs cursors and sessions with.")


@app.command
def rotate(*, older_days: int = OLDER_DAYS) -> None:
    """Make a new secret: sessions of the form end, cursors go on for a time.

    Gateways that run take it at once; those that share it elsewhere need a copy of `secret` and
    `secret-older`. What is sent again under an idempotency key stays the same alert.

    Example: `lali gateway secret rotate --older-days 7`

    Args:
        older_days: How long cursors signed by the one before count. 0 where it may be known to
            somebody: readers then begin anew.
    """
    if not 0 <= older_days <= LONGEST_OLDER_DAYS:
        raise SettingsInvalid(f"--older-days: 0 to {LONGEST_OLDER_DAYS}")
    until_ms = rotated(load_settings().gateway_secret(), older_days)
    until = f"{datetime.fromtimestamp(until_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    Console().print(
        f"A new secret signs from now on. Cursors of the one before count until {until}; "
        "sessions of the form have ended."
    )
