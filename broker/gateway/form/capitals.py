"""What in a text may be a name that the report gives nowhere else, by its capital letters.

`broker.pipeline.identifying` finds people whom the report describes. Here a guess is enough:
whoever wrote the text is shown the words, and knows.
"""

import re
from collections.abc import Iterable

from broker.model.country_names import NAMES
from broker.pipeline.identifying.ordinary import NEVER_ALONE

_WORD = r"[^\W\d_a-z][^\W\d_]*(?:['’ʻ-][^\W\d_]+)*"
_RUN = re.compile(rf"{_WORD}(?:[ \n]+{_WORD})+")
_TITLED = re.compile(rf"\b(?:[Mm]rs?|[Mm]s|[Mm]iss|[Dd]r|[Ss]ister|[Bb]rother)\.? +{_WORD}")
_COUNTRIES = frozenset(word for name in NAMES.values() for word in name.casefold().split())
#: Words that begin sentences, and are no names.
_BEGIN = frozenset(
    "a an the this that these those our their his her its my your we they he she it i you in on at "
    "from to by with when while after before since if as some many all no two three several most "
    "people men women workers girls boys crew".split()
)
_MOST = 10


def possible_names(text: str, elsewhere: Iterable[str]) -> list[str]:
    """Return words of *text* that may be somebody's name; *elsewhere* names places and boats."""
    if text.isupper():
        return []
    explained = {word for each in elsewhere for word in each.casefold().split()}
    explained |= _COUNTRIES | NEVER_ALONE | _BEGIN
    found = [_unexplained(each.group(), explained) for each in _RUN.finditer(text)]
    titled = [each.group() for each in _TITLED.finditer(text)]
    names = [" ".join(words) for words in found if len(words) > 1]
    return list(dict.fromkeys([*names, *titled]))[:_MOST]


def _unexplained(run: str, explained: set[str]) -> list[str]:
    return [each for each in run.split() if each[0].isupper() and each.casefold() not in explained]
