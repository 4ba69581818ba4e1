"""What a partner's server may answer in place of taking a release."""

import contextlib
import json
import time

from faults.posting import always, taken
from faults.site import POSTED

_MOMENT_SECONDS = 8


def answering(status, **headers):
    """Let the partner answer *status* to everything for a moment."""

    @contextlib.contextmanager
    def happens(site):
        site.partner.answer = always(status, **headers)
        yield
        time.sleep(_MOMENT_SECONDS)
        site.partner.answer = taken

    return happens


@contextlib.contextmanager
def redirecting(site):
    """Let the partner send every release elsewhere: nothing may follow."""
    elsewhere = f"http://127.0.0.1:{site.partner.port}/elsewhere"
    with answering(302, Location=elsewhere)(site):
        yield
    assert site.partner.strayed == []


@contextlib.contextmanager
def moving(site):
    """Let the partner go to another address, of which deliver is told later."""
    site.partner.move()
    yield
    time.sleep(_MOMENT_SECONDS)
    site.write_connectors()
    site.crew["deliver"].stop()
    site.crew.start("deliver")


@contextlib.contextmanager
def refusing_some(site):
    """Let the partner refuse some releases for what they are; they are replayed later."""
    site.partner.answer = lambda body: (422 if hash(body) % 2 else 204, {})
    yield
    time.sleep(_MOMENT_SECONDS)
    site.partner.answer = taken
    deadline = time.monotonic() + 60
    while (letters := _letters(site)) and time.monotonic() < deadline:
        for each in letters:
            place = (str(each["partition"]), str(each["offset"]))
            why = ("--by", "duty-operator", "--reason", "PARTNER_MENDED")
            with contextlib.suppress(Exception):  # done meanwhile
                site.lali("dead-letters", "replay", POSTED, *place, *why)
        time.sleep(1)


def _letters(site):
    said = json.loads(site.lali("dead-letters", "list", POSTED, "--json"))
    return [each for each in said if each["state"] == "waiting"]
