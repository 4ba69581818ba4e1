"""The community file of a bundle: a mistake is told with its entry, and roles decide nothing."""

import pytest
from policy_views import ordinary

from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.policy.directory import read_directory
from broker.policy.facts import Facts
from broker.resources import shipped

PACIFIC = shipped("policies") / "pacific"
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")

COMMUNITY_MISTAKES = {
    "unknown table": ("[[unit]]\nid = 'x'", "community.toml: unknown table unit"),
    "malformed": ("[[units", "community.toml: Expected"),
    "field": (
        "[[communities]]\nid = 'x'\nname = 'X'\ncolour = 'red'",
        "community.toml: FIELD_UNKNOWN at communities[x]",
    ),
    "purpose": (
        "[[feeds]]\nid = 'x'\nunit = 'ptccc'\npurpose = 'GOSSIP'",
        "community.toml: CODE_UNKNOWN at feeds[x].purpose",
    ),
    "unit": (
        "[[feeds]]\nid = 'x'\nunit = 'nobody'\npurpose = 'INVESTIGATE'",
        "community.toml: x: no unit is called nobody",
    ),
    "organisation": (
        "[[units]]\nid = 'x'\nname = 'X'\norganisation = 'nobody'\nkind = 'TCU'\ncountry = 'FJ'",
        "community.toml: x: no organisation is called nobody",
    ),
    "community": (
        "[[organisations]]\nid = 'x'\nname = 'X'\nkind = 'POLICE'\ncommunities = ['nobody']",
        "community.toml: x: no community is called nobody",
    ),
    "twice": (
        "[[communities]]\nid = 'pidc'\nname = 'X'",
        "community.toml: communities: pidc appears twice",
    ),
    "two things": (
        "[[communities]]\nid = 'ptccc'\nname = 'X'",
        "community.toml: ptccc: one id, one thing",
    ),
    "a right that is none": (
        "[[roles]]\nid = 'x'\nname = 'X'\nrights = ['read', 'rule']",
        "community.toml: CODE_UNKNOWN at roles[x].rights[1]",
    ),
    "a role without rights": (
        "[[roles]]\nid = 'x'\nname = 'X'\nrights = []",
        "community.toml: FIELD_INVALID at roles[x].rights",
    ),
    "role twice": (
        "[[roles]]\nid = 'analyst'\nname = 'X'\nrights = ['read']",
        "community.toml: roles: analyst appears twice",
    ),
}


@pytest.mark.parametrize("mistake", COMMUNITY_MISTAKES)
def test_a_mistake_in_the_community_file_is_told_with_the_entry(mistake, bundle, lali):
    text, told = COMMUNITY_MISTAKES[mistake]
    with (bundle / "community.toml").open("a") as file:
        file.write(f"\n{text}\n")

    for command in ("check", "test"):
        code, out, err = lali("policy", command, "--bundle", bundle)
        assert (code, out) == (2, "")
        assert any(line.startswith((f"lali: {told}", told)) for line in err.splitlines())


def test_a_bundle_without_roles_is_as_good_as_before(bundle):
    file = bundle / "community.toml"
    text = file.read_text()
    assert text.count("[[roles]]") == len(read_directory(file).roles) > 0

    file.write_text(text[: text.index("[[roles]]")])

    assert read_directory(file).roles == {}
    assert load_bundle(bundle).community.units == read_directory(PACIFIC / "community.toml").units


def test_roles_change_no_decision_but_name_another_bundle(bundle):
    before = load_bundle(bundle)
    with (bundle / "community.toml").open("a") as file:
        file.write("\n[[roles]]\nid = 'x'\nname = 'X'\nrights = ['read']\n")

    after = load_bundle(bundle)

    assert before.digest != after.digest
    assert Decider(before).outcomes(ordinary(), Facts()) == Decider(after).outcomes(
        ordinary(), Facts()
    )
