"""What a TAXII request asks for: media types, where to begin, how much, and which objects.

What a parameter cannot mean is a 400, as TAXII wants it; parameters that are not TAXII's are
passed over.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import Request
from starlette.datastructures import QueryParams

from broker.gateway.problems import Problem

#: Objects in one answer.
DEFAULT_LIMIT, MOST = 200, 1000
#: More of it is no filter but a way to make the server work.
_MOST_VALUES = 200
_VERSION_WORDS = frozenset({"first", "last", "all"})
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAKEN = {"application/taxii+json", "application/*", "*/*"}


@dataclass(frozen=True, slots=True)
class Match:
    """Which objects are asked for; an empty set asks for all.

    Attributes:
        versions: Microseconds since 1970 of versions that are asked for.
        words: Of first, last, all.
    """

    ids: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    spec_versions: frozenset[str] = frozenset()
    versions: frozenset[int] = frozenset()
    words: frozenset[str] = frozenset({"last"})

    def wants(self, identifier: str, kind: str) -> bool:
        """Whether an object is asked for, whatever its version."""
        return (
            (not self.ids or identifier in self.ids)
            and (not self.types or kind in self.types)
            and (not self.spec_versions or "2.1" in self.spec_versions)
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for objects, manifests or versions.

    Attributes:
        added_after: Microseconds since 1970; None from the beginning.
        next: Where a page before this one ended.
    """

    added_after: int | None
    next: str | None
    limit: int
    match: Match


def asked_by(request: Request) -> Asked:
    """Return what *request* asks for.

    Raises:
        Problem: 400 for what cannot be.
    """
    query = request.query_params
    after = query.get("added_after")
    return Asked(
        added_after=None if after is None else microseconds(after, "added_after"),
        next=query.get("next"),
        limit=_limit(query.get("limit")),
        match=_match(query),
    )


def microseconds(text: str, name: str) -> int:
    """Return a timestamp as microseconds since 1970.

    Raises:
        Problem: 400, as it is none.
    """
    if not _MOMENT.fullmatch(text):
        raise _invalid(name)
    try:
        return (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise _invalid(name) from None


def written(added: int) -> str:
    """Return microseconds since 1970 as TAXII writes a timestamp."""
    moment = _EPOCH + timedelta(microseconds=added)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def acceptable(request: Request) -> None:
    """Refuse a request that cannot take what is served.

    Raises:
        Problem: 406.
    """
    ranges = request.headers.get("accept", "*/*").lower().replace(" ", "").split(",")
    if not any(_takes(each) for each in ranges):
        raise Problem(406, "NOT_ACCEPTABLE")


def is_taxii(content_type: str) -> bool:
    """Whether a body of this media type is TAXII 2.1."""
    kind, _, rest = content_type.lower().replace(" ", "").partition(";")
    return kind == "application/taxii+json" and rest in {"", "version=2.1"}


def _takes(media_range: str) -> bool:
    kind, *parameters = media_range.split(";")
    said = dict(each.partition("=")[::2] for each in parameters)
    if kind not in _TAKEN or re.fullmatch(r"0(\.0*)?", said.get("q", "1")):
        return False
    return kind != "application/taxii+json" or said.get("version", "2.1") == "2.1"


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text, re.ASCII):
        raise _invalid("limit")
    return min(int(text), MOST)


def _match(query: QueryParams) -> Match:
    words, moments = set(), set()
    for each in _values(query, "match[version]"):
        if each in _VERSION_WORDS:
            words.add(each)
        else:
            moments.add(microseconds(each, "match[version]"))
    return Match(
        ids=_values(query, "match[id]"),
        types=_values(query, "match[type]"),
        spec_versions=_values(query, "match[spec_version]"),
        versions=frozenset(moments),
        words=frozenset(words) if words or moments else frozenset({"last"}),
    )


def _values(query: Mapping[str, str], name: str) -> frozenset[str]:
    text = query.get(name)
    if text is None:
        return frozenset()
    found = frozenset(text.split(","))
    if "" in found or len(found) > _MOST_VALUES:
        raise _invalid(name)
    return found


def _invalid(name: str) -> Problem:
    return Problem(400, "FIELD_INVALID", f"query.{name}")
