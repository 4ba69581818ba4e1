"""`lali policy diff`: who gains and who loses between two bundles, over all labels."""

import json
import shutil

import pytest
from policy_views import PACIFIC

pytest.importorskip("z3")

from broker.policy.bundle import load_bundle
from broker.policy.ordinary.replay import ordinary_views, recorded_views, replayed
from broker.policy.proof.difference import difference
from broker.resources import shipped

SMALL = shipped("policies") / "three-agencies"
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")


@pytest.fixture
def changed(tmp_path):
    """Return a function that copies the small bundle with one change of its rules."""

    def change(old: str, new: str):
        folder = tmp_path / "changed"
        shutil.copytree(SMALL, folder)
        file = folder / "rules" / "sharing.cedar"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        return folder

    return change


def test_a_bundle_is_equivalent_to_itself():
    pacific = load_bundle(PACIFIC)
    found = difference(pacific, pacific)
    assert found.changes == []
    assert found.seconds < 60


def test_rules_that_say_the_same_in_another_way_are_proved_equivalent(changed):
    folder = changed('["CLEAR", "GREEN", "AMBER"]', '["AMBER", "CLEAR", "GREEN"]')
    assert difference(load_bundle(SMALL), load_bundle(folder)).changes == []


def test_who_gains_is_told_with_an_example_that_both_engines_decide(changed):
    old = 'Lali::Action::"see_movement", Lali::Action::"see_suspects"'
    folder = changed(old, old + ', Lali::Action::"see_documents"')
    (change,) = difference(load_bundle(SMALL), load_bundle(folder)).changes
    assert (change.feed, change.gains) == ("border-risk", True)
    assert change.actions == change.seen == ("see_documents",)
    back = difference(load_bundle(folder), load_bundle(SMALL)).changes
    assert [(each.feed, each.gains, each.actions) for each in back] == [
        ("border-risk", False, ("see_documents",))
    ]


def test_a_rule_that_lifts_a_forbid_is_named(changed):
    folder = changed("resource.not_releasable_to.containsAny(principal.names)", "context.expired")
    changes = difference(load_bundle(SMALL), load_bundle(folder)).changes
    assert {change.feed for change in changes} >= {"police-investigate", "border-risk"}
    assert all(change.no_longer == ("the-originator-excludes",) for change in changes)


def test_alerts_are_replayed_by_the_engine(changed, tmp_path):
    old = 'Lali::Action::"see_movement", Lali::Action::"see_suspects"'
    before, after = load_bundle(SMALL), load_bundle(changed(old, 'Lali::Action::"see_movement"'))
    lost = {(each.feed, each.lost) for each in replayed(before, after, ordinary_views(before))}
    assert ("border-risk", ("suspects",)) in lost
    label = {
        "alert_id": "00000000-0000-4000-8000-000000000001", "originated_at": "2026-06-01T00:00:00Z",
        "expires_at": "2026-09-01T00:00:00Z", "originator": "police-desk", "tlp": "AMBER",
        "source_type": "AGENCY",
    }  # fmt: skip
    recorded = tmp_path / "labels.jsonl"
    recorded.write_text(json.dumps({"label": label}) + "\n")
    (one,) = replayed(before, after, recorded_views(recorded))
    assert (one.alert, one.feed, one.gained) == ("labels.jsonl:1", "border-risk", ())


def test_it_is_told_in_words_as_json_and_as_a_table(changed, lali):
    old = 'Lali::Action::"see_movement", Lali::Action::"see_suspects"'
    folder = changed(old, old + ', Lali::Action::"see_documents"')
    code, out, _ = lali("policy", "diff", SMALL, folder)
    assert code == 1
    assert "border-risk gains documents" in out
    code, out, _ = lali("policy", "diff", SMALL, folder, "--json")
    told = json.loads(out.splitlines()[-1])
    assert (code, told["equivalent"], told["changes"][0]["confirmed"]) == (1, False, True)
    code, out, _ = lali("policy", "diff", SMALL, folder, "--table")
    assert "| `border-risk` | gains | documents |" in out
    code, out, _ = lali("policy", "diff", SMALL, SMALL)
    assert code == 0
    assert "They release the same to everybody, for every label." in out
