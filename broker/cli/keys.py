"""`lali keys`: who has which keys; new ones, other people's, and ones that count no more."""

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter, validators
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Column, Table

from broker.cli import print_json
from broker.cli.change import Key, noted, officer_key, open_folder, say_proposed
from broker.endings import SOON_DAYS, Ending, endings
from broker.errors import SettingsInvalid
from broker.keys import init_keys
from broker.logs import configure_logs
from broker.model.base import Id
from broker.policy.bundle import load_bundle
from broker.protect import register as registers
from broker.protect.algorithms import Algorithm
from broker.protect.ceremony import OfficerKey, next_register, propose, revoked
from broker.protect.change import ChangeKind
from broker.protect.issue import HUB_TERMS, issue, issue_hub_ahead, make_key
from broker.protect.keeper_service import serve_keys
from broker.protect.key_folder import KeyFolder, now
from broker.protect.register import Holder, key_id_of
from broker.settings import Settings, load_settings

_IS_ID: TypeAdapter[str] = TypeAdapter(Id)
#: How long older signing keys count beside newer ones: the second officer may take days.
_OVERLAP = timedelta(days=7)

app = cyclopts.App(name="keys", help="Who has which keys; new ones, and ones that count no more.")


@app.command
def init(
    *,
    development: Annotated[bool, Parameter(negative="")] = False,
    entrusted: tuple[str, ...] | None = None,
) -> None:
    """Make every key of the community, and two officers, for development on this machine.

    In production officers make their own keys and issue the others one by one: docs/security.md.

    Example: `lali keys init --development`

    Args:
        development: Say that you know: whoever can read the folder is everybody at once.
        entrusted: A feed whose key the hub keeps, to open its releases for connectors and for
            readers by HTTP; may be given again. All feeds, if none is given.
    """
    if not development:
        raise SettingsInvalid("only for development: say so with --development")
    settings = load_settings()
    feeds = sorted(load_bundle(settings.bundle).community.feeds)
    if entrusted is not None and (unknown := sorted({*entrusted}.difference(feeds))):
        raise SettingsInvalid(f"no feed is called {unknown[0]}")
    made = init_keys(settings, entrusted=feeds if entrusted is None else entrusted)
    said = "made" if made else "there already; nothing was changed"
    Console().print(f"keys in {settings.key_folder()}: {said}")


@app.command
def serve(*, socket: Path | None = None, user: tuple[int, ...] = ()) -> None:
    """Hold this machine's private keys in a process of its own, until it is stopped.

    Roles with the setting keeper_socket ask it to sign and to unwrap, and never see a key.
    The kernel tells who asks: the same user may do everything, users that are named may use
    keys but neither make nor destroy them.

    Example: `lali keys serve --socket /run/lali/keys.sock --user 10001`

    Args:
        socket: Where to listen; keeper_socket if not given.
        user: Id of another user of this machine that may use keys.
    """
    settings = load_settings()
    path = socket or settings.keeper_socket
    if path is None:
        raise SettingsInvalid("say where to listen: --socket, or keeper_socket")
    configure_logs(settings.log_form, settings.log_level)
    serve_keys(path, settings.key_folder() / "private", frozenset(user))


@app.command(name="list")
def list_keys(
    *, owner: str | None = None, json: Annotated[bool, Parameter(negative="")] = False
) -> None:
    """List the keys of the register, and whether each counts now.

    Example: `lali keys list --owner fiji-police`

    Args:
        owner: Only the keys of this unit or feed, or of the hub.
        json: Print one JSON object.
    """
    folder = open_folder(load_settings())
    found = [key for key in folder.register().keys if owner in (None, key.owner)]
    if json:
        print_json([key.model_dump(mode="json") for key in found])
        return
    table = Table(Column("key", no_wrap=True), "owner", "for", "until", "now", "private half")
    for key in found:
        fault = key.fault(now())
        table.add_row(
            key.id,
            f"{key.holder.value.lower()} {key.owner}" + (" (entrusted)" if key.entrusted else ""),
            "signing" if key.algorithm is Algorithm.ECDSA_P256_SHA256 else "sealing",
            f"{min(key.not_after, key.revoked_at or key.not_after):%Y-%m-%d}",
            fault.value if fault else "counts",
            "here" if folder.keeper.holds(key.id) else "not here",
        )
    Console().print(table)
    if owner is None:
        _print_endings(endings(load_settings()), now())


def _print_endings(found: Iterable[Ending], at: datetime) -> None:
    """Print what ends last of each key, and every certificate and API key, the next one first."""
    table = Table("what ends", "of", "on", "in days")
    for each in found:
        days = each.days_left(at)
        style = "" if days > SOON_DAYS[0] else "yellow" if days > SOON_DAYS[1] else "red"
        left = str(days) if days >= 0 else "ended"
        table.add_row(each.kind, each.name, f"{each.ends_at:%Y-%m-%d}", left, style=style)
    Console().print(table)


@app.command
def rotate(
    holder: Holder,
    owner: str = registers.HUB,
    *,
    officer: str,
    terms: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=20))] = HUB_TERMS,
    key: Key = None,
) -> None:
    """Propose new keys for an owner; older ones still open what they sealed.

    The hub gets keys for several terms of 90 days at once, each beginning before the one before
    it ends: it then rotates by itself.

    Older signing keys count for another week, so that what is under way when the change comes
    into force is taken, and verifies. Revoke one that somebody else may have.

    Example: `lali keys rotate FEED samoa-tcu-investigate --officer first-officer`

    Args:
        holder: UNIT, FEED or HUB.
        owner: Its id.
        officer: Id of the officer who proposes.
        terms: Of the hub: for how many terms.
        key: Their private key.
    """
    settings = load_settings()
    folder = open_folder(settings)
    earlier = [
        each for each in folder.register().keys if (each.holder, each.owner) == (holder, owner)
    ]
    if not earlier:
        raise SettingsInvalid(f"{holder.lower()} {owner} has no key: use `lali keys issue`")
    entrusted = any(each.entrusted for each in earlier)
    signer = officer_key(folder, officer, key)
    if holder is Holder.HUB:
        fresh = tuple(issue_hub_ahead(folder.keeper, now(), terms))
    else:
        fresh = tuple(issue(folder.keeper, holder, owner, now(), entrusted=entrusted))
    kept = tuple(_superseded(each, holder, owner) for each in folder.register().keys)
    _propose(settings, folder, signer, (*kept, *fresh))


@app.command(name="issue")
def issue_keys(
    holder: Holder,
    owner: str,
    *,
    officer: str,
    entrusted: Annotated[bool, Parameter(negative="")] = False,
    key: Key = None,
) -> None:
    """Propose first keys for an owner; their private halves stay in this folder.

    Example: `lali keys issue UNIT niue-police --officer first-officer`

    Args:
        holder: UNIT, FEED or HUB.
        owner: Its id.
        officer: Id of the officer who proposes.
        entrusted: Of a feed: the hub keeps the private key, to open for plain formats.
        key: The officer's private key.
    """
    settings = load_settings()
    folder = open_folder(settings)
    signer = officer_key(folder, officer, key)
    fresh = tuple(issue(folder.keeper, holder, _id(owner), now(), entrusted=entrusted))
    _propose(settings, folder, signer, (*folder.register().keys, *fresh))


@app.command(name="import")
def import_key(
    holder: Holder, owner: str, file: Path, *, algorithm: Algorithm, officer: str, key: Key = None
) -> None:
    """Propose a public key that its owner made: the private half never comes here.

    Example: `lali keys import FEED ptccc-coordinate ptccc.pub --algorithm HPKE-X25519-HKDF-SHA256-AES-256-GCM --officer first-officer`

    Args:
        holder: UNIT or FEED.
        owner: Its id.
        file: The public key, base64: raw X25519, or DER SubjectPublicKeyInfo.
        algorithm: What it is for.
        officer: Id of the officer who proposes.
        key: The officer's private key.
    """  # noqa: E501 - a command is one line
    settings = load_settings()
    folder = open_folder(settings)
    try:
        public = base64.b64decode(file.read_text().strip(), validate=True)
        key_id = key_id_of(algorithm, owner, public)
        made = make_key(key_id, holder, owner, algorithm, public, now())
    except (OSError, ValueError):
        raise SettingsInvalid(
            f"{file.name} holds no public key for {algorithm}, base64, or the owner's id is none"
        ) from None
    signer = officer_key(folder, officer, key)
    _propose(settings, folder, signer, (*folder.register().keys, made))


@app.command
def revoke(key_id: str, *, officer: str, key: Key = None) -> None:
    """Propose that a key counts no more, from now on.

    Example: `lali keys revoke 0123456789abcdef --officer first-officer`

    Args:
        key_id: The key.
        officer: Id of the officer who proposes.
        key: Their private key.
    """
    settings = load_settings()
    folder = open_folder(settings)
    if key_id not in folder.register().by_id:
        raise SettingsInvalid("the register has no such key")
    at = now()
    keys = tuple(
        revoked(each, at) if each.id == key_id else each for each in folder.register().keys
    )
    _propose(settings, folder, officer_key(folder, officer, key), keys)


def _superseded(key: registers.Key, holder: Holder, owner: str) -> registers.Key:
    signs = key.algorithm is Algorithm.ECDSA_P256_SHA256
    if (key.holder, key.owner) == (holder, owner) and signs and key.revoked_at is None:
        return revoked(key, now() + _OVERLAP)
    return key


def _id(owner: str) -> str:
    try:
        return _IS_ID.validate_python(owner)
    except ValidationError:
        raise SettingsInvalid("an owner's id is of small letters, digits and dashes") from None


def _propose(
    settings: Settings, folder: KeyFolder, signer: OfficerKey, keys: tuple[registers.Key, ...]
) -> None:
    register = next_register(folder, keys)
    digest, kind = register.digest().hex(), ChangeKind.KEYS
    record = noted(
        folder,
        signer.officer,
        "CHANGE_PROPOSED",
        lambda: propose(folder, signer, kind, digest, register=register),
    )
    say_proposed(settings, folder, record)
