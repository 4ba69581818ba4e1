"""`lali verify`: is what a recipient holds what its originator signed?"""

import base64
import json as json_text
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from broker.cli import print_json
from broker.cli.plain import plain
from broker.errors import Rejected, SettingsInvalid
from broker.keys import client_protection
from broker.model.reason import Reason
from broker.model.release import ReleaseKind, ReleaseView
from broker.pipeline.open_release import read_verified
from broker.pipeline.protection import Protection
from broker.protect.release_seal import KEY_NUMBER_BYTES
from broker.settings import load_settings
from broker.wire.alert_codec import decode_release
from broker.wire.sealing import ReleaseParts


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of one release."""

    file: str
    alert_id: str
    revision: int
    originator: str
    outcome: str
    reason: str = ""


def verify(
    *files: Path,
    feed: str = "",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Verify releases that were delivered: JSON files, JSON Lines, or a page of a feed.

    Each carries its record. The signature is checked over label and all commitments, and
    every part of the content that is open against its commitment and against what the file
    says in the clear. A sealed one is opened if the feed's key is here. Lines of
    `lali subscribe --json` and items of an HTTP page are taken as they are.

    Example: `lali verify 0b7f3c1e-….r0000000001.json`

    Args:
        files: The files.
        feed: The feed that they were for: recalls cannot be verified without.
        json: Print one JSON object.
    """
    if not files:
        raise SettingsInvalid("name at least one file")
    found = [one for file in files for one in _verified(file, feed)]
    if not found:
        raise SettingsInvalid("there is no release in it")
    if json:
        print_json([asdict(one) for one in found])
    else:
        table = Table("file", "alert", "revision", "originator", "outcome")
        for one in found:
            said = one.outcome if not one.reason else f"{one.outcome}: {one.reason}"
            table.add_row(plain(one.file), one.alert_id, str(one.revision), one.originator, said)
        Console(markup=False).print(table)
    if any(one.outcome == "refused" for one in found):
        sys.exit(1)


def _verified(file: Path, feed: str) -> Iterator[Verified]:
    for view, of in _views(file, feed):
        originator = view.label.originator if view.label else ""
        named = (file.name, str(view.alert_id), view.revision, originator)
        try:
            outcome = _outcome(view, of)
        except Rejected as rejected:
            yield Verified(*named, "refused", str(rejected))
        else:
            yield Verified(*named, outcome)


def _outcome(view: ReleaseView, feed: str) -> str:
    protection = client_protection(load_settings())
    if protection is None:
        raise SettingsInvalid("protection is off: there is no key register to verify by")
    if view.record is None:
        raise Rejected(Reason.FIELD_MISSING, "record")
    if view.kind is ReleaseKind.RECALL and not feed:
        return "recall: name its feed to verify it"
    read = _read(view.record, feed, protection)
    if read.doubt is not None:
        raise Rejected(read.doubt, "signature")
    said = view.model_copy(update={"record": None, "doubt": None, "sealed": read.sealed})
    if not view.sealed and said != read:
        raise Rejected(Reason.COMMITMENT_DIFFERS, "compartments")
    if view.sealed and said.label != read.label:
        raise Rejected(Reason.SIGNATURE_INVALID, "label")
    return "verified, sealed" if read.sealed else "verified"


def _read(record: str, feed: str, protection: Protection) -> ReleaseView:
    try:
        value = base64.b64decode(record, validate=True)
    except ValueError:
        raise Rejected(Reason.FRAMING, "record") from None
    return read_verified(value, protection.opener(feed or _feed_in(value, protection)))


def _feed_in(value: bytes, protection: Protection) -> str:
    """Return the feed whose key a sealed release names; empty where it names none."""
    if decode_release(value).label is None:
        return ""
    number = (ReleaseParts(value).feed_key or b"")[:KEY_NUMBER_BYTES].hex()
    key = protection.folder.register().by_id.get(number)
    return key.owner if key else ""


def _views(file: Path, feed: str) -> Iterator[tuple[ReleaseView, str]]:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{file.name} cannot be read") from None
    for row, of in _releases(text, feed):
        try:
            yield ReleaseView.model_validate_json(json_text.dumps(row)), of
        except ValidationError:
            raise SettingsInvalid(f"{file.name} holds something that is no release") from None


def _releases(text: str, feed: str) -> Iterator[tuple[Any, str]]:
    """Yield what is in a file, item by item of a page, each with the feed that it was for."""
    for row in _rows(text):
        if isinstance(row, dict) and row.keys() == {"lost"}:
            continue  # `lali subscribe --json` says that something is gone
        if isinstance(row, dict) and isinstance(row.get("items"), list):
            of = row["feed"] if isinstance(row.get("feed"), str) else feed
            yield from ((_without_cursor(item), feed or of) for item in row["items"])
        else:
            yield _without_cursor(row), feed


def _without_cursor(row: Any) -> Any:
    """Return an item of a feed as the release that it is: the cursor is its reader's."""
    return {name: row[name] for name in row if name != "cursor"} if isinstance(row, dict) else row


def _rows(text: str) -> Iterator[Any]:
    try:
        yield json_text.loads(text)
    except ValueError:
        for line in filter(None, text.splitlines()):
            try:
                yield json_text.loads(line)
            except ValueError:
                raise SettingsInvalid("neither JSON nor JSON Lines") from None
