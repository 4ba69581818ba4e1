"""What text may hold: one rule for every field of every model, wherever it comes in.

A line holds one line, free text several; neither holds controls, and both hold something that
can be seen. Text is kept in Unicode's composed form (NFC, UAX #15), so that one name is one
sequence of bytes. What is written by people is brought into that form; bytes that come sealed
cannot be, so there anything else is refused. What was stored before these rules is read as it
is: a recipient must not lose an alert that it may read.
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum


class Reading(StrEnum):
    """How strictly text is read."""

    WRITTEN = "WRITTEN"
    """By people and their programs: composed, line ends made line feeds, the rest refused."""
    EXACT = "EXACT"
    """Bytes that cannot be changed any more: what is not as it should be is refused."""
    STORED = "STORED"
    """Bytes that were accepted once: taken as they are."""


_reading: ContextVar[Reading] = ContextVar("reading", default=Reading.WRITTEN)


@contextmanager
def reading(how: Reading) -> Iterator[None]:
    """Read text *how* within this context."""
    token = _reading.set(how)
    try:
        yield
    finally:
        _reading.reset(token)


#: What ends a line (UAX #14, classes BK, CR, LF and NL).
_LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
#: Line ends that systems write for a line feed.
_OTHER_LINE_FEEDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
#: Controls (category Cc), noncharacters, lone surrogates, and invisible marks that carry text of
#: their own: interlinear annotations and tags. A tabulator is taken for one in lines only.
_CONTROLS = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f"
    + "".join(f"{chr(p + 0xFFFE)}{chr(p + 0xFFFF)}" for p in range(1 << 16, 0x110000, 1 << 16))
)
_CONTROL_IN_LINE = re.compile(f"[{_CONTROLS}\t]")
_CONTROL_IN_TEXT = re.compile(f"[{_CONTROLS}\x0b\x0c]")
#: What turns the direction of writing (UAX #9): embeddings, overrides, isolates.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: Letters and symbols of which nothing can be seen.
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_SEEN = frozenset("LNPS")


def line_text(text: str) -> str:
    """Return *text* as one line may hold it.

    Raises:
        ValueError: TEXT_LINE_BREAK, TEXT_CONTROL, TEXT_DIRECTION, TEXT_BLANK or
            TEXT_NOT_COMPOSED.
    """
    if text.isascii() and text.isprintable() and not text.isspace():
        return text
    how = _reading.get()
    if how is Reading.STORED:
        return text
    if _LINE_ENDS.search(text):
        raise ValueError("TEXT_LINE_BREAK")
    if _CONTROL_IN_LINE.search(text):
        raise ValueError("TEXT_CONTROL")
    if _TURNS.search(text):
        raise ValueError("TEXT_DIRECTION")
    return _seen(_composed(text, how))


def free_text(text: str) -> str:
    """Return *text* as free text may hold it: with lines, parted by line feeds.

    Raises:
        ValueError: TEXT_CONTROL, TEXT_BLANK or TEXT_NOT_COMPOSED.
    """
    if text.isascii() and text.isprintable() and not text.isspace():
        return text
    how = _reading.get()
    if how is Reading.STORED:
        return text
    if how is Reading.WRITTEN:
        text = _OTHER_LINE_FEEDS.sub("\n", text)
    elif _OTHER_LINE_FEEDS.search(text):
        raise ValueError("TEXT_CONTROL")
    if _CONTROL_IN_TEXT.search(text):
        raise ValueError("TEXT_CONTROL")
    return _seen(_composed(text, how))


def coded_lines(text: str) -> str:
    """Return lines of code, such as a machine readable zone, of which something can be seen.

    Raises:
        ValueError: TEXT_BLANK.
    """
    return text if _reading.get() is Reading.STORED else _seen(text)


def _composed(text: str, how: Reading) -> str:
    if unicodedata.is_normalized("NFC", text):
        return text
    if how is Reading.EXACT:
        raise ValueError("TEXT_NOT_COMPOSED")
    return unicodedata.normalize("NFC", text)


def _seen(text: str) -> str:
    if is_seen(text):
        return text
    raise ValueError("TEXT_BLANK")


def is_seen(text: str) -> bool:
    """Whether anything of *text* can be seen."""
    return any(unicodedata.category(char)[0] in _SEEN and char not in _FILLERS for char in text)


def typed_text(text: str) -> str:
    """Return *text* as a form takes it: without what no keyboard types, its lines as line feeds.

    Of what then cannot be seen, nothing is left: it is no answer.
    """
    kept = _OTHER_LINE_FEEDS.sub("\n", text).replace("\t", " ")
    kept = _TURNS.sub("", _CONTROL_IN_TEXT.sub("", kept)).strip()
    return unicodedata.normalize("NFC", kept) if is_seen(kept) else ""
