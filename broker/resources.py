"""Find what ships with Lali: schemas, policies, Kafka's build file.

A wheel carries them inside the package, a checkout has them at the top level.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_CHECKOUT = {"schemas": "schemas", "policies": "policies", "kafka": "deploy/kafka"}


def shipped(name: str) -> Path:
    """Return the folder called *name*: ``schemas``, ``policies`` or ``kafka``.

    Raises:
        KeyError: No such folder ships.
    """
    in_checkout = _PACKAGE.parent / _IN_CHECKOUT[name]
    in_wheel = _PACKAGE / "_data" / name
    return in_wheel if in_wheel.is_dir() else in_checkout
