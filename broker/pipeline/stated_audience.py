"""Whom a text says it is for, where it says so in one of a few set phrases of English.

"For the police of Fiji only", "not for immigration", "do not tell Fiji police": policy reads no
text, so such a sentence binds nobody. What is not understood here says nothing, and no text is
clear because nothing was found in it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from broker.model.codes import Caveat, RecipientClass, Tlp
from broker.model.country_names import country_of


class Audience(NamedTuple):
    """Those whom a few words mean.

    Attributes:
        classes: Kinds of recipients; empty for any.
        country: ISO 3166-1 code; None for any.
        name: Id of a unit or organisation; None where none is named.
    """

    classes: frozenset[RecipientClass] = frozenset()
    country: str | None = None
    name: str | None = None


class Stated(NamedTuple):
    """One statement in a text.

    Attributes:
        start: Its first character.
        end: One behind its last.
        means: Those whom it is for or not for; a marking or a caveat that the text names.
        only: Of people: whether it is for them only; otherwise it is not for them.
    """

    start: int
    end: int
    means: tuple[Audience, ...] | Tlp | Caveat
    only: bool = False


_POLICE = frozenset({RecipientClass.POLICE, RecipientClass.TCU})
_BORDER = frozenset({RecipientClass.IMMIGRATION})
_CUSTOMS = frozenset({RecipientClass.CUSTOMS})
_CHILDREN = frozenset({RecipientClass.CHILD_PROTECTION})
_HELPERS = frozenset({RecipientClass.CIVIL_SOCIETY})
_CLASSES = {
    "police": _POLICE,
    "tcu": frozenset({RecipientClass.TCU}),
    "tcus": frozenset({RecipientClass.TCU}),
    "transnational crime": frozenset({RecipientClass.TCU}),
    "immigration": _BORDER,
    "border": _BORDER,
    "customs": _CUSTOMS,
    "law enforcement": _POLICE | _BORDER | _CUSTOMS,
    "child protection": _CHILDREN,
    "child welfare": _CHILDREN,
    "shelter": _HELPERS,
    "shelters": _HELPERS,
    "civil society": _HELPERS,
    "ngo": _HELPERS,
    "ngos": _HELPERS,
}
_KINDS_OF_DESKS = re.compile(
    r" (?:eyes|desks?|officers?|units?|authorities|officials|service|organisations?)$"
)

#: At most six words, as many as a name of a unit or country has.
_WHO = r"(?:the\s{1,9})?(?P<who>[\w'’-]{1,40}(?:\s{1,9}[\w'’-]{1,40}){0,5}"
_TELL = (
    r"tell|inform|show|(?:be\s{1,9})?(?:shown|shared?|given?|passed?|sent|send)\s{1,9}(?:with|to)"
)
_ONLY = (
    r"(?<!not )\b(?:for|to|with)\s{1,9}" + _WHO + r"?)\s{1,9}(?:only|alone)\b",
    r"(?<!not )\b(?:only|solely|exclusively)\s{1,9}(?:for|to|with)\s{1,9}" + _WHO + ")",
)
_NOT = (
    r"\b(?:(?:do|must|should|may)\s{1,9})?(?:not\s{1,9}for"
    rf"|(?:not|never|don['’]t)\s{{1,9}}(?:{_TELL})"
    r"|keep\s{1,9}(?:this\s{1,9}|it\s{1,9})?from)\s{1,9}" + _WHO + ")"
)
_ONLY_SAID = tuple(re.compile(each, re.IGNORECASE) for each in _ONLY)
_NOT_SAID = re.compile(_NOT, re.IGNORECASE)
_TLP = re.compile(
    r"\bTLP[ :_-]{0,3}(RED|AMBER[+_ ]STRICT|AMBER|GREEN|CLEAR|WHITE)\b", re.IGNORECASE
)
_CAVEATS = {
    Caveat.ORCON: r"ORCON|originator[ -]controlled",
    Caveat.NO_COURT: r"NO_COURT|not\s+(?:for|to be used in)\s+court|not\s+(?:as|for)\s+evidence",
    Caveat.NO_ONWARD: r"NO_ONWARD|not\s+(?:forward|pass\s+(?:this\s+|it\s+)?on|share\s+further)",
    Caveat.NO_IMMIGRATION_ENFORCEMENT: r"NO_IMMIGRATION_ENFORCEMENT"
    r"|not\s+for\s+(?:immigration\s+enforcement|enforcement|deportation|removal)",
}
_CAVEATS_SAID = {
    caveat: re.compile(rf"\b(?:{said})\b", re.IGNORECASE) for caveat, said in _CAVEATS.items()
}


def stated_in(text: str, names: Mapping[str, str]) -> Iterator[Stated]:
    """Yield what *text* says of whom it is for.

    Args:
        text: What somebody wrote.
        names: Names of units and organisations in lower case, with the id of each.
    """
    for found in _TLP.finditer(text):
        written = re.sub(r"[+ ]", "_", found[1].upper())
        yield Stated(*found.span(), Tlp("CLEAR" if written == "WHITE" else written))
    taken: set[int] = set()
    for caveat, said in _CAVEATS_SAID.items():
        for found in said.finditer(text):
            taken.add(found.start())
            yield Stated(*found.span(), caveat)
    for pattern in _ONLY_SAID:
        for found in pattern.finditer(text):
            yield from _people(found, names, only=True)
    for found in _NOT_SAID.finditer(text):
        if found.start() not in taken:
            yield from _people(found, names, only=False)


def _people(found: re.Match[str], names: Mapping[str, str], *, only: bool) -> Iterator[Stated]:
    """Yield whom the longest start of the words means; behind them other words may follow.

    Where "only" stands behind them, all of them must be understood; "not for some only" says
    nothing of whom it is not for.
    """
    words = list(re.finditer(r"\S+", found["who"]))
    closed = found.end() != found.end("who")
    for count in range(len(words), 0, -1):
        said = found["who"][: words[count - 1].end()]
        whom = [_audience(each, names) for each in re.split(r"\s+(?:and|or)\s+", said)]
        known = tuple(each for each in whom if each is not None)
        if len(known) < len(whom):
            continue
        behind = words[count].group().casefold() if count < len(words) else ""
        if not (closed and behind) and (only or behind not in {"only", "alone"}):
            end = found.end() if closed else found.start("who") + len(said)
            yield Stated(found.start(), end, known, only)
        return


def _audience(said: str, names: Mapping[str, str]) -> Audience | None:
    phrase = re.sub(r"^the ", "", " ".join(said.casefold().split()))
    if phrase in names:
        return Audience(name=names[phrase])
    classed, _, place = phrase.partition(" of ") if " of " in phrase else phrase.partition(" in ")
    if place:
        classes, country = _classes(classed), _country(place)
        return Audience(classes, country) if classes and country else None
    if classes := _classes(phrase):
        return Audience(classes)
    if country := _country(phrase):
        return Audience(country=country)
    words = phrase.split()
    for at in range(1, len(words)):
        country, classes = _country(" ".join(words[:at])), _classes(" ".join(words[at:]))
        if country and classes:
            return Audience(classes, country)
    return None


def _classes(phrase: str) -> frozenset[RecipientClass]:
    bare = _KINDS_OF_DESKS.sub("", phrase)
    return _CLASSES.get(phrase) or _CLASSES.get(bare) or frozenset()


def _country(phrase: str) -> str | None:
    """Return the country of a *phrase*; two letters are more often a word (me, us, to)."""
    return country_of(phrase) if len(phrase) > 2 else None
