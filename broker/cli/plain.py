"""Text from outside, made safe to look at in a terminal.

A name may hold control characters that move the cursor, clear the screen or set its title,
and marks that turn the direction of writing, so that a line reads as something else. They
are shown as what they are. Joiners stay: Sinhala, Hindi and other scripts need them.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from broker.model.release import ReleaseKind, ReleaseView

_JOINERS = "\u200c\u200d"
#: Other, separators of lines and paragraphs; spaces and letters are none of these.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_HIDDEN = {"alert_id", "revision", "originated_at"}


def plain(text: str) -> str:
    """Return *text* with everything that a terminal could obey written out."""
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _JOINERS or unicodedata.category(char) not in _UNSAFE:
        return char
    return f"\\u{{{ord(char):x}}}"


def card(release: ReleaseView) -> str:
    """Return *release* for people: its head, what its label says, and what it shows."""
    lines = [_head(release)]
    if release.kind is ReleaseKind.RECALL:
        lines.append("  Stop using this revision and every one before it. Ask its originator.")
    if release.doubt is not None:
        lines.append(f"  Lali may not have sent this ({release.doubt}): ask before you delete.")
    if release.acknowledge_within_seconds is not None:
        lines.append(f"  Acknowledge within {release.acknowledge_within_seconds} seconds.")
    if release.label is not None:
        lines += _fields(release.label.model_dump(mode="json", exclude=_HIDDEN), "  ")
        lines += _fields(release.compartments.model_dump(mode="json"), "  ")
        if not release.compartments.mask:
            lines.append("  Nothing to show, or expired: ask the originator.")
    return "\n".join(lines)


def _head(release: ReleaseView) -> str:
    when = release.released_at.isoformat(timespec="seconds")
    return f"━━ {release.kind} · {release.alert_id} · revision {release.revision} · {when}"


def _fields(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, inner in value.items():
        if inner not in (None, [], {}, "UNKNOWN"):
            yield from _field(plain(name), inner, indent)


def _field(name: str, value: Any, indent: str) -> Iterator[str]:
    match value:
        case dict():
            yield f"{indent}{name}"
            yield from _fields(value, indent + "  ")
        case [dict(), *_]:
            for number, item in enumerate(value, start=1):
                yield from _field(f"{name} {number}", item, indent)
        case list():
            yield f"{indent}{name}: {', '.join(plain(str(item)) for item in value)}"
        case str():
            yield from _text(name, value, indent)
        case _:
            yield f"{indent}{name}: {value}"


def _text(name: str, text: str, indent: str) -> Iterator[str]:
    # Every line of a text is marked, so that none can pass for a field or another card.
    first, *more = text.split("\n")
    yield f"{indent}{name}: {plain(first)}"
    for line in more:
        yield f"{indent}  │ {plain(line)}"
