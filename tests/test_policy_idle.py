"""Rules and branches that decide nothing are errors; ordinary alerts must reach whom they must."""

import pytest
from policy_views import small_bundle

pytest.importorskip("z3")

from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.policy.ordinary.reach import unreached
from broker.policy.proof.findings import decides_nothing
from broker.policy.proof.properties import read_properties
from broker.resources import shipped

_SCOPE = '(principal, action in Lali::Action::"everything", resource)'
_PERMIT = f'@id("open") permit {_SCOPE} when {{ resource.tlp == "AMBER" }};'
_NEVER = f'@id("no-red") @why("w") permit {_SCOPE} when {{ resource.tlp != "RED" }};'


def findings(folder, rules, never=""):
    bundle = small_bundle(folder, rules)
    (folder / "never").mkdir(exist_ok=True)
    (folder / "never" / "all.cedar").write_text(never)
    found = decides_nothing(bundle, read_properties(bundle))
    return [f"{each.severity}: {each.text}" for each in found]


def test_a_rule_that_decides_nothing_is_an_error(tmp_path):
    idle = f'@id("idle") forbid {_SCOPE} when {{ resource.tlp == "RED" }};'
    (found,) = findings(tmp_path, _PERMIT + idle)
    assert found.startswith("error: decides nothing in any community")


def test_a_rule_that_decides_nothing_here_is_an_error(tmp_path):
    idle = f'@id("idle") forbid {_SCOPE} when {{ principal.kind == "CUSTOMS" }};'
    (found,) = findings(tmp_path, _PERMIT + idle)
    assert found.startswith("error: decides nothing in this community")


def test_it_is_kept_as_a_second_line_with_a_property_that_it_guards(tmp_path):
    second = f'@id("idle") @second_line("no-red") forbid {_SCOPE} when {{ resource.tlp == "RED" }};'
    assert findings(tmp_path, _PERMIT + second, _NEVER) == []


@pytest.mark.parametrize(
    ("guarded", "condition", "said"),
    [
        ("no-such", 'resource.tlp == "RED"', "no property is called no-such"),
        ("no-red", 'resource.tlp == "GREEN"', "it forbids nothing that no-red rules out"),
    ],
)
def test_a_second_line_that_guards_nothing_is_an_error(tmp_path, guarded, condition, said):
    second = f'@id("idle") @second_line("{guarded}") forbid {_SCOPE} when {{ {condition} }};'
    (found,) = findings(tmp_path, _PERMIT + second, _NEVER)
    assert found == f"error: @second_line: {said}"


def test_a_branch_that_decides_nothing_is_an_error(tmp_path):
    permit = _PERMIT.replace(
        'resource.tlp == "AMBER"',
        '["AMBER", "GREEN"].contains(resource.tlp) || resource.tlp == "CLEAR"',
    )
    forbid = f'@id("closed") forbid {_SCOPE} when {{ ["GREEN", "CLEAR"].contains(resource.tlp) }};'
    found = findings(tmp_path, permit + forbid)
    assert sum("a branch decides nothing" in each for each in found) >= 2
    assert any('without "GREEN"' in each for each in found)
    assert any('as if never resource.tlp == "CLEAR"' in each for each in found)


def test_an_obligation_and_a_hold_are_effects(tmp_path):
    sooner = _PERMIT.replace('@id("open")', '@id("soon") @acknowledge_within("5m")')
    assert findings(tmp_path, _PERMIT + sooner) == [
        "error: decides nothing in any community; @second_line names the property it guards"
    ]  # the plain permit; the one that obliges decides
    held = _PERMIT.replace('@id("open")', '@id("held") @hold("two-person")')
    assert findings(tmp_path, _PERMIT + held.replace("AMBER", "GREEN")) == []


def test_a_compartment_that_nobody_receives_is_an_error(tmp_path):
    narrow = _PERMIT.replace('"everything"', '"see_circumstances"') + (
        '@id("know") permit (principal, action == Lali::Action::"receive", resource);'
    )
    found = findings(tmp_path, narrow)
    assert "error: nobody receives victims" in found
    assert "error: nobody receives summary" not in found


_GRID = """
[[alert]]
name = "an ordinary one"
label = {{ originator = "north-a" }}
vary = {{ tlp = ["AMBER", "{tlp}"] }}
must = [{{ feed = "f2", sees = ["suspects"] }}]
"""


@pytest.mark.parametrize("tlp", ["AMBER", "GREEN"])
def test_ordinary_alerts_reach_whom_they_must(tmp_path, tlp):
    small_bundle(tmp_path, _PERMIT)
    (tmp_path / "ordinary").mkdir()
    (tmp_path / "ordinary" / "all.toml").write_text(_GRID.format(tlp=tlp))
    found = [each.text for each in unreached(Decider(load_bundle(tmp_path)))]
    if tlp == "AMBER":
        assert found == []
    else:
        assert found == [
            "an ordinary one (tlp = GREEN): reaches nobody but its originator",
            "an ordinary one (tlp = GREEN): does not reach f2 (no rule permits)",
        ]


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")
def test_the_bundle_to_copy_passes_its_own_check_and_cases(lali):
    folder = shipped("policies") / "three-agencies"
    for command in ("check", "test"):
        code, out, err = lali("policy", command, "--bundle", folder)
        assert (code, err) == (0, ""), out
    readme = (folder / "README.md").read_text()
    assert all(f"`{rule.id}`" in readme for rule in load_bundle(folder).rules.rules)
