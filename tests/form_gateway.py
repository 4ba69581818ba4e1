"""A gateway that serves the form of civil society, and somebody who is signed in at it."""

import contextlib

from forming import Person, key_of
from gatewaying import Behind, settings_of


@contextlib.asynccontextmanager
async def form_gateway(kafka, folder, name):
    """Serve the form; *name* keeps its topics apart from those of other tests."""
    settings = settings_of(kafka, f"{name}.", folder, gateway_emergency="Fiji 917 & more")
    async with Behind(settings) as found:
        yield found


@contextlib.asynccontextmanager
async def signed_in(behind):
    """Yield somebody of the organisation, signed in."""
    async with Person(behind.url) as found:
        await found.sign_in(key_of(behind).text)
        yield found
