"""Sign and seal an alert, before anything of it leaves the publisher's process."""

import hmac
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from broker.errors import KeyEnded, Rejected
from broker.model.alert import Alert
from broker.model.codes import Tlp
from broker.model.reason import Reason
from broker.protect.algorithms import Algorithm
from broker.protect.register import HUB, Holder, Key, Register, RegisterOf
from broker.protect.signature import Signature, Signer
from broker.protect.slot_seal import AlertKeys
from broker.protect.wrap import NOBODY, alert_info, wrap, wrap_for_nobody
from broker.wire.sealing import AlertParts
from broker.wire.tails import Seal, Wrap, encode_alert_tail

#: Markings whose content only the named recipients may ever open, the hub included.
END_TO_END = frozenset({Tlp.RED, Tlp.UNKNOWN})


class OriginatorSeal:
    """Signs and seals the alerts of one unit.

    Args:
        unit: The originator.
        register: The key register of today.
        signer: Holds the unit's private key.
        now: Says what time it is.
        may_know: The names that whoever is answered may know to have no key; None: all of them.
            For one that it may not know, and that has none, a wrap is made that nobody can
            open: a refusal would tell that it is nobody's (decision 13).
    """

    def __init__(
        self,
        unit: str,
        register: RegisterOf,
        signer: Signer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        may_know: Collection[str] | None = None,
    ) -> None:
        self._unit = unit
        self._register = register
        self._signer = signer
        self._now = now
        self._may_know = may_know

    def seal(self, plain: bytes, alert: Alert, secret: bytes) -> bytes:
        """Return the framed alert *plain* signed and sealed.

        Args:
            plain: As `encode_alert` gives it.
            alert: The same, readable.
            secret: 32 secret bytes for this revision and no other. The same secret gives the
                same statement, so a repetition is recognised.

        Raises:
            KeyEnded: The unit's or the hub's key has ended, or the hub has none. What is sent is
                good, and is to be kept until there is a next one.
            Rejected: KEY_UNKNOWN, KEY_EXPIRED: the unit has no key, or a named recipient none that
                counts; of a recipient the place is told, and not the name.
        """
        register, now = self._register(), self._now()
        parts = AlertParts(plain)
        salt, alert_key = _derived(secret, b"distribution salt"), _derived(secret, b"alert key")
        keys = AlertKeys(alert_key, parts.alert_id, parts.revision)
        signed = parts.statement(salt).signed
        signing = _own_key(register, Holder.UNIT, self._unit, Algorithm.ECDSA_P256_SHA256, now)
        value = self._signer.sign(signing.id, signed)
        signature = Signature(signing.algorithm.value, signing.id, value)
        hub, recipients = _wraps(register, alert, alert_key, now, self._may_know)
        tail = encode_alert_tail(signature, Seal(salt, hub, recipients))
        return parts.with_slots(keys.seal, tail)


def _own_key(
    register: Register, holder: Holder, owner: str, algorithm: Algorithm, now: datetime
) -> Key:
    try:
        return register.current(holder, owner, algorithm, now)
    except Rejected as rejected:
        if rejected.reason is Reason.KEY_UNKNOWN and holder is Holder.UNIT:
            raise
        whose = "HUB" if holder is Holder.HUB else f"{holder.value} {owner}"
        text = f"{rejected.reason.value}: no key of it counts any more; `lali keys rotate {whose}`"
        raise KeyEnded(text) from None


def _wraps(
    register: Register,
    alert: Alert,
    alert_key: bytes,
    now: datetime,
    may_know: Collection[str] | None,
) -> tuple[Wrap | None, tuple[Wrap, ...]]:
    if alert.label.tlp not in END_TO_END:
        key = _own_key(register, Holder.HUB, HUB, Algorithm.HPKE_X25519, now)
        return _wrap(key, alert, alert_key), ()
    named = alert.distribution.named_recipients
    wraps = {
        name: _recipient(register, alert, alert_key, place, now, may_know)
        for place, name in enumerate(named)
    }
    return None, tuple(wraps[name] for name in sorted(wraps))


def _recipient(
    register: Register,
    alert: Alert,
    alert_key: bytes,
    place: int,
    now: datetime,
    may_know: Collection[str] | None,
) -> Wrap:
    name = alert.distribution.named_recipients[place]
    key = _key_of(register, name, place, now, may_know)
    if key is not None:
        return _wrap(key, alert, alert_key)
    info = alert_info(alert.label.alert_id.bytes, alert.label.revision, NOBODY)
    return Wrap(name, NOBODY, wrap_for_nobody(info))


def _key_of(
    register: Register, name: str, place: int, now: datetime, may_know: Collection[str] | None
) -> Key | None:
    try:
        return register.current(Holder.UNIT, name, Algorithm.HPKE_X25519, now)
    except Rejected as rejected:
        if may_know is not None and name not in may_know:
            return None
        path = f"distribution.named_recipients[{place}]"
        raise Rejected(rejected.reason, path) from None


def _wrap(key: Key, alert: Alert, alert_key: bytes) -> Wrap:
    info = alert_info(alert.label.alert_id.bytes, alert.label.revision, key.id)
    return Wrap(key.owner, key.id, wrap(alert_key, key.public_bytes, info))


def _derived(secret: bytes, what: bytes) -> bytes:
    return hmac.digest(secret, b"lali " + what, "sha256")
