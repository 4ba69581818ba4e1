"""`lali gateway`: API keys of small partners, and who a client certificate is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.table import Column, Table

from broker.cli import print_json
from broker.cli.gateway_secret import app as secret
from broker.errors import SettingsInvalid
from broker.gateway.identity.api_keys import LONGEST_DAYS, ApiKey, key_file, new_key
from broker.gateway.identity.certificates import check_peer, unit_of
from broker.gateway.identity.grant import unit_rights
from broker.gateway.identity.identities import (
    CertificateRules,
    Identities,
    read_identities,
)
from broker.gateway.identity.peer import Peer, certificate_in, peer_of
from broker.gateway.identity.refused import CredentialRefused
from broker.model.community import Right
from broker.policy.directory import Directory, read_directory
from broker.settings import Settings, load_settings
from broker.wire.access import Principals

app = cyclopts.App(name="gateway", help="Who may come to the HTTP doors.")
key = cyclopts.App(name="key", help="API keys of small partners.")
app.command(key)
app.command(secret)

_Flag = Annotated[bool, Parameter(negative="")]


@key.command
def add(
    *,
    unit: str,
    days: int,
    rights: str = "",
    role: str | None = None,
    feeds: str | None = None,
    note: str | None = None,
    json: _Flag = False,
) -> None:
    """Make an API key for a unit. It is shown once, and only its digest is kept.

    Example: `lali gateway key add --unit lagoon-house --rights read,acknowledge --days 90`

    Args:
        unit: Whose key it is.
        days: How long it counts.
        rights: What it may do, joined by commas: publish, preview, follow, read, acknowledge,
            report. Needed where no role is given.
        role: A role of the community file, which narrows it, or says it alone.
        feeds: Feeds that it may read, joined by commas. Not given: all of the unit.
        note: Whose hands it is in, for the list.
        json: Print one JSON object.
    """
    settings = load_settings()
    community = read_directory(settings.bundle / "community.toml")
    wanted = _rights(community, unit, rights, role)
    now = _now()
    made = new_key(
        unit,
        wanted,
        now,
        now + timedelta(days=_days(days)),
        role=role,
        feeds=_feeds(community, unit, feeds),
        note=note,
    )
    key_file(settings).add(made.entry)
    if json:
        print_json({"key": made.text, **_shown(made.entry)})
        return
    Console(stderr=True).print(
        f"Key {made.entry.id} of {unit}, until {made.entry.expires_at:%Y-%m-%d}. "
        "This is the only time it is shown:"
    )
    print(made.text)  # noqa: T201


@key.command(name="list")
def list_keys(*, unit: str | None = None, json: _Flag = False) -> None:
    """List the API keys, and whether each counts now.

    Example: `lali gateway key list --unit lagoon-house`

    Args:
        unit: Only the keys of this unit.
        json: Print one JSON object.
    """
    kept = key_file(load_settings()).read().values()
    found = [each for each in kept if unit in (None, each.unit)]
    if json:
        print_json([_shown(each) for each in found])
        return
    table = Table(Column("key", no_wrap=True), "unit", "rights", "feeds", "until", "now", "note")
    for each in found:
        rights = ", ".join(each.rights) + (f" as {each.role}" if each.role else "")
        feeds = "all of the unit" if each.feeds is None else ", ".join(each.feeds)
        until = f"{each.expires_at:%Y-%m-%d}"
        table.add_row(each.id, each.unit, rights, feeds, until, _state(each), each.note or "")
    Console().print(table)


@key.command
def revoke(key_id: str) -> None:
    """Make an API key count no more, from now on, in gateways that run too.

    Example: `lali gateway key revoke 0123456789ab`

    Args:
        key_id: The key's id, from the list.
    """
    entry = key_file(load_settings()).revoke(key_id, _now())
    Console().print(f"key {entry.id} of {entry.unit} counts no more")


@app.command
def certificate(file: Path, *, json: _Flag = False) -> None:
    """Show for whom a client certificate speaks here, and how to refuse it.

    Example: `lali gateway certificate certificates/unit.fiji-police.pem`

    Args:
        file: The certificate, PEM.
        json: Print one JSON object.
    """
    settings = load_settings()
    try:
        peer = peer_of(certificate_in(file.read_bytes()))
    except (OSError, ValueError):
        raise SettingsInvalid(f"{file.name}: no certificate, PEM") from None
    community = read_directory(settings.bundle / "community.toml")
    rules = _identities(settings, community).certificates
    names = Principals(settings.topic_prefix)
    shown = {
        "unit": _told(lambda: unit_of(peer, rules, names, community) or "no unit"),
        "now": _told(lambda: _counts(peer, rules)),
        "until": f"{peer.not_after:%Y-%m-%d}",
        "fingerprint": peer.fingerprint,
        "serial": f"serial:{peer.serial}",
        "x5t#S256": peer.thumbprint,
    }
    if json:
        print_json(shown)
        return
    for name, text in shown.items():
        print(f"{name:12} {text}")  # noqa: T201


@app.command
def check() -> None:
    """Check the identities file: issuers and their keys, proxies, refused certificates.

    Example: `lali gateway check`
    """
    settings = load_settings()
    community = read_directory(settings.bundle / "community.toml")
    found = _identities(settings, community)
    keys = key_file(settings).read().values()
    counting = sum(each.counts(_now()) for each in keys)
    Console().print(
        f"{len(found.issuers)} issuers of tokens, {len(found.proxies)} proxies, "
        f"{len(found.certificates.refused)} refused certificates, {counting} API keys that count"
    )


def _identities(settings: Settings, community: Directory) -> Identities:
    file = settings.gateway_identities
    return read_identities(file, community) if file else Identities()


def _counts(peer: Peer, rules: CertificateRules) -> str:
    check_peer(peer, rules, _now())
    return "counts"


def _told(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except CredentialRefused as refused:
        return str(refused)


def _rights(community: Directory, unit: str, text: str, role: str | None) -> list[Right]:
    if unit not in community.units:
        raise SettingsInvalid(f"no unit is called {unit}")
    if role is not None and role not in community.roles:
        raise SettingsInvalid(f"no role is called {role}: {', '.join(community.roles)}")
    if not text and role is None:
        raise SettingsInvalid(
            "say what it may do: --rights publish,preview,follow for who publishes, "
            f"read,acknowledge for who reads, or --role ({', '.join(community.roles)})"
        )
    possible = unit_rights(unit, community)
    if not text and role is not None:
        wanted = [right for right in community.roles[role].rights if right in possible]
    else:
        wanted = [_right(name) for name in _split(text)]
    if beyond := [right for right in wanted if right not in possible]:
        raise SettingsInvalid(f"{unit} cannot {beyond[0]}: it may {', '.join(sorted(possible))}")
    if not wanted:
        raise SettingsInvalid(f"{unit} has no right that {role} allows")
    return wanted


def _right(name: str) -> Right:
    try:
        return Right(name)
    except ValueError:
        raise SettingsInvalid(f"no right is called {name}: {', '.join(Right)}") from None


def _feeds(community: Directory, unit: str, text: str | None) -> list[str] | None:
    if text is None:
        return None
    feeds = _split(text)
    for feed in feeds:
        if feed not in community.feeds or community.feeds[feed].unit != unit:
            raise SettingsInvalid(f"{unit} has no active feed called {feed}")
    return feeds


def _days(days: int) -> int:
    if not 1 <= days <= LONGEST_DAYS:
        raise SettingsInvalid(f"--days: 1 to {LONGEST_DAYS}")
    return days


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _state(entry: ApiKey) -> str:
    if entry.revoked_at is not None:
        return "revoked"
    return "counts" if entry.counts(_now()) else "expired"


def _shown(entry: ApiKey) -> dict[str, object]:
    return {**entry.model_dump(mode="json", exclude={"digest"}), "now": _state(entry)}


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
