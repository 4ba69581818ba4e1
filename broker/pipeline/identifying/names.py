"""Names of people in a text, in whatever way they are written there.

A name is found if it stands there whole; if two of its words stand side by side in any
order; or if one of its words stands alone and nothing else explains it. One name of a person
is enough to be known by on a small island, so words alone count, with the limits below.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cached_property
from itertools import pairwise

from broker.pipeline.identifying.fold import Squeezed, Word, fold, loose, words_of
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
#: Words of a name that are looked at; what is longer is no name, and must not cost.
_LONGEST = 12


class Text:
    """A text, looked up by its words.

    Args:
        written: The text.
        elsewhere: Words that name something else in the alert: places, vessels.
    """

    def __init__(self, written: str, elsewhere: frozenset[str] = frozenset()) -> None:
        self.written = written
        self.elsewhere = elsewhere
        self.words = words_of(written)
        self.capitals = any(char.isupper() for char in written)
        self.shouted = not any(char.islower() for char in written)
        self._strict: dict[str, list[int]] = defaultdict(list)
        self._loose: dict[str, list[int]] = defaultdict(list)
        self._runs: dict[int, dict[tuple[str, ...], list[int]]] = {}
        for index, word in enumerate(self.words):
            for form in word.forms:
                self._strict[form].append(index)
                self._loose[loose(form)].append(index)

    @cached_property
    def squeezed(self) -> Squeezed:
        """The same text without spaces."""
        return Squeezed(self.written)

    @property
    def spelt(self) -> Set[str]:
        """Its words, loosely spelt."""
        return self._loose.keys()

    def exact(self, token: str) -> Sequence[int]:
        """Return where *token* stands, by number of the word; long ones loosely spelt, too."""
        similar = loose(token)
        if len(similar) >= _SHORTEST_LOOSE:
            return self._loose.get(similar, ())
        return self._strict.get(token, ())

    def run(self, tokens: Sequence[str]) -> Iterator[Span]:
        """Yield where *tokens* stand, all and in order, loosely spelt."""
        wanted = tuple(loose(token) for token in tokens[:_LONGEST])
        for first in self._runs_of(len(wanted)).get(wanted, ()):
            yield self.span(first, first + len(wanted) - 1)

    def span(self, first: int, last: int) -> Span:
        """Return the characters from word *first* to word *last*."""
        return self.words[first].start, self.words[last].end

    def _runs_of(self, size: int) -> dict[tuple[str, ...], list[int]]:
        if size not in self._runs:
            found: dict[tuple[str, ...], list[int]] = defaultdict(list)
            for form in (0, -1):  # the last word may be a possessive
                spelt = [loose(word.forms[0]) for word in self.words]
                for last in range(size - 1, len(spelt)) if size else ():
                    end = loose(self.words[last].forms[form])
                    found[*spelt[last - size + 1 : last], end].append(last - size + 1)
            self._runs[size] = found
        return self._runs[size]


class Names:
    """Names of people, taken apart once to be looked for in several texts."""

    def __init__(self, names: Iterable[str]) -> None:
        self._runs: set[tuple[str, ...]] = set()
        self._alone: set[str] = set()
        #: Names and words by how their first word is loosely spelt: a text is asked for all
        #: of them at once.
        self._firsts: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        self._single: dict[str, set[str]] = defaultdict(set)
        self._telling: set[str] = set()
        self._unspaced: set[str] = set()
        self._names_with: dict[str, set[int]] = defaultdict(set)
        for number, name in enumerate(dict.fromkeys(names)):
            if _UNSPACED.search(name):
                self._unspaced.add("".join(char for char in fold(name) if char.isalnum()))
            else:
                self._take(number, name)

    def __bool__(self) -> bool:
        return bool(self._runs or self._alone or self._unspaced)

    def spans_in(self, text: Text) -> set[Span]:
        """Return where *text* says one of the names."""
        return {
            *(span for run in self._runs for span in text.run(run)),
            *self._pairs_in(text),
            *(span for token in self._alone - text.elsewhere for span in _alone(text, token)),
            *self._parted_in(text),
            *(span for name in self._unspaced for span in _unspaced(text, name)),
        }

    def whole_in(self, text: Text) -> set[Span]:
        """Return where *text* says enough of one of the names to tell the person.

        All of it, two of its words side by side, or the one word that it is. A word alone of
        a longer name may be a relative's, and is left to `spans_in`.
        """
        there = text.spelt
        runs = (run for first in self._firsts.keys() & there for run in self._firsts[first])
        single = (token for like in self._single.keys() & there for token in self._single[like])
        return {
            *(span for run in runs for span in text.run(run)),
            *self._pairs_in(text),
            *(span for token in single for span in _alone(text, token)),
            *(span for name in self._unspaced for span in _unspaced(text, name)),
        }

    def _take(self, number: int, name: str) -> None:
        chunks = [(chunk, tokens_of(chunk)) for chunk in name.split()]
        plain = [token for chunk, tokens in chunks if not _numbered(chunk) for token in tokens]
        whole = [token for _, tokens in chunks for token in tokens]
        numbered = [tokens for chunk, tokens in chunks if _numbered(chunk)]
        for tokens in (whole, plain, *numbered):
            if len(tokens) > 1 and any(len(token) > 1 for token in tokens):
                self._runs.add(tuple(tokens[:_LONGEST]))
                self._firsts[loose(tokens[0])].add(tuple(tokens[:_LONGEST]))
        telling = [token for token in plain if token not in NEVER_ALONE][:_LONGEST]
        self._telling.update(telling)
        for token in telling:
            if len(token) > 1:
                self._names_with[loose(token)].add(number)
        # Written as one word, such as Xiao Ming as Xiaoming.
        joined = [a + b for a, b in pairwise(plain) if len(a + b) >= _SHORTEST_LOOSE]
        nicknames = [tokens[0] for tokens in numbered if len(tokens) == 1]
        whole = telling if len(telling) == 1 else joined
        for token in filter(_may_be_alone, (*whole, *nicknames)):
            self._single[loose(token)].add(token)
        self._alone.update(t for t in (*telling, *joined, *nicknames) if _may_be_alone(t))

    def _pairs_in(self, text: Text) -> Iterator[Span]:
        """Yield where two words of one name stand side by side."""
        known = [self._forms_known(word) for word in text.words]
        for first, ours in enumerate(known):
            for last in range(first + 1, first + 2 + _BETWEEN) if ours else ():
                theirs = known[last] if last < len(known) else ()
                if any(self._is_pair(text, (first, a), (last, b)) for a in ours for b in theirs):
                    yield text.span(first, last)

    def _forms_known(self, word: Word) -> list[str]:
        return [form for form in word.forms if loose(form) in self._names_with]

    def _is_pair(self, text: Text, *found: tuple[int, str]) -> bool:
        one, other = (loose(form) for _, form in found)
        if one == other or self._names_with[one].isdisjoint(self._names_with[other]):
            return False
        if all(form in text.elsewhere for _, form in found):
            return False
        # "How long do they stay" names nobody called Long Do.
        telling = any(form not in ORDINARY and len(form) > 2 for _, form in found)
        return telling or not text.capitals or all(text.words[at].capital for at, _ in found)

    def _parted_in(self, text: Text) -> Iterator[Span]:
        """Yield names that are parted where an apostrophe belongs, such as Fa atasi."""
        wanted = self._telling - text.elsewhere
        for at, (one, other) in enumerate(pairwise(text.words)):
            names_like = one.capital and (not one.opens or text.shouted)
            hyphen = text.written[one.end : other.start] in {"-", "‐", "‑", "."}
            joined = one.forms[0] + other.forms[0]
            if (names_like or hyphen) and len(joined) >= _SHORTEST_LOOSE and joined in wanted:
                yield text.span(at, at + 1)


def tokens_of(name: str) -> list[str]:
    """Return the words of *name*, folded."""
    return [word.forms[0] for word in words_of(name)]


def _numbered(chunk: str) -> bool:
    """Return whether *chunk* of a name holds digits: it is looked for whole, never in parts."""
    return any(char.isdigit() for char in chunk)


def _may_be_alone(token: str) -> bool:
    return len(token) >= _SHORTEST_ALONE and not token.isdigit() and token not in NEVER_ALONE


def _alone(text: Text, token: str) -> Iterator[Span]:
    for at in text.exact(token):
        word = text.words[at]
        written_as_name = word.capital or not text.capitals or _numbered(token)
        if written_as_name and (token not in ORDINARY or _stands_out(text, word)):
            yield text.span(at, at)


def _stands_out(text: Text, word: Word) -> bool:
    return word.capital and not word.opens and not text.shouted


def _unspaced(text: Text, wanted: str) -> Iterator[Span]:
    found = text.squeezed.text.find(wanted) if len(wanted) > 1 else -1
    while found >= 0:
        end = found + len(wanted)
        yield text.squeezed.at[found], text.squeezed.at[end - 1] + 1
        found = text.squeezed.text.find(wanted, end)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return *spans* in order, those that overlap or touch as one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
