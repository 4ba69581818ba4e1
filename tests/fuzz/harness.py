"""What every target is held to: refuse or accept, in a second and 64 MB, and repeat no value."""

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from broker.errors import BundleInvalid, Rejected, SettingsInvalid

#: Stands in the seeds where a person's name would; no error text may repeat it.
MARK = "Testi-Moala"
#: Processor time, so that neighbours on the machine do not count.
MOST_SECONDS = 1.0
MOST_BYTES = 64 << 20

OURS = (Rejected, BundleInvalid, SettingsInvalid)


class TooSlow(Exception):
    """One input took more than a second."""


class TooLarge(Exception):
    """One input took more than 64 MB."""


class ValueRepeated(Exception):
    """An error text repeats what was read."""


@dataclass
class Target:
    """One reader of bytes from outside.

    Attributes:
        read: Takes any bytes; raises nothing but refusals.
        seeds: Inputs that it accepts, by name.
        refusals: The errors that it may raise.
        most_bytes: Longest input that is tried.
        names_names: Whether its texts may repeat names: files of operators hold no person.
    """

    read: Callable[[bytes], object]
    seeds: Callable[[], dict[str, bytes]]
    refusals: tuple[type[Exception], ...] = (Rejected,)
    names_names: bool = False
    most_bytes: int = 4096

    def feed(self, data: bytes) -> None:
        """Read *data*; raise what must never be."""
        before, started = peak_bytes(), time.thread_time()
        try:
            self.read(data)
        except self.refusals as refusal:
            if not self.names_names:
                refuse_values(refusal)
        spent, grown = time.thread_time() - started, peak_bytes() - before
        if grown > MOST_BYTES:
            raise TooLarge
        if spent > MOST_SECONDS:
            raise TooSlow


def refuse_values(refusal: Exception) -> None:
    """Raise `ValueRepeated` if *refusal* repeats what was read."""
    if MARK in str(refusal):
        raise ValueRepeated


_kept: list[tempfile.TemporaryDirectory[str]] = []


@cache
def scratch(name: str) -> Path:
    """Return a file that readers of files are given, in a folder of this process's own."""
    return _folder() / name


@cache
def _folder() -> Path:
    made = tempfile.TemporaryDirectory(prefix="lali-fuzz-")
    _kept.append(made)  # it goes with the process
    return Path(made.name)


def peak_bytes() -> int:
    """Return the most memory that this process has had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
