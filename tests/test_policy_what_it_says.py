"""The Pacific bundle does what it says: each of the points P1 to P22 has cases, and they hold."""

import re
import shutil

import pytest
from policy_views import PACIFIC

from broker.errors import BundleInvalid
from broker.model.warning import WarningCode
from broker.pipeline.label_warnings import reach_warnings
from broker.policy.acquainted import every_name
from broker.policy.bundle import load_bundle
from broker.policy.cases import try_cases
from broker.policy.decide import Decider
from broker.policy.lint import lint
from broker.testing import make_alert

DECIDER = Decider(load_bundle(PACIFIC))
TRIED = try_cases(DECIDER)
RULES = {rule.id for rule in DECIDER.bundle.rules.rules}
README = (PACIFIC / "README.md").read_text()


def changed(tmp_path, change):
    folder = shutil.copytree(PACIFIC, tmp_path / "bundle")
    community = folder / "community.toml"
    community.write_text(change(community.read_text()))
    return folder


def codes(**alert):
    found = reach_warnings(make_alert(**alert), DECIDER, every_name(DECIDER.bundle.community))
    return {(each.code, each.path) for each in found}


@pytest.mark.parametrize("point", range(1, 23))
def test_each_point_has_cases_and_they_hold(point):
    own = [each for each in TRIED if each.case.name.startswith(f"P{point}:")]

    assert own
    assert [(each.case.name, each.differences) for each in own if each.differences] == []


def test_readme_and_rules_name_the_same_rules():
    said = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", README)) & (RULES | {"withdrawn", "refused"})
    policies = README[README.index("## The twelve default policies") :]

    assert RULES - said == set()
    for name in re.findall(r"\| (`[a-z`, -]+`) \|", policies):
        for rule in re.findall(r"`([a-z-]+)`", name):
            assert rule in RULES, rule


def test_p02_whoever_keeps_a_child_from_its_protectors_is_told_which_field_does():
    strict = codes(minor="YES", tlp="AMBER_STRICT", originator="fiji-police")
    far = codes(
        minor="YES", countries_origin=["IN"], countries_transit=[], countries_destination=["AU"]
    )

    assert (WarningCode.CHILD_PROTECTION_NOT_REACHED, "label.tlp") in strict
    assert (
        WarningCode.CHILD_PROTECTION_NOT_REACHED,
        "label.countries_destination",
    ) in far
    assert not {c for c, _ in codes(minor="YES")} & {WarningCode.CHILD_PROTECTION_NOT_REACHED}
    assert not {c for c, _ in codes()} & {WarningCode.CHILD_PROTECTION_NOT_REACHED}


def test_p03_every_country_with_a_duty_desk_has_who_protects_a_child():
    feeds = DECIDER.bundle.community.feeds.values()
    units = DECIDER.bundle.community.units
    countries = {
        purpose: {units[f.unit].country for f in feeds if f.purpose == purpose}
        for purpose in ("PROTECT_VICTIM", "CHILD_PROTECTION")
    }

    assert countries["PROTECT_VICTIM"] <= countries["CHILD_PROTECTION"]


def test_p15_a_unit_that_enforces_and_does_something_else_is_an_error(tmp_path):
    folder = changed(
        tmp_path,
        lambda text: text.replace('unit = "fiji-enforcement"', 'unit = "fiji-immigration"'),
    )

    texts = [finding.text for finding in lint(load_bundle(folder), [])]

    assert (
        "fiji-immigration receives for IMMIGRATION_ENFORCEMENT and BORDER_RISK: two units" in texts
    )


def test_p20_nobody_is_left_unreached_without_a_word():
    for unit in ("fiji-immigration", "ptccc", "oco", "lagoon-house", "fiji-police"):
        said = codes(originator=unit, tlp="AMBER_STRICT")
        assert (WarningCode.REACHES_NOBODY, "label") not in said, unit
    lost = codes(in_transit="YES", countries_transit=[], countries_destination=[])

    assert (WarningCode.ROUTE_UNKNOWN, "label.countries_destination") in lost


def test_p21_a_country_is_a_known_name_and_no_id_may_look_like_one(tmp_path):
    excluding = {"distribution": {"not_releasable_to": ["country-ws", "country-xx"]}}
    said = codes(**excluding)

    assert (WarningCode.RECIPIENT_UNKNOWN, "distribution.not_releasable_to[0]") not in said
    assert (WarningCode.RECIPIENT_UNKNOWN, "distribution.not_releasable_to[1]") in said
    folder = changed(tmp_path, lambda text: text.replace('"ptcn"', '"country-ws"'))
    with pytest.raises(BundleInvalid, match="only countries begin so"):
        load_bundle(folder)
