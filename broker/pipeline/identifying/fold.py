"""Writing made comparable: case, marks, ʻokina and zero-width characters left aside.

The ʻokina is written in a dozen ways, macrons are left out or doubled, and Samoan *g* is
written *ng* by those who hear it. What is left after `fold` and `loose` is compared.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

#: The ʻokina and what stands in for it, hamza and ayn, primes, quotation marks.
APOSTROPHES = frozenset("ʻʼʽ‘’‛'`´ʹʾʿˈꞌꞋ′‵＇")

#: Letters that have no decomposition, as who lacks the key writes them.
_PLAIN = str.maketrans(
    {"đ": "d", "ð": "d", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ŋ": "ng"}
)
_NO_APOSTROPHES = dict.fromkeys(map(ord, APOSTROPHES))
_ASCII_BARE = {code: None for code in range(128) if not chr(code).isalnum()} | {
    code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)
}
_NO_WORD = re.compile(r"[\W_]+")
_DOUBLED = re.compile(r"([aeiou])\1+")


def _is_dropped(char: str) -> bool:
    if char < "\u0080":
        return char == "'"
    return "\u0300" <= char <= "\u036f" or unicodedata.category(char) == "Cf"


def _dropped() -> str:
    others = (chr(code) for code in (*range(0x80, 0x20000), *range(0xE0000, 0xE0080)))
    return re.escape("".join(("'", *(char for char in others if _is_dropped(char)))))


_DROPPED = re.compile(f"[{_dropped()}]")


def _within_words() -> str:
    """Return what belongs to a word beside letters and digits, as a class of a pattern."""
    others = (chr(code) for code in range(0x80, 0x10000))
    marks = (c for c in others if unicodedata.category(c)[0] == "M" or _is_dropped(c))
    return re.escape("".join((*sorted(APOSTROPHES), *marks)))


_RUN = re.compile(rf"(?:[^\W_]|[{_within_words()}])+")


def fold(text: str) -> str:
    """Return *text* without case, diacritics, apostrophes and invisible characters."""
    if text.isascii():
        return text.translate(_NO_APOSTROPHES).casefold()
    bare = unicodedata.normalize("NFKD", text.translate(_NO_APOSTROPHES)).casefold()
    again = unicodedata.normalize("NFKD", bare).translate(_PLAIN)
    return _DROPPED.sub("", again)


def bare(text: str) -> str:
    """Return *text* folded, and only its letters and digits."""
    if text.isascii():
        return text.translate(_ASCII_BARE)
    return _NO_WORD.sub("", fold(text))


def loose(folded: str) -> str:
    """Return *folded* with doubled vowels single and *ng* as *g*."""
    return _DOUBLED.sub(r"\1", folded).replace("ng", "g")


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
    for start, end in (run.span() for run in _RUN.finditer(text)):
        opens = not found or bool(re.search(r"[.!?:;\n•*]", text[behind:start]))
        behind = end
        if forms := _forms(text[start:end]):
            found.append(Word(start, end, text[start:end], forms, opens))
    return found


def _forms(written: str) -> tuple[str, ...]:
    whole = fold(written)
    if len(written) > 3 and written[-1] in "sS" and written[-2] in APOSTROPHES:
        return (whole, fold(written[:-2]))
    return (whole,) if whole else ()


class Squeezed:
    """A text without its spaces and punctuation, which knows where each character stood.

    Attributes:
        text: Its letters and digits, folded.
        at: Where each of them stands in the text as written.
    """

    def __init__(self, written: str) -> None:
        kept = [
            (folded, index)
            for index, char in enumerate(written)
            for folded in fold(char)
            if folded.isalnum()
        ]
        self._written = written
        self.text = "".join(char for char, _ in kept)
        self.at = [index for _, index in kept]
        self._gaps: dict[int, list[int]] = {}

    def spans(self, wanted: str, gap: int) -> Iterator[tuple[int, int]]:
        """Yield where *wanted* stands by itself, at most *gap* characters between two."""
        found = self.text.find(wanted) if wanted else -1
        wide = self._wide(gap) if found >= 0 else []
        while found >= 0:
            last = found + len(wanted) - 1
            start, end = self.at[found], self.at[last] + 1
            if wide[last] == wide[found] and self._alone(start, end):
                yield start, end
                found = last
            found = self.text.find(wanted, found + 1)

    def _wide(self, gap: int) -> list[int]:
        """Return, for each character, how many gaps before it are wider than *gap*."""
        if gap not in self._gaps:
            wider = (b - a > gap + 1 for a, b in pairwise(self.at))
            self._gaps[gap] = [0, *accumulate(wider, initial=0)][1:]
        return self._gaps[gap]

    def _alone(self, start: int, end: int) -> bool:
        before, behind = self._written[start - 1 : start], self._written[end : end + 1]
        return not before.isalnum() and not behind.isalnum()
