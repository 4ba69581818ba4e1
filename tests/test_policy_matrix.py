"""`lali policy matrix`: the pictures beside the shipped bundles show what their rules do."""

import json
import shutil
from collections import Counter
from xml.etree import ElementTree

import pytest
from policy_views import PACIFIC
from random_alerts import RandomAlerts

pytest.importorskip("z3")

from broker.policy.actions import ACTIONS, RECEIVE
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.policy.proof.asking import seen_by
from broker.policy.proof.matrix import Sees, matrix
from broker.policy.reading.picture import picture
from broker.resources import shipped

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")
BUNDLES = sorted(each.name for each in shipped("policies").iterdir())
MATRICES = {name: matrix(load_bundle(PACIFIC.parent / name)) for name in BUNDLES}
MARK = "{http://www.w3.org/2000/svg}use"


@pytest.mark.parametrize("name", BUNDLES)
def test_10_the_picture_beside_a_shipped_bundle_is_what_the_solver_proves(name):
    folder = PACIFIC.parent / name
    drawn = picture(MATRICES[name], load_bundle(folder).community)

    assert (folder / "matrix.svg").read_text() == drawn, "run lali policy matrix --bundle"
    assert "](matrix.svg)" in (folder / "README.md").read_text()


@pytest.mark.parametrize("name", BUNDLES)
def test_10_the_picture_has_one_mark_for_each_feed_and_part(name):
    root = ElementTree.fromstring(
        picture(MATRICES[name], load_bundle(PACIFIC.parent / name).community)
    )
    drawn = Counter(mark.attrib["href"].removeprefix("#") for mark in root.iter(MARK))
    told = Counter(how.value for row in MATRICES[name].values() for how in row.values())

    # One more of each, in the key.
    assert drawn == told + Counter(dict.fromkeys(told, 1))
    assert all(list(row) == list(ACTIONS) for row in MATRICES[name].values())


@pytest.mark.parametrize("name", BUNDLES)
def test_10_the_engine_never_does_what_the_picture_rules_out(name):
    decider = Decider(load_bundle(PACIFIC.parent / name))
    alerts = RandomAlerts(decider, seed=23)
    released = 0
    for _ in range(300):
        for feed, outcome in decider.outcomes(alerts.view(), alerts.facts()).items():
            row, seen = MATRICES[name][feed], seen_by(outcome)
            assert not {a for a, how in row.items() if how is Sees.NEVER} & seen
            if RECEIVE in seen:
                released += 1
                assert {a for a, how in row.items() if how is Sees.ALWAYS} <= seen
    assert released > 50


def test_10_check_says_when_a_picture_is_stale(lali, tmp_path):
    folder = shutil.copytree(PACIFIC.parent / "three-agencies", tmp_path / "bundle")
    words = ("policy", "matrix", "--bundle", folder)

    assert lali(*words, "--check")[0] == 0
    (folder / "matrix.svg").write_text("<svg/>")
    code, out, _ = lali(*words, "--check")
    assert (code, "stale" in out) == (1, True)
    assert lali(*words)[0] == 0
    assert lali(*words, "--check")[0] == 0
    code, out, _ = lali(*words, "--json")
    assert (code, json.loads(out)["border-risk"]["see_victims"]) == (0, "never")
