"""Two people for every change: who may agree to what, and that an approval is good once."""

import pytest
from officers import ONE, OTHER, named, proposed
from sealed import reason_of

from broker.errors import SettingsInvalid
from broker.protect.ceremony import (
    ChangeRecord,
    apply,
    approve,
    next_register,
    propose,
    read_record,
    records,
)
from broker.protect.change import Approval, Approved, ChangeKind, check_approved
from broker.protect.development import FIRST, SECOND, agree
from broker.protect.key_folder import KeyFolder
from broker.protect.model_files import write_whole


@pytest.fixture
def folder(key_folder: KeyFolder) -> KeyFolder:
    return key_folder


def changed(record: ChangeRecord, part: str, **fields) -> ChangeRecord:
    """Return *record* with fields of its change or approval changed after signing."""
    old = getattr(record, part)
    new = type(old).model_validate(old.model_dump() | fields)
    return ChangeRecord.model_validate(record.model_dump() | {part: new.model_dump()})


def test_two_officers_change_what_they_agree_to(folder, first, second):
    record = proposed(folder, first)
    assert record.state == "proposed"
    record = approve(folder, second, record)
    assert record.state == "approved"
    record = apply(folder, record)

    assert record.state == "applied"
    assert read_record(folder, str(record.change.id)) == record
    folder.require_bundle(bytes.fromhex(ONE))


def test_nobody_approves_their_own_change(folder, first):
    record = proposed(folder, first)

    assert reason_of(approve, folder, first, record) == ("SELF_APPROVED", "approval.approver")
    assert read_record(folder, str(record.change.id)).state == "proposed"


def test_who_is_no_officer_neither_proposes_nor_approves(folder, first):
    stranger = named(folder, "stranger")

    assert reason_of(proposed, folder, stranger) == ("OFFICER_UNKNOWN", "change")
    record = proposed(folder, first)
    assert reason_of(approve, folder, stranger, record) == ("OFFICER_UNKNOWN", "approval")


def test_nobody_signs_in_the_name_of_another_officer(folder, first):
    assert reason_of(proposed, folder, named(folder, SECOND)) == (
        "SIGNATURE_INVALID",
        "change.signature",
    )
    record = proposed(folder, first)
    assert reason_of(approve, folder, named(folder, SECOND), record) == (
        "SIGNATURE_INVALID",
        "approval.signature",
    )


def test_a_change_is_not_applied_before_it_is_approved(folder, first):
    record = proposed(folder, first)

    assert reason_of(apply, folder, record) == ("NOT_APPROVED", "change")


def test_a_change_is_applied_once(folder, first, second):
    record = approve(folder, second, proposed(folder, first))
    done = apply(folder, record)

    assert reason_of(apply, folder, record) == ("APPROVAL_REPLAYED", "change")
    assert reason_of(apply, folder, done) == ("APPROVAL_REPLAYED", "change")
    assert reason_of(approve, folder, second, done) == ("APPROVAL_REPLAYED", "change")


def test_a_register_is_not_put_in_force_again_by_its_old_approval(folder, first, second):
    original = folder.register()
    smaller = next_register(folder, original.keys[1:])
    digest = smaller.digest().hex()
    old = propose(folder, first, ChangeKind.KEYS, digest, register=smaller)
    old = approve(folder, second, old)
    apply(folder, old)
    back = next_register(folder, original.keys)
    agree(folder, ChangeKind.KEYS, back.digest().hex(), back)

    # Whoever may write into the folder takes back that it was applied.
    write_whole(folder.path / "changes" / f"{old.change.id}.json", old)

    assert reason_of(apply, folder, old) == ("APPROVAL_REPLAYED", "register.version")
    assert folder.register() == back


def test_the_approval_of_one_change_is_no_approval_of_another(folder, first, second):
    one = approve(folder, second, proposed(folder, first))
    other = proposed(folder, first, OTHER)
    same = proposed(folder, first)

    for change in (other, same):
        forged = ChangeRecord(change=change.change, approval=one.approval)
        assert reason_of(apply, folder, forged) == ("APPROVAL_DIFFERS", "approval")


def test_an_approval_is_for_one_kind_of_change(folder, first, second):
    record = approve(folder, second, proposed(folder, first))
    approved = Approved(change=record.change, approval=record.approval)

    for kind in (ChangeKind.KEYS, ChangeKind.ERASURE):
        refused = reason_of(check_approved, folder.officers, approved, kind, ONE)
        assert refused == ("APPROVAL_DIFFERS", "approval")
    refused = reason_of(check_approved, folder.officers, approved, ChangeKind.BUNDLE, OTHER)
    assert refused == ("APPROVAL_DIFFERS", "approval")


def test_a_register_other_than_the_approved_one_is_not_put_in_force(folder, first, second):
    keys = folder.register().keys
    wanted, other = next_register(folder, keys[1:]), next_register(folder, keys[2:])
    record = propose(folder, first, ChangeKind.KEYS, wanted.digest().hex(), register=wanted)
    record = approve(folder, second, record)

    for register in (other, None):
        forged = ChangeRecord(change=record.change, approval=record.approval, register_=register)
        assert reason_of(apply, folder, forged) == ("APPROVAL_DIFFERS", "register")
    assert folder.register().keys == keys


CHANGES = {
    "digest": (OTHER, "SIGNATURE_INVALID"),
    "kind": ("KEYS", "SIGNATURE_INVALID"),
    "subject": ("abc", "SIGNATURE_INVALID"),
    "proposed_at": ("2026-01-01T00:00:00Z", "SIGNATURE_INVALID"),
    "proposer": (SECOND, "SIGNATURE_INVALID"),
    "id": ("0b7f3c1e-0000-4000-8000-000000000000", "SIGNATURE_INVALID"),
    "signature": ("AAAA", "SIGNATURE_INVALID"),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_change_that_was_tampered_with_is_neither_approved_nor_applied(
    folder, first, second, field
):
    value, reason = CHANGES[field]
    before = proposed(folder, first)
    after = approve(folder, second, before)

    assert reason_of(approve, folder, second, changed(before, "change", **{field: value}))[0] in {
        reason,
        "SELF_APPROVED",
    }
    tampered = changed(after, "change", **{field: value})
    write_whole(folder.path / "changes" / f"{tampered.change.id}.json", tampered)
    assert reason_of(apply, folder, tampered)[0] == reason


APPROVALS = {
    "change": (OTHER, "APPROVAL_DIFFERS"),
    "digest": (OTHER, "APPROVAL_DIFFERS"),
    "approver": (FIRST, "SELF_APPROVED"),
    "approved_at": ("2026-01-01T00:00:00Z", "SIGNATURE_INVALID"),
    "signature": ("AAAA", "SIGNATURE_INVALID"),
}


@pytest.mark.parametrize("field", APPROVALS)
def test_an_approval_that_was_tampered_with_is_not_applied(folder, first, second, field):
    value, reason = APPROVALS[field]
    record = approve(folder, second, proposed(folder, first))

    assert reason_of(apply, folder, changed(record, "approval", **{field: value}))[0] == reason


def test_a_proposal_is_not_its_own_approval(folder, first):
    record = proposed(folder, first)
    change = record.change
    approval = Approval(
        change=change.own_digest(),
        digest=ONE,
        approver=SECOND,
        approved_at=change.proposed_at,
        signature=change.signature,
    )

    forged = ChangeRecord(change=change, approval=approval)
    assert reason_of(apply, folder, forged) == ("SIGNATURE_INVALID", "approval.signature")


def test_changes_are_found_by_the_start_of_their_id_if_it_names_one(folder, first):
    record = proposed(folder, first)

    assert read_record(folder, str(record.change.id)[:8]) == record
    with pytest.raises(SettingsInvalid):
        read_record(folder, "no-such")
    with pytest.raises(SettingsInvalid):
        read_record(folder, "")
    assert list(records(folder))[-1] == record
