"""A small community with keys, and what its roles make of alerts, without Kafka between them."""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from types import SimpleNamespace

from broker.clock import epoch_ms
from broker.errors import Rejected
from broker.model.alert import Alert
from broker.model.compartment import ALL_COMPARTMENTS, COMPARTMENTS
from broker.pipeline.accepted import intake_header, read_accepted, statement_header
from broker.pipeline.known import Audience
from broker.pipeline.open_release import ReleaseOpener, vault_share
from broker.pipeline.project import Projector, encode_moment
from broker.pipeline.protection import Protection
from broker.pipeline.releases import releases_of
from broker.pipeline.unseal import Unsealed, Unsealer
from broker.protect.development import init_development
from broker.protect.keeper import FileKeeper
from broker.protect.key_folder import KeyFolder
from broker.protect.register import Holder, Register
from broker.protect.release_seal import FEED_KEY_BYTES
from broker.protect.vault import Row
from broker.testing import make_alert
from broker.wire.alert_bytes import read_attributes
from broker.wire.alert_codec import encode_alert
from broker.wire.outbox import Fanout
from broker.wire.partition import Target
from broker.wire.release_bytes import encode_acknowledge
from broker.wire.sealing import AlertParts
from broker.wire.tails import encode_alert_tail

FIJI, SAMOA, TONGA = UNITS = ("fiji-immigration", "samoa-police", "tonga-customs")
#: Feed, and the unit that it belongs to; the hub keeps the key of the last.
FEEDS = {"samoa-cases": SAMOA, "tonga-border": TONGA, "tonga-files": TONGA}
OWN, OTHER, ENTRUSTED = FEEDS
ALL = ALL_COMPARTMENTS
_SCRATCH = TemporaryDirectory(prefix="lali-test-keys-")  # gone when the tests end
BUNDLE = hashlib.sha256(b"a bundle").digest()
RED = {"tlp": "RED", "distribution": {"named_recipients": [SAMOA]}}


def scratch() -> Path:
    """Return a fresh folder that only its owner may enter."""
    return Path(mkdtemp(dir=_SCRATCH.name))


def new_folder() -> KeyFolder:
    """Return a fresh key folder with keys for everybody."""
    folder = KeyFolder(scratch())
    init_development(folder, UNITS, FEEDS, BUNDLE, entrusted=[ENTRUSTED])
    return folder


@cache
def protection() -> Protection:
    """Return the community that all tests read, and none changes."""
    return Protection(new_folder(), FEEDS)


def sealed(alert: Alert, secret: bytes | None = None) -> bytes:
    """Return *alert* as its originator publishes it."""
    plain = encode_alert(alert)
    return protection().seal(alert, plain, secret or os.urandom(32))


def open_alert(value: bytes, unit: str = FIJI, **changed) -> Unsealed:
    """Open *value* as accept does; *changed* replaces parts of the unsealer."""
    return unsealer(**changed).open(value, unit)


def unsealer(register: Register | None = None, unwrapper=None, now=None) -> Unsealer:
    folder = protection().folder
    return Unsealer(
        (lambda: register) if register else folder.register,
        unwrapper or folder.keeper,
        folder.vault,
        now or (lambda: datetime.now(UTC)),
    )


@dataclass
class _Outbox:
    """Takes what route writes, feed by feed."""

    releases: dict[str, bytes]

    def add(self, fanout: Fanout, _key: bytes, value: bytes) -> None:
        self.releases |= {target.topic: value for target in fanout.targets}

    def add_sealed(self, fanout: Fanout, _key: bytes, value: bytes, ends: list[bytes]) -> None:
        assert all(len(end) == FEED_KEY_BYTES for end in ends)
        for target, end in zip(fanout.targets, ends, strict=True):
            self.releases[target.topic] = value[: -len(end)] + end


def released(
    value: bytes, masks: dict[str, int], at: datetime | None = None, originator: str = FIJI
) -> dict[str, bytes]:
    """Take a published alert through accept and route; return what each feed receives."""
    opened = open_alert(value, originator)
    if opened.alert_key is not None:
        row = Row(opened.statement.digest, opened.alert_id, opened.alert_key, 1 << 60)
        protection().folder.vault.keep([row])
    record = SimpleNamespace(
        value=opened.forwarded,
        key=b"key",
        headers=(
            intake_header(0, 0),
            statement_header(opened.statement.digest, opened.statement.distribution_commitment),
        ),
    )
    return _routed(record, masks, at or datetime.now(UTC))


def _routed(record, masks: dict[str, int], at: datetime) -> dict[str, bytes]:
    alert = read_accepted(record)
    view, label_end, slots_at = read_attributes(alert.value, alert.start)
    moment = encode_moment(int(at.timestamp() * 1000))
    projector = Projector(alert.value, alert.revision, label_end, slots_at, moment)
    sealer = protection().sealer()
    sealer.expect([record], epoch_ms())
    known = SimpleNamespace(view=view)
    releases = releases_of(alert, known, projector, sealer, _fanout)
    outbox = _Outbox({})
    for mask in sorted(set(masks.values())):
        feeds = tuple(feed for feed in masks if masks[feed] == mask)
        releases.write(
            outbox, projector, Audience(mask, encode_acknowledge(None), feeds, _fanout(*feeds))
        )
    return outbox.releases


def _fanout(*feeds: str) -> Fanout:
    return Fanout(*(Target(feed, 0) for feed in feeds))


def opener(feed: str, *, register=None, unwrapper=None, vault: bool = True) -> ReleaseOpener:
    """Return what opens the releases of *feed* with every key that is here."""
    folder = protection().folder
    return ReleaseOpener(
        feed,
        register or folder.register,
        unwrapper or folder.keeper,
        vault_share(folder.vault) if vault else None,
    )


def keeper_with(*key_ids: str) -> FileKeeper:
    """Return a keeper that holds only the private keys *key_ids*."""
    folder = scratch()
    for key_id in key_ids:
        file = folder / f"{key_id}.pem"
        file.touch(mode=0o600)
        file.write_bytes((protection().folder.path / "private" / file.name).read_bytes())
    return FileKeeper(folder)


def key_ids(owner: str, holder: Holder) -> list[str]:
    """Return the ids of all keys of *owner*."""
    keys = protection().folder.register().keys
    return [key.id for key in keys if (key.owner, key.holder) == (owner, holder)]


def changed_register(key_id: str, **fields) -> Register:
    """Return the register of today with one key changed."""
    register = protection().folder.register()
    keys = [k.model_copy(update=fields) if k.id == key_id else k for k in register.keys]
    return Register(version=register.version, keys=tuple(keys))


def signing_key_id(unit: str = FIJI) -> str:
    """Return the id of the key by which *unit* signs."""
    register = protection().folder.register()
    return next(k.id for k in register.keys if k.owner == unit and "ECDSA" in k.algorithm)


def with_tail(value: bytes, signature=None, seal=None) -> bytes:
    """Return a sealed alert with signature and seal changed by the functions given."""
    parts = AlertParts(value)
    new_signature = signature(parts.signature) if signature else parts.signature
    new_seal = seal(parts.seal) if seal else parts.seal
    return value[: parts.slots.end] + encode_alert_tail(new_signature, new_seal)


def reason_of(act, *given, **named) -> tuple[str, str]:
    """Return why *act* refuses, and where; fails if it does not."""
    try:
        act(*given, **named)
    except Rejected as rejected:
        return rejected.reason.value, rejected.path
    raise AssertionError("it was not refused")


def flipped(value: bytes, bit: int) -> bytes:
    """Return *value* with one bit changed."""
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def contents(view) -> dict:
    """Return what a view shows of the alert itself."""
    shown = view.compartments.model_dump(mode="json", exclude_none=True)
    return {"label": view.label.model_dump(mode="json"), **shown}


def shown(view) -> int:
    """Return the mask of the compartments that a view shows."""
    parts = view.compartments
    return sum(1 << n for n, name in enumerate(COMPARTMENTS) if getattr(parts, name.value))


def an_alert(**fields) -> Alert:
    """Return an alert that takes place today."""
    return make_alert(originated_at=datetime.now(UTC) - timedelta(minutes=1), **fields)
