"""Ids: the same for the same thing in the same feed, and another one in every other feed.

What two feeds see of one alert differs, and STIX lets an id have one content. So ids of an
alert's objects come from feed and alert. Objects that are equal for everyone have one id.

An id is shaped as a random UUID, as STIX 2.1 (section 2.9) and TAXII 2.1 want it: its bits
are SHA-256 over names that hold the alert's own 122 random bits. The first 60 are the same
for all objects of one alert in one feed, so that a server finds the alert by any of them.
"""

import hashlib
from uuid import UUID, uuid5

import orjson

#: Namespace of the ids of observables (STIX 2.1, section 2.9).
_OBSERVABLES = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
#: Our own.
_NAMESPACE = b"lali stix 2.1 ids 1\n"

_PREFIX_BITS, _REST_BITS = 60, 62


def alert_prefix(feed: str, alert_id: UUID) -> int:
    """Return the first 60 bits of every id of one alert in one feed."""
    return _bits(_PREFIX_BITS, "alert", feed, alert_id.hex)


def prefix_in(identifier: str) -> int | None:
    """Return the first 60 bits of an id, or None if it is no id."""
    kind, parted, text = identifier.partition("--")
    if not parted or not kind:
        return None
    try:
        number = UUID(text)
    except ValueError:
        return None
    if str(number) != text:  # another spelling is another text
        return None
    return (number.int >> 80) << 12 | (number.int >> 64) & 0xFFF


def object_id(kind: str, feed: str, alert_id: UUID, key: str) -> str:
    """Return the id of one object of one alert in one feed.

    Args:
        kind: STIX type.
        feed: Who sees it.
        alert_id: The alert.
        key: What it is within the alert; the same in every revision.
    """
    rest = _bits(_REST_BITS, "object", feed, alert_id.hex, kind, key)
    return f"{kind}--{_uuid(alert_prefix(feed, alert_id), rest)}"


def shared_id(kind: str, name: str) -> str:
    """Return the id of an object that is equal wherever it occurs."""
    return f"{kind}--{named_uuid(kind, name)}"


def named_uuid(kind: str, name: str) -> UUID:
    """Return the UUID of something that has a name of its own, such as a feed."""
    return _uuid(_bits(_PREFIX_BITS, "name", kind, name), _bits(_REST_BITS, "rest", kind, name))


def observable_id(kind: str, **contributing: object) -> str:
    """Return the id of an observable, which STIX derives from some of its properties."""
    # For ASCII names, and values that are texts and integers, this is RFC 8785's form.
    canonical = orjson.dumps(contributing, option=orjson.OPT_SORT_KEYS)
    return f"{kind}--{uuid5(_OBSERVABLES, canonical.decode())}"


def _bits(count: int, *names: str) -> int:
    digest = hashlib.sha256(_NAMESPACE + "\n".join(names).encode()).digest()
    return int.from_bytes(digest[:8]) >> (64 - count)


def _uuid(prefix: int, rest: int) -> UUID:
    high, low = prefix >> 12, prefix & 0xFFF
    return UUID(int=high << 80 | 4 << 76 | low << 64 | 2 << 62 | rest)
