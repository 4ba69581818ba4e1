"""`lali quarantine`: what was not accepted, why, and its way back through accept."""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.app import Parts, make_parts
from broker.cli import print_json
from broker.clock import epoch_ms
from broker.errors import SettingsInvalid
from broker.model.reason_words import words_of
from broker.pipeline.replay import Gone, Kept, Quarantine
from broker.settings import load_settings
from broker.wire.identity import ADMIN

app = cyclopts.App(
    name="quarantine", help="What was not accepted, why, and its way back through accept."
)

Flag = Annotated[bool, Parameter(negative="")]
_IS_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,47}").fullmatch

#: Why something has no way back.
_GONE = {
    "BATCH": "it is a whole batch that cannot be read: its originator publishes what it held",
    "NOT_PUBLISHED": "it did not come through an intake: find out who wrote it",
    "RETENTION": "what was published is not kept any more: its originator publishes it again",
    "KEYS_ELSEWHERE": "it is sealed for the hub, whose keys are not on this machine",
}


@app.command(name="list")
def list_(*, reason: str | None = None, originator: str | None = None, json: Flag = False) -> None:
    """List what is in quarantine: where, when, whose, and why. Content is never shown.

    Example: `lali quarantine list --reason KEY_UNKNOWN`

    Args:
        reason: Only what has this reason code.
        originator: Only what this unit published.
        json: Print one JSON object.
    """
    found = asyncio.run(_read(_parts(), reason=reason, originator=originator))
    if json:
        print_json({"quarantine": [_as_json(each) for each in found]})
        return
    table = Table("place", "set aside", "originator", "reason", "path")
    for each in found:
        row = (each.name, f"{each.at:%Y-%m-%d %H:%M}", each.originator or "", each.reason)
        table.add_row(*row, each.path)
    Console().print(table)


@app.command
def show(place: str, *, json: Flag = False) -> None:
    """Show one original: why it was set aside, in words, and where it came from.

    Example: `lali quarantine show 3/17`

    Args:
        place: Partition and offset, as `list` has them.
        json: Print one JSON object.
    """
    (found,) = _chosen(asyncio.run(_read(_parts())), [place])
    if json:
        print_json(_as_json(found))
        return
    console = Console(soft_wrap=True)
    for name, text in _as_json(found).items():
        console.print(f"[bold]{name}[/] {text}", highlight=False)


@app.command
def replay(*places: str, reason: str, json: Flag = False) -> None:
    """Publish originals once more, through accept: nothing goes around any check or rule.

    What is still wrong comes back into quarantine. Each replay is in the audit log.

    Example: `lali quarantine replay 3/17 3/18 --reason KEY_REGISTERED`

    Args:
        places: Partition and offset of each, as `list` has them.
        reason: Why, as a code of capitals, digits and underscores: what was mended. No text
            that could name anybody.
        json: Print one JSON object.
    """
    if not _IS_CODE(reason):
        raise SettingsInvalid("--reason is a code, such as KEY_REGISTERED")
    if not places:
        raise SettingsInvalid("which? `lali quarantine list` has their places")
    outcomes = asyncio.run(_replay(_parts(), places, reason))
    if json:
        print_json({"replayed": outcomes})
    else:
        for each in outcomes:
            print(f"{each['place']}: {each['outcome']}")  # noqa: T201 - what the command says
    if any(each["code"] for each in outcomes):
        raise SystemExit(1)


async def _read(
    parts: Parts, reason: str | None = None, originator: str | None = None
) -> list[Kept]:
    quarantine = _quarantine(parts)
    await quarantine.note_read(ADMIN)
    return [
        each
        async for each in quarantine.kept()
        if reason in (None, each.reason) and originator in (None, each.originator)
    ]


async def _replay(parts: Parts, places: Sequence[str], why: str) -> list[dict[str, Any]]:
    quarantine = _quarantine(parts)
    chosen = _chosen([each async for each in quarantine.kept()], places)
    outcomes = []
    for each in chosen:
        code, said = None, "published once more"
        try:
            await quarantine.replay(each, why, ADMIN)
        except Gone as gone:
            code = str(gone)
            said = f"not replayed: {_GONE.get(code, words_of(code))}"
        outcomes.append({"place": each.name, "code": code, "outcome": said})
    return outcomes


def _chosen(found: Sequence[Kept], places: Sequence[str]) -> list[Kept]:
    by_name = {each.name: each for each in found}
    if missing := [place for place in places if place not in by_name]:
        raise SettingsInvalid(f"nothing is in quarantine at {', '.join(missing)}")
    return [by_name[place] for place in dict.fromkeys(places)]


def _as_json(kept: Kept) -> dict[str, Any]:
    topic, partition, offset = kept.source
    return {
        "place": kept.name,
        "reason": kept.reason,
        "explanation": words_of(kept.reason),
        "path": kept.path,
        "stage": kept.stage,
        "at": kept.at.isoformat(),
        "originator": kept.originator,
        "alert_id": str(kept.alert_id) if kept.alert_id else None,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "bytes": kept.size,
        "key_id": kept.key_id,
    }


def _parts() -> Parts:
    parts = make_parts(load_settings())
    asyncio.run(parts.compare("quarantine"))
    return parts


def _quarantine(parts: Parts) -> Quarantine:
    protection = parts.protection
    unwrapper = protection.folder.keeper if protection else None
    # Whoever may write into every intake is the administrator; no role and no unit may.
    return Quarantine(parts.connection("quarantine"), parts.topics, unwrapper, epoch_ms)
