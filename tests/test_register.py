"""Which key of the register counts, at which moment and for whom."""

from datetime import timedelta

import pytest
from register_changes import renew
from sealed import FIJI, UNITS, reason_of, scratch

from broker.protect.algorithms import Algorithm
from broker.protect.ceremony import next_register, revoked
from broker.protect.issue import issue
from broker.protect.keeper import FileKeeper
from broker.protect.key_folder import KeyFolder, now
from broker.protect.register import HUB, Holder, Register, key_id_of


@pytest.fixture
def folder(key_folder: KeyFolder) -> KeyFolder:
    return key_folder


def test_every_key_has_the_id_that_follows_from_it(folder):
    register = folder.register()

    assert len(register.by_id) == len(register.keys)
    for key in register.keys:
        assert key.id == key_id_of(key.algorithm, key.owner, key.public_bytes)


def test_the_newest_key_that_counts_is_the_current_one(folder):
    at = now()
    register = folder.register()
    hub = register.current(Holder.HUB, HUB, Algorithm.HPKE_X25519)
    begins = hub.not_before + timedelta(1)
    newer, _ = issue(FileKeeper(scratch() / "private"), Holder.HUB, HUB, begins)
    both = Register(version=2, keys=(newer, hub))

    def current(when):
        return both.current(Holder.HUB, HUB, Algorithm.HPKE_X25519, when)

    assert current(at) == hub
    assert current(newer.not_before) == newer
    assert reason_of(current, hub.not_before - timedelta(1)) == ("KEY_UNKNOWN", "hub.hub")
    assert reason_of(current, newer.not_after) == ("KEY_EXPIRED", "hub.hub")


def test_a_revoked_key_is_never_current(folder):
    at = now()
    register = folder.register()
    old = register.current(Holder.UNIT, FIJI, Algorithm.HPKE_X25519)
    after = Register(version=2, keys=tuple(revoked(k, at) for k in register.keys))

    def current(when):
        return after.current(Holder.UNIT, FIJI, Algorithm.HPKE_X25519, when)

    assert current(at - timedelta(1)).id == old.id
    assert reason_of(current, at) == ("KEY_UNKNOWN", f"unit.{FIJI}")


def test_each_kind_of_key_is_found_for_its_kind_of_owner_only(folder):
    register = folder.register()

    for holder, owner in ((Holder.FEED, FIJI), (Holder.HUB, FIJI), (Holder.UNIT, HUB)):
        assert reason_of(register.current, holder, owner, Algorithm.HPKE_X25519)[0] == "KEY_UNKNOWN"
    assert len(list(register.of(Holder.UNIT, FIJI, Algorithm.ECDSA_P256_SHA256))) == 1
    assert {k.owner for k in register.keys if k.holder is Holder.UNIT} == set(UNITS)


def test_a_register_of_two_officers_is_in_force_at_once(folder):
    before = folder.register()
    after = next_register(folder, before.keys[1:])

    renew(folder, after)

    assert folder.register() == after
    assert KeyFolder(folder.path).register().version == before.version + 1
