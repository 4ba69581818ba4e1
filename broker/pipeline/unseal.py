"""Open what was published: verify who signed it, take its key out, give its plain form.

The plain form lives in accept's memory while it is checked, and nowhere else. TLP:RED stays
closed: the hub has no key to it, so only label, distribution and signature are checked.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from broker.errors import KeeperUnavailable, Rejected
from broker.model.reason import Reason
from broker.protect.algorithms import WRAP_BYTES, Algorithm
from broker.protect.register import HUB, Holder, Key, RegisterOf
from broker.protect.signature import verify
from broker.protect.slot_seal import AlertKeys, SealBroken
from broker.protect.statement import Statement
from broker.protect.vault import Vault
from broker.protect.wrap import NOBODY, Unwrapper, alert_info
from broker.wire import codec
from broker.wire.sealing import AlertParts, opened_alert, stripped
from broker.wire.tails import Seal, Wrap

_RED = frozenset({"RED", "UNKNOWN"})


class Unsealed(NamedTuple):
    """A published alert, opened.

    Attributes:
        plain: Its plain form; of an end-to-end one, without content.
        forwarded: What goes to route: sealed, without the hub's wrap.
        statement: What was signed.
        alert_id: 16 bytes.
        alert_key: For the vault; None of an end-to-end one.
    """

    plain: bytes
    forwarded: bytes
    statement: Statement
    alert_id: bytes
    alert_key: bytes | None

    def __repr__(self) -> str:
        return "Unsealed()"


class Unsealer:
    """Opens published alerts for accept.

    Args:
        register: The key register of today.
        unwrapper: Holds the hub's private keys.
        vault: Knows what was erased.
        now: Says what time it is.
    """

    def __init__(
        self,
        register: RegisterOf,
        unwrapper: Unwrapper,
        vault: Vault,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.register = register
        self._unwrapper = unwrapper
        self._now = now
        self.vault = vault

    def open(self, value: bytes | None, originator: str) -> Unsealed:
        """Verify and open what *originator* published.

        Raises:
            Rejected: With the first thing that is wrong.
            KeeperUnavailable: The hub's private key cannot be used now.
        """
        record = codec.decode(value, "alert")
        assert value is not None
        parts = AlertParts(value)
        seal = parts.seal
        if seal is None:
            raise Rejected(
                Reason.SEAL_MISSING if parts.signature else Reason.SIGNATURE_MISSING, "signature"
            )
        label = record["label"]
        if label["originator"] != originator:
            raise Rejected(Reason.ORIGINATOR_DIFFERS, "label.originator")
        if parts.revision < 1:
            raise Rejected(Reason.FIELD_INVALID, "label.revision")
        statement = parts.statement(seal.distribution_salt)
        verify(self.register(), originator, parts.signature, statement.signed, self._now())
        if label["message_type"] != "CANCEL" and self.vault.is_erased(parts.alert_id):
            raise Rejected(Reason.ERASED, "label.alert_id")
        if label["tlp"] in _RED:
            self._check_end_to_end(seal, record["distribution"]["named_recipients"])
            alert_key = None
        else:
            alert_key = self._alert_key(parts, seal)
        plain = _plain(parts, alert_key)
        return Unsealed(plain, stripped(parts), statement, parts.alert_id, alert_key)

    def _check_end_to_end(self, seal: Seal, named: Sequence[str]) -> None:
        """Check that the alert key is wrapped for each named recipient, and for nobody else.

        A wrap for `NOBODY` stands for a recipient that has no key, whether it is a unit or no
        one: which of the two is not the originator's to learn from a refusal (decision 13).
        """
        if seal.hub is not None:
            raise Rejected(Reason.SEAL_NOT_END_TO_END, "seal.hub")
        if [wrap.owner for wrap in seal.recipients] != sorted(set(named)):
            raise Rejected(Reason.SEAL_NOT_END_TO_END, "seal.recipients")
        for wrap in seal.recipients:
            if wrap.key_id == NOBODY:
                continue
            key = self.register().by_id.get(wrap.key_id)
            if key is None:
                raise Rejected(Reason.KEY_UNKNOWN, "seal.recipients")
            if key.holder is not Holder.UNIT or key.owner != wrap.owner:
                raise Rejected(Reason.KEY_OF_OTHER_UNIT, "seal.recipients")
            if key.algorithm is not Algorithm.HPKE_X25519:
                raise Rejected(Reason.ALGORITHM_DIFFERS, "seal.recipients")

    def _alert_key(self, parts: AlertParts, seal: Seal) -> bytes:
        if seal.hub is None:
            raise Rejected(Reason.SEAL_MISSING, "seal.hub")
        if seal.recipients:
            raise Rejected(Reason.SEAL_NOT_END_TO_END, "seal.recipients")
        return self._unwrap(parts, seal.hub)

    def _unwrap(self, parts: AlertParts, hub: Wrap) -> bytes:
        key = self.register().by_id.get(hub.key_id)
        if key is None or key.holder is not Holder.HUB or hub.owner != HUB:
            raise Rejected(Reason.KEY_UNKNOWN, "seal.hub.key_id")
        info = alert_info(parts.alert_id, parts.revision, hub.key_id)
        if len(hub.wrapped) != WRAP_BYTES:
            raise Rejected(Reason.SEAL_BROKEN, "seal.hub.wrapped")
        try:
            return self._unwrapper.unwrap(hub.key_id, hub.wrapped, info)
        except KeyError:
            self._refuse_if_missing(key)
            raise Rejected(Reason.KEY_DESTROYED, "seal.hub.key_id") from None
        except SealBroken:
            raise Rejected(Reason.SEAL_BROKEN, "seal.hub.wrapped") from None

    def _refuse_if_missing(self, key: Key) -> None:
        """Wait for a private key that ought to be here: missing is not destroyed.

        A key is destroyed by an erasure, which revokes it in the register.

        Raises:
            KeeperUnavailable: The key is not revoked, or the hub's present one is away as well.
        """
        if key.revoked_at is None:
            raise KeeperUnavailable("KEY_MISSING")
        of_hub = self.register().of(Holder.HUB, HUB, Algorithm.HPKE_X25519)
        present = [each for each in of_hub if each.fault(self._now()) is None]
        if present and not any(self._unwrapper.holds(each.id) for each in present):
            raise KeeperUnavailable("KEY_MISSING")


def _plain(parts: AlertParts, alert_key: bytes | None) -> bytes:
    if alert_key is None:
        return opened_alert(parts, lambda _number, _sealed: None)
    return opened_alert(parts, AlertKeys(alert_key, parts.alert_id, parts.revision).open)
