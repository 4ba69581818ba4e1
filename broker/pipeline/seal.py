"""Sign and seal an alert, before anything of it leaves the publisher's process."""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime

from broker.model.alert import Alert
from broker.model.codes import Tlp
from broker.protect.algorithms import Algorithm
from broker.protect.register import HUB, Holder, Key, Register, RegisterOf
from broker.protect.signature import Signature, Signer
from broker.protect.slot_seal import AlertKeys
from broker.protect.wrap import alert_info, wrap
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
    """

    def __init__(
        self,
        unit: str,
        register: RegisterOf,
        signer: Signer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._unit = unit
        self._register = register
        self._signer = signer
        self._now = now

    def seal(self, plain: bytes, alert: Alert, secret: bytes) -> bytes:
        """Return the framed alert *plain* signed and sealed.

        Args:
            plain: As `encode_alert` gives it.
            alert: The same, readable.
            secret: 32 secret bytes for this revision and no other. The same secret gives the
                same statement, so a repetition is recognised.

        Raises:
            Rejected: KEY_UNKNOWN: the unit, the hub or a named recipient has no key that counts.
        """
        register, now = self._register(), self._now()
        parts = AlertParts(plain)
        salt, alert_key = _derived(secret, b"distribution salt"), _derived(secret, b"alert key")
        keys = AlertKeys(alert_key, parts.alert_id, parts.revision)
        signed = parts.statement(salt).signed
        signing = register.current(Holder.UNIT, self._unit, Algorithm.ECDSA_P256_SHA256, now)
        value = self._signer.sign(signing.id, signed)
        signature = Signature(signing.algorithm.value, signing.id, value)
        hub, recipients = _wraps(register, alert, alert_key, now)
        tail = encode_alert_tail(signature, Seal(salt, hub, recipients))
        return parts.with_slots(keys.seal, tail)


def _wraps(
    register: Register, alert: Alert, alert_key: bytes, now: datetime
) -> tuple[Wrap | None, tuple[Wrap, ...]]:
    if alert.label.tlp not in END_TO_END:
        return _wrap(
            register.current(Holder.HUB, HUB, Algorithm.HPKE_X25519, now), alert, alert_key
        ), ()
    named = sorted(set(alert.distribution.named_recipients))
    keys = [register.current(Holder.UNIT, unit, Algorithm.HPKE_X25519, now) for unit in named]
    return None, tuple(_wrap(key, alert, alert_key) for key in keys)


def _wrap(key: Key, alert: Alert, alert_key: bytes) -> Wrap:
    info = alert_info(alert.label.alert_id.bytes, alert.label.revision, key.id)
    return Wrap(key.owner, key.id, wrap(alert_key, key.public_bytes, info))


def _derived(secret: bytes, what: bytes) -> bytes:
    return hmac.digest(secret, b"lali " + what, "sha256")
