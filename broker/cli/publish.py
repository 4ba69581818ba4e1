"""`lali publish`: files of alerts to Kafka, or to a gateway."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.cli import print_json
from broker.cli.gateway_options import GatewayOptions
from broker.cli.http_publishing import http_publisher, send_waiting
from broker.cli.label_options import LabelOptions
from broker.cli.plain import plain
from broker.cli.warnings import Warned, warn, warnings_in
from broker.client import Attempt, Publisher
from broker.client.files import FromFile, alerts_in
from broker.client.http import HttpPublisher
from broker.client.salts import kept_key
from broker.clock import epoch_ms
from broker.errors import KafkaUnavailable, KeyEnded, LaliError, Rejected, SettingsInvalid
from broker.keys import client_protection
from broker.model.alert import Alert
from broker.pipeline.content_check import check_content
from broker.settings import Settings, load_settings
from broker.wire.access import Principals
from broker.wire.identity import connection_as
from broker.wire.topics import Topics
from connectors.intake.sheet import Chosen


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary."""

    file: str
    line: int
    alert_id: str = ""
    revision: int | None = None
    outcome: str = "refused"
    reason: str = ""
    path: str = ""
    partition: int | None = None
    offset: int | None = None

    @property
    def refused(self) -> bool:
        """Whether it did not come through."""
        return self.outcome == "refused"


def publish(
    *files: Path,
    as_: Annotated[str | None, Parameter(name="--as")] = None,
    label: Path | None = None,
    options: LabelOptions | None = None,
    gateway: GatewayOptions | None = None,
    journal: Path | None = None,
    sheet: str | None = None,
    with_hidden: Annotated[bool, Parameter(negative="")] = False,
    confirm_warnings: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Publish alerts from files: Lali JSON, JSON Lines, HTCDS cases as CSV or spreadsheet.

    Exit code 1 if anything was refused; what was not refused is published all the same.
    "Published" means that Kafka has it; `lali trace` shows what became of it.
    Warnings, as `lali policy who` gives them, go to standard error. An alert with one that is
    to be confirmed is refused until `--confirm-warnings` says that it is meant.

    Example: `lali publish cases.xlsx --as fiji-police --tlp AMBER --source-type AGENCY`

    Example: `lali publish case.json --url https://gateway.example:8440 --journal waiting`

    Args:
        files: Files; their kind is told by the end of their names.
        as_: The unit that publishes, where the files do not say.
        label: Label and distribution for a sheet: TOML or JSON. By default the file beside
            it, such as `cases.csv.label.toml`.
        options: Fields of the label.
        gateway: Where to go by HTTP.
        journal: Folder where alerts wait, encrypted, while the gateway is away; what waits
            there is sent first. `lali journal` shows it.
        sheet: Title or number of the sheet to read, where a spreadsheet has several.
        with_hidden: Publish what is hidden in a spreadsheet, too; else it is refused.
        confirm_warnings: What the warnings of all these alerts show is meant.
        dry_run: Read and check everything, and send nothing.
        json: Print one JSON object.
    """
    if not files:
        raise SettingsInvalid("name at least one file")
    said = (options or LabelOptions()).said() | ({"originator": as_} if as_ else {})
    chosen = Chosen(sheet, hidden=with_hidden)
    read = partial(alerts_in, label_file=label, label=said, chosen=chosen)
    found = [one for path in files for one in read(path)]
    warnings = warnings_in(found, load_settings(), epoch_ms())
    if not json:
        warn(warnings)
    lines = _refused(found)
    if not dry_run:
        settings = load_settings()
        way = _way(gateway or GatewayOptions(), journal, settings)
        lines += asyncio.run(_send(found, as_, way, confirmed=confirm_warnings))
    else:
        lines += _dry(found, confirmed=confirm_warnings)
    lines.sort(key=lambda line: (line.file, line.line))
    _show(lines, warnings, as_json=json)
    if any(line.refused for line in lines):
        sys.exit(1)


def _refused(found: Iterable[FromFile]) -> list[Line]:
    return [_with_error(_line(one), one.refusal) for one in found if one.refusal is not None]


def _dry(found: Iterable[FromFile], *, confirmed: bool) -> list[Line]:
    return [_tried(one, one.alert, confirmed=confirmed) for one in found if one.alert is not None]


def _tried(one: FromFile, alert: Alert, *, confirmed: bool) -> Line:
    try:
        check_content(alert, confirmed=confirmed)
    except Rejected as rejected:
        return _with_error(_line(one), rejected)
    return _line(one, outcome="would be published")


#: Opens what publishes for a unit.
_Way = Callable[[str], Publisher | HttpPublisher]


def _way(gateway: GatewayOptions, journal: Path | None, settings: Settings) -> _Way:
    url = gateway.url_in(settings)
    if url is not None:
        return partial(http_publisher, url, gateway.credentials(), journal, settings)
    if journal is not None:
        raise SettingsInvalid("a journal is for publishing to a gateway: --url")
    return partial(_kafka_publisher, settings)


async def _send(
    found: Iterable[FromFile], unit: str | None, way: _Way, *, confirmed: bool
) -> list[Line]:
    readable = sorted((one for one in found if one.alert is not None), key=_originator)
    lines: list[Line] = []
    for originator, grouped in groupby(readable, key=_originator):
        group = list(grouped)
        try:
            lines += await _send_as(way(unit or originator), group, confirmed=confirmed)
        except LaliError as error:
            if isinstance(error, KafkaUnavailable) and not lines:
                raise  # nothing was sent at all: one line says so
            lines += [_with_error(_line(one), error) for one in group]
    return lines


async def _send_as(
    publisher: Publisher | HttpPublisher, group: list[FromFile], *, confirmed: bool
) -> list[Line]:
    alerts = [one.alert for one in group if one.alert is not None]
    async with publisher:
        await send_waiting(publisher)
        sending = publisher.publish_all(alerts, confirm_warnings=confirmed)
        attempts = [attempt async for attempt in sending]
        await send_waiting(publisher)
    missed = [
        each.error for each in attempts if isinstance(each.error, KafkaUnavailable | KeyEnded)
    ]
    if missed and len(missed) == len(attempts):
        raise missed[0]
    return [_outcome(one, attempt) for one, attempt in zip(group, attempts, strict=True)]


def _kafka_publisher(settings: Settings, unit: str) -> Publisher:
    protection = client_protection(settings)
    principal = Principals(settings.topic_prefix).unit(unit)
    return Publisher(
        connection_as(settings, f"lali-publish-{unit}", principal),
        unit,
        topics=Topics(settings.topic_prefix, settings.partitions),
        salt_key=kept_key(settings.data_folder / "publisher" / f"{unit}.key"),
        seal=protection.originator(unit) if protection else None,
        unprotected=protection is None,
    )


def _originator(one: FromFile) -> str:
    assert one.alert is not None
    return one.alert.label.originator


def _line(one: FromFile, **fields: Any) -> Line:
    if one.alert is None:
        return Line(one.path.name, one.line, **fields)
    label = one.alert.label
    return Line(one.path.name, one.line, str(label.alert_id), label.revision, **fields)


def _with_error(line: Line, error: LaliError) -> Line:
    reason = error.reason.value if isinstance(error, Rejected) else str(error)
    path = error.path if isinstance(error, Rejected) else ""
    return replace(line, reason=reason, path=path)


def _outcome(one: FromFile, attempt: Attempt) -> Line:
    if attempt.published is None:
        assert attempt.error is not None
        return _with_error(_line(one), attempt.error)
    sent = attempt.published
    return _line(one, outcome=sent.state, partition=sent.partition, offset=sent.offset)


def _show(lines: list[Line], warnings: Warned, *, as_json: bool) -> None:
    refused = sum(line.refused for line in lines)
    if as_json:
        counts = {"published": len(lines) - refused, "refused": refused}
        print_json(counts | {"results": [_as_json(line, warnings) for line in lines]})
        return
    table = Table("file", "line", "outcome", "alert, or why not")
    for line in lines:
        why = f"{line.reason} at {line.path}" if line.path else line.reason
        said = why if line.refused else line.alert_id
        table.add_row(plain(line.file), str(line.line or "–"), line.outcome, said)
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print(f"{len(lines) - refused} not refused, {refused} refused")


def _as_json(line: Line, warnings: Warned) -> dict[str, Any]:
    found = warnings.get((line.file, line.line, line.alert_id), ())
    said = [each.model_dump(mode="json", exclude_none=True) for each in found]
    return asdict(line) | {"warnings": said}
