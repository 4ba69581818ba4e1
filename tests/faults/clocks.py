"""Clocks that are set wrong while a role runs, by Debian's libfaketime."""

import contextlib
import time
from pathlib import Path

import pytest

_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
_HOLD_SECONDS = 15


def clock_set(role, offset):
    """Set the clock of *role* to another time while it works, and right again after a while.

    Args:
        role: Whose.
        offset: Seconds, with its sign.
    """

    @contextlib.contextmanager
    def happens(site):
        if not _LIBRARIES:
            pytest.skip("not run: libfaketime is not installed")
        said = site.folder / f"{role}.clock"
        said.write_text("+0\n")
        _restart(site, role, _environment(said))
        site.until_taken()
        site.settle(site.publish(1))  # it works, with its clock right
        said.write_text(f"{offset:+d}\n")
        time.sleep(2)  # it is read once a second
        yield
        time.sleep(_HOLD_SECONDS)
        said.write_text("+0\n")

    return happens


def _restart(site, role, more):
    site.crew[role].stop()
    site.crew.start(role, more)


def _environment(said):
    return {
        "LD_PRELOAD": str(_LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(said),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
