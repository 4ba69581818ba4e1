"""Where somebody can be found or written to: addresses, positions, mail, accounts."""

import re
from collections.abc import Iterable, Iterator

from broker.pipeline.identifying.names import Text, tokens_of
from broker.pipeline.identifying.ordinary import NEVER_ALONE

Span = tuple[int, int]

_MAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%'-]{1,64}(?:@|\s?[\[(]at[\])]\s?)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
)
_HANDLE = re.compile(r"(?<![\w@./+%-])@[A-Za-z0-9_](?:[A-Za-z0-9_.]{1,28}[A-Za-z0-9_])")
_PROFILE = re.compile(
    r"\b(?:facebook|fb|instagram|tiktok|snapchat|twitter|x|t|wa|m|linkedin|telegram|vk|weibo)"
    r"\.(?:com|me|org)/[^\s,;)]{2,60}",
    re.IGNORECASE,
)
_STREET = re.compile(
    r"(?<![\w-])\d{1,5}[A-Za-z]?,?\s+(?:[A-Z][\w'ʻ’]{1,30}\s+){1,3}"
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Highway|Hwy|Crescent|Parade|Terrace|Close)\b"
)
_DECIMAL = re.compile(
    r"(?<![\w.])[-−]?\d{1,3}\.\d{3,9}\s?°?\s?[NS]?\s?[,;/ ]\s?[-−]?\d{1,3}\.\d{3,9}(?![\w.])"
)
_DEGREES = re.compile(
    r"\d{1,3}\s?°\s?\d{1,2}(?:\.\d+)?\s?['′’](?:\s?[\d.]{1,6}\s?[\"″”])?\s?[NSEW]\b"
)

#: Longest runs of an address that are looked for, in words; the whole is one, too.
_RUNS = (4, 3, 2)
_LONGEST = 12
#: How many words of a run must tell more than the town: fewer beside the number of a house.
_TELLING, _TELLING_WITH_NUMBER = 3, 2


def mails_in(text: str) -> Iterator[Span]:
    """Yield e-mail addresses."""
    return (found.span() for found in _MAIL.finditer(text))


def accounts_in(text: str) -> Iterator[Span]:
    """Yield names of accounts in social networks."""
    for pattern in (_HANDLE, _PROFILE):
        yield from (found.span() for found in pattern.finditer(text))


def positions_in(text: str) -> Iterator[Span]:
    """Yield positions that are exact to about a hundred metres."""
    for pattern in (_DECIMAL, _DEGREES):
        yield from (found.span() for found in pattern.finditer(text))


def streets_in(text: str) -> Iterator[Span]:
    """Yield what is written like a street address."""
    return (found.span() for found in _STREET.finditer(text))


def addresses_in(text: Text, addresses: Iterable[str]) -> Iterator[Span]:
    """Yield where enough of one of *addresses* stands to tell the place.

    The town and the country in it do not count: the alert's route tells them.
    """
    runs = {
        tuple(run)
        for address in set(addresses)
        for tokens in [tokens_of(address)[:_LONGEST]]
        for size in (len(tokens), *_RUNS)
        for run in _runs(tokens, size)
    }
    for run in runs:
        if _tells(run, text):
            yield from text.run(run)


def _runs(tokens: list[str], size: int) -> Iterator[list[str]]:
    return (tokens[first : first + size] for first in range(len(tokens) - size + 1))


def _tells(run: tuple[str, ...], text: Text) -> bool:
    telling = sum(token not in NEVER_ALONE and token not in text.elsewhere for token in run)
    numbered = any(token.isdigit() for token in run)
    return telling >= (_TELLING_WITH_NUMBER if numbered else _TELLING)
