# ruff: noqa: INP001 - a script, no module of a package
"""Write deploy/docker/runtime.lock: what of requirements.lock an image of Lali needs.

    .venv/bin/python deploy/docker/runtime_lock.py

The lock holds the tools of development too; none of them is fetched or built into an image.
Versions and hashes are those of the lock.
"""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
RUNTIME = Path(__file__).with_name("runtime.lock")
_BUILDER = "hatchling"


def entries(lock: str) -> dict[str, str]:
    """Return the text of the entries of *lock*, with their hashes, by name.

    A name has several where other Pythons get another version.
    """
    found: dict[str, str] = {}
    for each in re.findall(r"^[^\s#].*(?:\n[ \t]+.*)*", lock, re.MULTILINE):
        name = canonicalize_name(re.split(r"[=\[; ]", each, maxsplit=1)[0])
        found[name] = f"{found[name]}\n{each}" if name in found else each
    return found


def needed(name: str = "lali") -> set[str]:
    """Return the names of all that *name* needs, itself not, as installed here."""
    seen: set[tuple[str, frozenset[str]]] = set()
    ahead = list(_asked(name, frozenset()))
    while ahead:
        asked = ahead.pop()
        if asked not in seen:
            seen.add(asked)
            ahead += _asked(*asked)
    return {found for found, _ in seen}


def _asked(name: str, extras: Iterable[str]) -> Iterator[tuple[str, frozenset[str]]]:
    try:
        lines = requires(name) or []
    except PackageNotFoundError:  # for another system or Python than this one
        return
    for line in lines:
        wanted = Requirement(line)
        # Markers of systems are not asked: an image may have another Python than this one.
        optional = wanted.marker is not None and "extra" in str(wanted.marker)
        if not optional or any(wanted.marker.evaluate({"extra": each}) for each in extras):
            yield canonicalize_name(wanted.name), frozenset(wanted.extras)


def runtime_lock() -> str:
    """Return the entries of the lock that are needed, to build Lali too, in its order."""
    wanted = needed() | {_BUILDER} | needed(_BUILDER)
    kept = [text for name, text in entries(LOCK.read_text()).items() if name in wanted]
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    RUNTIME.write_text(runtime_lock())
