"""Columns as survey tools export them: groups before names, choices in columns of their own.

KoBoToolbox writes ``group/name`` and ``name/choice``, ODK Central ``group-name`` and
``name/choice``; both add columns of their own, which say nothing about the case. A name that
begins with an underscore is KoBo's own, whatever it is: the form has none.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

#: What KoBoToolbox, ODK and their phones add, beside names with an underscore before them.
_BOOKKEEPING = frozenset(
    "start end today username deviceid phonenumber simserial subscriberid audit formhub/uuid "
    "instanceID instanceName rootUuid deprecatedID __version__ _version_".split()
)
#: What ODK Central adds. Its ``Status`` is not the case's; it writes no labels.
_OF_CENTRAL = frozenset(
    "SubmissionDate KEY PARENT_KEY SubmitterID SubmitterName AttachmentsPresent "
    "AttachmentsExpected Status ReviewState DeviceID Edits FormVersion".split()
)
_CENTRAL = {"SubmissionDate", "KEY"}
_NAME = re.compile(r"[a-z]{2,4}_\w+")
_OWN = re.compile(r"_{1,2}[A-Za-z]\w*|meta[/:-]\w+|.+[/:-]meta[/:-]\w+")


class SurveyColumn(NamedTuple):
    """What stands in a column.

    Attributes:
        name: The field of the form.
        choice: The choice that it ticks, where each has a column of its own.
    """

    name: str
    choice: str | None = None


def is_central(headers: Iterable[str]) -> bool:
    """Whether ODK Central wrote a sheet with these *headers*."""
    return set(headers) >= _CENTRAL


def is_bookkeeping(header: str, *, central: bool) -> bool:
    """Whether a tool has added the column *header*."""
    own = header in _BOOKKEEPING or _OWN.fullmatch(header) is not None
    return own or (central and header in _OF_CENTRAL)


def survey_column(
    header: str, known: Callable[[str], str | None], has_choice: Callable[[str, str], bool]
) -> SurveyColumn | None:
    """Return what stands in the column *header*, or None.

    Args:
        header: As the tool wrote it.
        known: Returns the field that a name or label means.
        has_choice: Whether a field has a choice of this name or label.
    """
    if name := known(header):
        return SurveyColumn(name)
    for before, behind in _divided(header, "/"):
        name = known(before) or _in_group(before, known)
        if name and has_choice(name, behind):
            return SurveyColumn(name, behind)
    return SurveyColumn(name) if (name := _in_group(header, known)) else None


def _in_group(header: str, known: Callable[[str], str | None]) -> str | None:
    """Return the field at the end of *header*, behind the names of groups."""
    ends = [end for _, end in _divided(header, "/")]
    # A hyphen stands in labels as well; Central, which writes it, writes names alone.
    ends += [end for _, end in _divided(header, "[:-]") if _NAME.fullmatch(end)]
    return next((name for end in ends if (name := known(end))), None)


def _divided(header: str, mark: str) -> Iterator[tuple[str, str]]:
    for each in re.finditer(mark, header):
        yield header[: each.start()].strip(), header[each.end() :].strip()
