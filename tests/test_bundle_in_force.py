"""A10: an approval ends with the next one, and decides nothing any more."""

import json
import shutil

import pytest
from officers import ONE, OTHER
from sealed import BUNDLE, reason_of

from broker.app import make_parts, make_role
from broker.errors import BundleEnded, BundleInvalid, SettingsInvalid
from broker.keys import init_keys
from broker.pipeline.preconditions import Preconditions
from broker.policy.bundle import load_bundle
from broker.policy.fitness import require_fit
from broker.protect.ceremony import apply, approve, propose
from broker.protect.change import Change, ChangeKind
from broker.protect.development import FIRST, SECOND, agree
from broker.protect.key_folder import KeyFolder, now
from broker.settings import Settings

FIRST_BUNDLE, SECOND_BUNDLE = bytes.fromhex(ONE), bytes.fromhex(OTHER)
EMPTY_RULE = """
@id("planted")
@why("Planted.")
@legal_basis("None: synthetic.")
forbid (principal, action in Lali::Action::"everything", resource)
when { resource.sectors.contains("LOGGING") };
"""


@pytest.fixture
def folder(key_folder):
    return key_folder


def _in_force(folder, digest):
    agree(folder, ChangeKind.BUNDLE, digest)


def test_a10_the_bundle_before_ends_for_who_starts_and_for_who_runs(folder):
    running, digest = KeyFolder(folder.path), BUNDLE
    running.require_bundle(digest)
    _in_force(folder, ONE)

    for each in (running, KeyFolder(folder.path)):
        with pytest.raises(SettingsInvalid, match=f"NOT_APPROVED: {ONE[:12]} is in force since"):
            each.require_bundle(digest)
        each.require_bundle(FIRST_BUNDLE)


def test_a10_an_older_bundle_needs_two_people_again(folder, first, second):
    _in_force(folder, ONE)
    _in_force(folder, OTHER)
    with pytest.raises(SettingsInvalid):
        folder.require_bundle(FIRST_BUNDLE)

    _in_force(folder, ONE)

    folder.require_bundle(FIRST_BUNDLE)


def test_a10_an_approval_that_another_one_overtook_is_good_for_nothing(folder, first, second):
    late = approve(folder, second, propose(folder, first, ChangeKind.BUNDLE, ONE))
    _in_force(folder, OTHER)

    assert reason_of(apply, folder, late) == ("APPROVAL_REPLAYED", "change.place")
    folder.require_bundle(SECOND_BUNDLE)


def test_a10_an_older_approval_put_back_is_refused_by_who_saw_the_newer(folder):
    _in_force(folder, ONE)
    older = (folder.path / "bundle.json").read_bytes()
    _in_force(folder, OTHER)
    folder.require_bundle(SECOND_BUNDLE)
    (folder.path / "bundle.json").write_bytes(older)

    with pytest.raises(SettingsInvalid, match="older than the one before"):
        folder.require_bundle(FIRST_BUNDLE)


def test_a10_an_approval_cannot_be_given_another_place(folder):
    _in_force(folder, ONE)
    file = folder.path / "bundle.json"
    written = json.loads(file.read_text())
    written["change"]["place"] = 9
    file.write_text(json.dumps(written))

    with pytest.raises(SettingsInvalid, match="SIGNATURE_INVALID"):
        KeyFolder(folder.path).require_bundle(FIRST_BUNDLE)


def test_a10_of_the_approvals_of_an_older_key_folder_the_newest_counts(folder, first, second):
    def signed_as_before(digest):
        unsigned = Change(kind=ChangeKind.BUNDLE, digest=digest, proposer=FIRST, proposed_at=now())
        assert b"place" not in unsigned.signed()
        made = unsigned.model_copy(update={"signature": first.sign(unsigned.signed())})
        from broker.protect.ceremony import ChangeRecord
        from broker.protect.model_files import write_whole

        record = approve(folder, second, ChangeRecord(change=made))
        approved = {"change": record.change, "approval": record.approval}
        from broker.protect.change import Approved

        write_whole(folder.path / "bundles" / f"{digest}.json", Approved(**approved))

    (folder.path / "bundle.json").unlink()
    signed_as_before(ONE)
    signed_as_before(OTHER)
    older = KeyFolder(folder.path)

    older.require_bundle(SECOND_BUNDLE)
    with pytest.raises(SettingsInvalid, match="NOT_APPROVED"):
        older.require_bundle(FIRST_BUNDLE)
    _in_force(older, ONE)
    older.require_bundle(FIRST_BUNDLE)


async def test_a10_a_role_that_runs_waits_once_its_bundle_has_ended(folder):
    class Clock:
        async def confirm(self):
            return None

        def fault(self):
            return None

    held = Preconditions(Clock(), lambda: folder.require_bundle(BUNDLE))
    await held.confirm()
    assert held.fault() is None

    _in_force(folder, ONE)

    with pytest.raises(BundleEnded, match="BUNDLE_NOT_IN_FORCE"):
        await held.confirm()
    assert held.fault().code == "BUNDLE_NOT_IN_FORCE"


@pytest.mark.parametrize("role", ["accept", "route", "deliver", "gateway"])
def test_a10_a_role_does_not_start_with_a_bundle_that_is_not_in_force(role, bundle, tmp_path):
    settings = Settings(
        bootstrap_servers="127.0.0.1:1", protection="required", data_folder=tmp_path / "data"
    )
    init_keys(settings)
    (bundle / "rules" / "planted.cedar").write_text(EMPTY_RULE)
    agree(KeyFolder(settings.key_folder()), ChangeKind.BUNDLE, load_bundle(bundle).digest.hex())

    with pytest.raises(SettingsInvalid, match="is in force since"):
        make_role(make_parts(settings), role)


def _spoil_rules(bundle):
    (bundle / "rules" / "planted.cedar").write_text(EMPTY_RULE)  # which decides no case


def _spoil_cases(bundle):
    file = next((bundle / "cases").glob("*.toml"))
    file.write_text(file.read_text().replace('verdict = "WITHHOLD"', 'verdict = "RELEASE"', 1))


def _no_cases(bundle):
    shutil.rmtree(bundle / "cases")


@pytest.mark.parametrize("spoil", [_spoil_rules, _spoil_cases, _no_cases])
def test_a10_a_bundle_that_its_own_checks_refuse_is_neither_proposed_nor_approved(
    spoil, bundle, lali, tmp_path, monkeypatch
):
    """A10: policy check and policy test stand before both people."""
    monkeypatch.setenv("LALI_PROTECTION", "required")
    monkeypatch.setenv("LALI_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("LALI_BUNDLE", str(bundle))
    assert lali("keys", "init", "--development")[0] == 0
    whole = load_bundle(bundle).digest.hex()
    spoil(bundle)
    if spoil is _spoil_rules:
        code, _, said = lali("change", "propose-bundle", "--officer", FIRST)
        assert (code, "no case is decided by it" in said) == (2, True)
    else:
        assert lali("change", "propose-bundle", "--officer", FIRST)[0] == 2

    folder = KeyFolder(tmp_path / "data" / "keys")
    digest = load_bundle(bundle).digest.hex()
    from broker.protect.development import development_key

    past = propose(folder, development_key(folder, FIRST), ChangeKind.BUNDLE, digest)
    code, _, said = lali("change", "approve", str(past.change.id)[:8], "--officer", SECOND)

    assert code == 2, said
    folder.require_bundle(bytes.fromhex(whole))
    with pytest.raises(BundleInvalid):
        require_fit(load_bundle(bundle))


def test_a10_an_officer_approves_only_what_lies_before_them(lali, tmp_path, monkeypatch):
    monkeypatch.setenv("LALI_PROTECTION", "required")
    monkeypatch.setenv("LALI_DATA_FOLDER", str(tmp_path / "data"))
    assert lali("keys", "init", "--development")[0] == 0
    folder = KeyFolder(tmp_path / "data" / "keys")
    from broker.protect.development import development_key

    other = propose(folder, development_key(folder, FIRST), ChangeKind.BUNDLE, ONE)
    code, _, said = lali("change", "approve", str(other.change.id)[:8], "--officer", SECOND)

    assert code == 2
    assert "set it to the folder that is to be approved" in said
