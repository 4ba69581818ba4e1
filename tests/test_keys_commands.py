"""`lali keys`: what two officers put in force, and what older keys still do."""

import base64
import json
from datetime import timedelta

import pytest
import sealed
from cryptography.hazmat.primitives.asymmetric import x25519
from sealed import ALL, FEEDS, FIJI, OWN, an_alert, open_alert, opener, reason_of, released

from broker.cli import keys
from broker.cli.change import approve_change, list_changes
from broker.errors import Rejected, SettingsInvalid
from broker.model.reason import Reason
from broker.pipeline.open_release import read_verified
from broker.pipeline.project import recall
from broker.pipeline.protection import Protection
from broker.protect.algorithms import Algorithm
from broker.protect.development import FIRST, SECOND
from broker.protect.key_folder import now
from broker.protect.recall_seal import RecallStatement
from broker.protect.register import HUB, Holder
from broker.protect.release_seal import FEED_KEY_BYTES, KEY_NUMBER_BYTES

SIGNS, SEALS = Algorithm.ECDSA_P256_SHA256, Algorithm.HPKE_X25519


class Office:
    """Two officers at one key folder, which all roles of the test read."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self._capsys = capsys

    def proposed(self) -> str:
        self._capsys.readouterr()
        list_changes(json=True)
        *_, last = json.loads(self._capsys.readouterr().out.strip().splitlines()[-1])
        assert last["state"] == "proposed"
        return last["change"]["id"]

    def agreed(self) -> None:
        approve_change(self.proposed(), officer=SECOND)

    def current(self, holder, owner, algorithm) -> str:
        return self.folder.register().current(holder, owner, algorithm).id


@pytest.fixture
def office(key_folder, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LALI_KEYS", str(key_folder.path))
    monkeypatch.setenv("LALI_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("LALI_PROTECTION", "required")
    monkeypatch.setattr(sealed, "protection", lambda: Protection(key_folder, FEEDS))
    return Office(key_folder, capsys)


def published() -> bytes:
    return sealed.sealed(an_alert())


def to_own(value: bytes | None = None) -> bytes:
    return released(value or published(), {OWN: ALL})[OWN]


def mask_of(value: bytes) -> int:
    return sealed.shown(read_verified(value, opener(OWN)))


def key_number(value: bytes) -> str:
    return value[-FEED_KEY_BYTES:][:KEY_NUMBER_BYTES].hex()


def test_an_older_key_of_a_feed_still_opens_and_new_releases_are_for_the_new_one(office):
    older, before = office.current(Holder.FEED, OWN, SEALS), to_own()
    keys.rotate(Holder.FEED, OWN, officer=FIRST)
    office.agreed()
    after = to_own()
    newer = office.current(Holder.FEED, OWN, SEALS)
    assert (key_number(before), key_number(after)) == (older, newer)
    assert older != newer
    assert mask_of(before) == mask_of(after) == ALL


def test_what_a_unit_signed_before_its_new_key_was_in_force_is_taken_and_verifies(office):
    older = office.current(Holder.UNIT, FIJI, SIGNS)
    keys.rotate(Holder.UNIT, FIJI, officer=FIRST)
    meanwhile = published()  # the second officer is at sea
    received = to_own(meanwhile)
    office.agreed()
    assert office.current(Holder.UNIT, FIJI, SIGNS) != older
    assert mask_of(received) == ALL
    assert open_alert(meanwhile).alert_key is not None
    assert mask_of(to_own()) == ALL
    week = timedelta(days=7, minutes=1)
    assert reason_of(
        office.folder.register().signing_key, older, FIJI, SIGNS, now() + week
    ) == (Reason.KEY_REVOKED, "signature.key_id")  # fmt: skip


def test_older_keys_of_the_hub_still_open_and_what_they_signed_verifies(office):
    before = published()
    recalled = recall(_said(), sealed.protection().recalls()).value
    older = [office.current(Holder.HUB, HUB, algorithm) for algorithm in (SIGNS, SEALS)]
    keys.rotate(Holder.HUB, officer=FIRST)
    office.agreed()
    assert not {*older} & {office.current(Holder.HUB, HUB, each) for each in (SIGNS, SEALS)}
    again = recall(_said(), sealed.protection().recalls()).value
    assert [read_verified(each, opener(OWN)).doubt for each in (recalled, again)] == [None, None]
    assert mask_of(to_own(before)) == mask_of(to_own()) == ALL


def _said() -> RecallStatement:
    return RecallStatement(OWN, b"an alert of note", 2, int(now().timestamp() * 1000) + 1)


def test_a_revoked_key_counts_no_more_and_what_it_signed_before_verifies(office):
    key_id, before = office.current(Holder.UNIT, FIJI, SIGNS), published()
    received = to_own(before)
    keys.revoke(key_id, officer=FIRST)
    office.agreed()
    assert mask_of(received) == ALL
    assert reason_of(open_alert, before) == (Reason.KEY_REVOKED, "signature.key_id")
    with pytest.raises(SettingsInvalid, match="no such key"):
        keys.revoke("0" * 16, officer=FIRST)


def test_a_partner_brings_its_own_public_key(office, tmp_path):
    file = tmp_path / "own.pub"
    public = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
    file.write_text(base64.b64encode(public).decode())
    keys.import_key(Holder.FEED, OWN, file, algorithm=SEALS, officer=FIRST)
    office.agreed()
    assert office.folder.register().current(Holder.FEED, OWN, SEALS).public_bytes == public
    assert mask_of(to_own()) == 0  # its private half was never here
    file.write_text("no key")
    with pytest.raises(SettingsInvalid, match=r"own\.pub holds no public key"):
        keys.import_key(Holder.FEED, OWN, file, algorithm=SEALS, officer=FIRST)


def test_a_new_unit_gets_its_first_keys_and_only_then_others(office):
    with pytest.raises(SettingsInvalid, match="has no key"):
        keys.rotate(Holder.UNIT, "niue-police", officer=FIRST)
    keys.issue_keys(Holder.UNIT, "niue-police", officer=FIRST)
    office.agreed()
    assert office.current(Holder.UNIT, "niue-police", SIGNS)
    assert office.current(Holder.UNIT, "niue-police", SEALS)


def test_one_officer_alone_changes_nothing(office):
    before = office.folder.register()
    keys.rotate(Holder.FEED, OWN, officer=FIRST)
    change = office.proposed()
    with pytest.raises(Rejected, match="SELF_APPROVED"):
        approve_change(change, officer=FIRST)
    assert office.folder.register() == before
