"""Erase an alert: destroy its keys, so that whatever lies anywhere of it stays closed.

Two things can open an accepted alert at the hub: its row in the vault, and the hub's private
key by which the publisher wrapped the alert key in the intake topic. So erasing destroys the
row, gives the hub a new key, and destroys every older one, once accept has taken everything
that was sealed for them. What arrives later under an older key is quarantined.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from broker.model.reason import Reason
from broker.protect.algorithms import Algorithm
from broker.protect.ceremony import ChangeRecord, OfficerKey, next_register, propose, revoked
from broker.protect.change import ChangeKind
from broker.protect.issue import issue
from broker.protect.key_folder import KeyFolder, now
from broker.protect.register import HUB, Holder, Key, Register


def propose_erasure(folder: KeyFolder, officer: OfficerKey, alert_id: UUID) -> ChangeRecord:
    """Write down that *officer* wants *alert_id* erased, with the register that comes with it."""
    register = _with_new_hub_key(folder)
    return propose(
        folder,
        officer,
        ChangeKind.ERASURE,
        register.digest().hex(),
        subject=str(alert_id),
        register=register,
    )


def destroy_alert_keys(folder: KeyFolder, alert_id: UUID, at: datetime) -> int:
    """Destroy the alert's keys in the vault; return how many there were."""
    return folder.vault.erase([alert_id.bytes], int(at.timestamp() * 1000))


def destroy_hub_keys(folder: KeyFolder, at: datetime) -> int:
    """Destroy the hub's private keys that count no more; return how many there were.

    The register with the hub's new key is in force already.
    """
    ended = (Reason.KEY_REVOKED, Reason.KEY_EXPIRED)  # one yet to come has sealed nothing
    gone = [key for key in _hub_keys(folder.register()) if key.fault(at) in ended]
    held = [key.id for key in gone if folder.keeper.holds(key.id)]
    for key_id in held:
        folder.keeper.destroy(key_id)
    return len(held)


def _with_new_hub_key(folder: KeyFolder) -> Register:
    at = now()
    used = [key for key in _hub_keys(folder.register()) if key.not_before <= at]
    others = [
        revoked(key, at) if key in used and key.revoked_at is None else key
        for key in folder.register().keys
    ]
    fresh = issue(folder.keeper, Holder.HUB, HUB, at, algorithms=[Algorithm.HPKE_X25519])
    return next_register(folder, (*others, *fresh))


def _hub_keys(register: Register) -> Sequence[Key]:
    return tuple(register.of(Holder.HUB, HUB, Algorithm.HPKE_X25519))
