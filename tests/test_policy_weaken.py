"""`lali policy weaken`: whatever is loosened in a shipped bundle is noticed, or named."""

import pytest
from policy_views import PACIFIC, small_bundle

pytest.importorskip("z3")

from broker.policy.bundle import load_bundle
from broker.policy.proof.properties import read_properties
from broker.policy.proof.weakening import weaken
from broker.resources import shipped

_SCOPE = '(principal, action in Lali::Action::"everything", resource)'
_OPEN = f'@id("open") permit {_SCOPE} when {{ resource.tlp == "AMBER" && resource.minor == "NO" }};'
_CLOSED = f'@id("closed") forbid {_SCOPE} when {{ principal.kind == "TCU" }};'
_NEVER = f'@id("no-tcu") @why("w") permit {_SCOPE} when {{ principal.kind != "TCU" }};'


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(each.name for each in shipped("policies").iterdir()))
def test_whatever_is_loosened_in_a_shipped_bundle_is_noticed_or_named(name):
    bundle = load_bundle(PACIFIC.parent / name)
    found = weaken(bundle, read_properties(bundle))
    assert (found.uncaught, found.stale) == ([], [])
    assert found.tried > 2 * len(bundle.rules.rules)
    assert len(found.by_property) > found.tried / 3


def weakened(folder, never="", cases="", known=""):
    bundle = small_bundle(folder, _OPEN + _CLOSED, cases=cases)
    (folder / "never").mkdir()
    (folder / "never" / "all.cedar").write_text(never)
    (folder / "weakening.toml").write_text(known)
    return weaken(bundle, read_properties(bundle))


def test_a_forbid_left_out_is_caught_by_a_property(tmp_path):
    found = weakened(tmp_path, never=_NEVER)
    assert "closed: left out" in found.by_property
    assert 'open: as if resource.minor == "NO"' in found.uncaught


def test_or_by_a_case_or_it_is_named(tmp_path):
    case = (
        '[[case]]\nname = "c"\nfeed = "f1"\n'
        'label = { originator = "north-a", minor = "YES" }\nexpect = { verdict = "WITHHOLD" }\n'
    )
    known = "[[known]]\nname = 'open: as if resource.tlp == \"AMBER\"'\nwhy = 'tried'\n"
    known += "[[known]]\nname = 'gone: left out'\nwhy = 'it was there'\n"
    found = weakened(tmp_path, cases=case, known=known)
    assert 'open: as if resource.minor == "NO"' in found.by_case
    assert found.named == ['open: as if resource.tlp == "AMBER"']
    assert found.stale == ["gone: left out"]
    assert "closed: left out" in found.uncaught
