"""Writing made comparable: case, marks, ʻokina and zero-width characters left aside.

The ʻokina is written in a dozen ways, macrons are left out or doubled, and Samoan *g* is
written *ng* by those who hear it. What is left after `fold` and `loose` is compared.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

#: The ʻokina and what stands in for it, hamza and ayn, primes, quotation marks.
APOSTROPHES = frozenset("ʻʼʽ‘’‛'`´ʹʾʿˈꞌꞋ′‵＇")

#: Letters that have no decomposition, as who lacks the key writes them.
_PLAIN = str.maketrans(
    {"đ": "d", "ð": "d", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ŋ": "ng"}
)
_NO_APOSTROPHES = dict.fromkeys(map(ord, APOSTROPHES))
_DOUBLED = re.compile(r"([aeiou])\1+")


def fold(text: str) -> str:
    """Return *text* without case, diacritics, apostrophes and invisible characters."""
    bare = unicodedata.normalize("NFKD", text.translate(_NO_APOSTROPHES)).casefold()
    again = unicodedata.normalize("NFKD", bare).translate(_PLAIN)
    return "".join(char for char in again if not _is_dropped(char))


def loose(folded: str) -> str:
    """Return *folded* with doubled vowels single and *ng* as *g*."""
    return _DOUBLED.sub(r"\1", folded).replace("ng", "g")


def _is_dropped(char: str) -> bool:
    if char < "\u0080":
        return char == "'"
    return "\u0300" <= char <= "\u036f" or unicodedata.category(char) == "Cf"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text.

    Attributes:
        start: Its first character in the text.
        end: One behind its last.
        written: As it stands there.
        forms: Folded; with and without the *s* of a possessive.
        opens: Whether it opens the text, or a sentence or line of it.
    """

    start: int
    end: int
    written: str
    forms: tuple[str, ...]
    opens: bool

    @property
    def capital(self) -> bool:
        """Whether it is written as names are; scripts without case always are."""
        letters = [char for char in self.written if char.isalpha() and char not in APOSTROPHES]
        return bool(letters) and not letters[0].islower()


def words_of(text: str) -> list[Word]:
    """Return the words of *text*: letters, marks and digits, apostrophes within."""
    found: list[Word] = []
    behind = 0
    for start, end in _runs(text):
        opens = not found or bool(re.search(r"[.!?:;\n•*]", text[behind:start]))
        behind = end
        if forms := _forms(text[start:end]):
            found.append(Word(start, end, text[start:end], forms, opens))
    return found


def _runs(text: str) -> Iterator[tuple[int, int]]:
    start = None
    for index, char in enumerate(text):
        if _in_word(char):
            start = index if start is None else start
        elif start is not None:
            yield start, index
            start = None
    if start is not None:
        yield start, len(text)


def _in_word(char: str) -> bool:
    if char < "\u0080":
        return char.isalnum() or char in "'`"
    return char in APOSTROPHES or unicodedata.category(char)[0] in "LMN" or _is_dropped(char)


def _forms(written: str) -> tuple[str, ...]:
    whole = fold(written)
    if len(written) > 3 and written[-1] in "sS" and written[-2] in APOSTROPHES:
        return (whole, fold(written[:-2]))
    return (whole,) if whole else ()


@dataclass(frozen=True, slots=True)
class Squeezed:
    """A text without its spaces and punctuation, which knows where each character stood."""

    written: str
    text: str
    at: tuple[int, ...]

    def spans(self, wanted: str, gap: int) -> Iterator[tuple[int, int]]:
        """Yield where *wanted* stands by itself, at most *gap* characters between two."""
        found = self.text.find(wanted) if wanted else -1
        while found >= 0:
            places = self.at[found : found + len(wanted)]
            near = all(b - a <= gap + 1 for a, b in pairwise(places))
            if near and self._alone(places[0], places[-1] + 1):
                yield places[0], places[-1] + 1
            found = self.text.find(wanted, found + 1)

    def _alone(self, start: int, end: int) -> bool:
        before, behind = self.written[start - 1 : start], self.written[end : end + 1]
        return not before.isalnum() and not behind.isalnum()


def squeeze(text: str) -> Squeezed:
    """Return *text* folded, letters and digits only."""
    kept = [
        (folded, index)
        for index, char in enumerate(text)
        for folded in fold(char)
        if folded.isalnum()
    ]
    return Squeezed(text, "".join(char for char, _ in kept), tuple(index for _, index in kept))
