"""Names of people in a text, in whatever way they are written there.

A name is found if it stands there whole; if two of its words stand side by side in any
order; or if one of its words stands alone and nothing else explains it. One name of a person
is enough to be known by on a small island, so words alone count, with the limits below.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from broker.pipeline.identifying.fold import Squeezed, Word, fold, loose, squeeze, words_of
from broker.pipeline.identifying.ordinary import NEVER_ALONE, ORDINARY

Span = tuple[int, int]

#: Scripts that put no space between words.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)

_SHORTEST_ALONE = 3
_SHORTEST_LOOSE = 5
#: Two words of a name may have this many others between them: a middle name, an initial.
_BETWEEN = 1


@dataclass(frozen=True)
class Text:
    """A text, looked up by its words.

    Attributes:
        words: Its words in order.
        squeezed: The same text without spaces.
        elsewhere: Words that name something else in the alert: places, vessels.
    """

    written: str
    elsewhere: frozenset[str]
    words: list[Word] = field(init=False)
    squeezed: Squeezed = field(init=False)
    capitals: bool = field(init=False)
    shouted: bool = field(init=False)
    _strict: dict[str, list[int]] = field(init=False)
    _loose: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        words = words_of(self.written)
        strict: dict[str, list[int]] = defaultdict(list)
        similar: dict[str, list[int]] = defaultdict(list)
        for index, word in enumerate(words):
            for form in word.forms:
                strict[form].append(index)
                similar[loose(form)].append(index)
        for name, value in {
            "words": words,
            "squeezed": squeeze(self.written),
            "capitals": any(char.isupper() for char in self.written),
            "shouted": not any(char.islower() for char in self.written),
            "_strict": strict,
            "_loose": similar,
        }.items():
            object.__setattr__(self, name, value)

    def places(self, token: str) -> list[int]:
        """Return where *token* stands, spelt strictly or loosely, by number of the word."""
        return self._loose.get(loose(token), [])

    def exact(self, token: str) -> list[int]:
        """Return where *token* stands; long ones in loose spelling too."""
        similar = loose(token)
        return self.places(token) if len(similar) >= _SHORTEST_LOOSE else self._strict[token]

    def span(self, first: int, last: int) -> Span:
        """Return the characters from word *first* to word *last*."""
        return self.words[first].start, self.words[last].end


def names_in(text: Text, names: Iterable[str]) -> set[Span]:
    """Return where *text* says one of *names*."""
    return {span for name in names for span in _name_in(text, name)}


def run_in(text: Text, tokens: list[str]) -> Iterator[Span]:
    """Yield where *tokens* stand in *text*, all and in order."""
    for first in text.places(tokens[0]) if tokens else ():
        following = range(first, first + len(tokens))
        if all(at in text.places(token) for at, token in zip(following, tokens, strict=True)):
            yield text.span(first, first + len(tokens) - 1)


def tokens_of(name: str) -> list[str]:
    """Return the words of *name*, folded."""
    return [word.forms[0] for word in words_of(name)]


def _name_in(text: Text, name: str) -> Iterator[Span]:
    if _UNSPACED.search(name):
        yield from _unspaced(text, name)
        return
    chunks = [(chunk, tokens_of(chunk)) for chunk in name.split()]
    plain = [token for chunk, tokens in chunks if not _numbered(chunk) for token in tokens]
    whole = [token for _, tokens in chunks for token in tokens]
    numbered = [tokens for chunk, tokens in chunks if _numbered(chunk)]
    for tokens in (whole, plain, *numbered):
        if len(tokens) > 1 and any(len(token) > 1 for token in tokens):
            yield from run_in(text, tokens)
    telling = [token for token in plain if token not in NEVER_ALONE]
    yield from _pairs(text, telling)
    # Written as one word, such as Xiao Ming as Xiaoming.
    joined = [a + b for a, b in pairwise(plain) if len(a + b) >= _SHORTEST_LOOSE]
    nicknames = [tokens[0] for tokens in numbered if len(tokens) == 1]
    for token in {*telling, *joined, *nicknames}:
        yield from _alone(text, token)
    yield from _parted(text, telling)


def _numbered(chunk: str) -> bool:
    """Return whether *chunk* of a name holds digits: it is looked for whole, never in parts."""
    return any(char.isdigit() for char in chunk)


def _unspaced(text: Text, name: str) -> Iterator[Span]:
    wanted = "".join(char for char in fold(name) if char.isalnum())
    found = text.squeezed.text.find(wanted) if len(wanted) > 1 else -1
    while found >= 0:
        yield text.squeezed.at[found], text.squeezed.at[found + len(wanted) - 1] + 1
        found = text.squeezed.text.find(wanted, found + 1)


def _pairs(text: Text, tokens: list[str]) -> Iterator[Span]:
    places = sorted(
        (at, token) for token in set(tokens) if len(token) > 1 for at in text.places(token)
    )
    for (first, one), (last, other) in pairwise(places):
        near = first < last <= first + 1 + _BETWEEN
        if (
            one != other
            and near
            and not {one, other} <= text.elsewhere
            and _is_pair(text, (first, one), (last, other))
        ):
            yield text.span(first, last)


def _is_pair(text: Text, *found: tuple[int, str]) -> bool:
    # "How long do they stay" names nobody called Long Do.
    telling = any(token not in ORDINARY and len(token) > 2 for _, token in found)
    return telling or not text.capitals or all(text.words[at].capital for at, _ in found)


def _alone(text: Text, token: str) -> Iterator[Span]:
    if len(token) < _SHORTEST_ALONE or token.isdigit() or token in NEVER_ALONE | text.elsewhere:
        return
    for at in text.exact(token):
        word = text.words[at]
        written_as_name = word.capital or not text.capitals or _numbered(token)
        if written_as_name and (token not in ORDINARY or _stands_out(text, word)):
            yield text.span(at, at)


def _stands_out(text: Text, word: Word) -> bool:
    return word.capital and not word.opens and not text.shouted


def _parted(text: Text, tokens: list[str]) -> Iterator[Span]:
    """Yield names that are parted where an apostrophe belongs, such as Fa atasi."""
    wanted = {token for token in tokens if len(token) >= _SHORTEST_LOOSE} - text.elsewhere
    for at, (one, other) in enumerate(pairwise(text.words)):
        names_like = one.capital and (not one.opens or text.shouted)
        hyphen = text.written[one.end : other.start] in {"-", "‐", "‑", "."}
        if (names_like or hyphen) and one.forms[0] + other.forms[0] in wanted:
            yield text.span(at, at + 1)
