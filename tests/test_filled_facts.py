"""Policy knows which parts of an alert are filled: at every door, and of nothing but that."""

from types import SimpleNamespace

import pytest
from policy_views import PACIFIC, SMALL_COMMUNITY, ordinary, sees, small_bundle, write_bundle
from previewing import DECIDER, DURING, ms, sample
from routing import TOPICS, Lane
from test_exact_parts import WRITTEN_OLD, old_alert

from broker.errors import BundleInvalid
from broker.model.compartment import ALL_COMPARTMENTS, Compartment, mask_of
from broker.model.reason import Reason
from broker.pipeline.accepted import intake_header
from broker.pipeline.holding import Holding, Share, holding_of
from broker.pipeline.preview import preview
from broker.pipeline.redecide import Handover, Stay, redecide
from broker.pipeline.route import PartitionRouter
from broker.policy.bundle import load_bundle
from broker.policy.cases import try_cases
from broker.policy.decide import Decider
from broker.policy.facts import Facts
from broker.policy.filled import told_apart
from broker.policy.lint import lint
from broker.testing import make_alert, make_release
from broker.wire import codec
from broker.wire.alert_bytes import Slots, read_attributes, read_head
from broker.wire.alert_codec import encode_alert

NOT_OF_VICTIMS = """
@id("all") @why("w") @legal_basis("l") permit (principal, action, resource)
  when { principal.kind != "UNKNOWN" };
@id("firewall") @why("w") @legal_basis("l")
forbid (principal, action in Lali::Action::"everything", resource)
  when { context.purpose == "BORDER_RISK" && resource.filled.contains("victims") };
"""
VIEW = ordinary(originator="north-a")
FEEDS = ("f1", "f3")
VICTIMS = mask_of([Compartment.VICTIMS])


def deciding(tmp_path, rules, **files):
    return Decider(small_bundle(tmp_path / "bundle", rules, **files))


def filled_alert(number, *names):
    """Return an alert with only the parts called *names*, all else alike."""
    alert = make_alert(originator="north-a")
    fields = alert.model_dump()
    fields["label"]["alert_id"] = f"00000000-0000-4000-8000-{number:012}"
    parts = fields["compartments"]
    fields["compartments"] = {k: v if k in names else None for k, v in parts.items()}
    return type(alert).model_validate(fields)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_10_07_route_decides_alerts_of_one_label_by_what_they_fill(tmp_path, order):
    decider = deciding(tmp_path, NOT_OF_VICTIMS)
    lane = Lane(sorted(decider.bundle.community.feeds))
    lane.router = PartitionRouter(TOPICS, 0, decider.plan_known)
    alerts = [
        filled_alert(1, "suspects"),
        filled_alert(2, "suspects", "victims"),
        filled_alert(3, "suspects", "movement"),
    ]

    lane.route(*(alerts[index] for index in order))

    received = {feed: [key for key, _ in lane.written[TOPICS.feed(feed)]] for feed in FEEDS}
    keys = [str(alerts[index].label.alert_id).encode() for index in order]
    assert sorted(received["f1"]) == sorted(keys)
    assert sorted(received["f3"]) == sorted(key for key in keys if not key.endswith(b"2"))


def test_10_07_what_no_rule_tells_apart_is_decided_and_kept_once(tmp_path):
    decider = deciding(tmp_path, NOT_OF_VICTIMS)
    router = PartitionRouter(TOPICS, 0, decider.plan_known)
    value = encode_alert(filled_alert(1, "suspects"))
    known = router._known.find(value, read_head(value)[3])

    made = {id(router._known.decided(known, Facts(filled=mask))) for mask in range(1 << 8)}

    assert len(made) == len(known.by_plan) == 2
    assert decider.plan(VIEW, Facts(filled=1)) is decider.plan(VIEW, Facts(filled=1 << 9))


def test_10_07_before_handing_over_it_is_decided_again_by_what_the_ledger_says_is_filled(tmp_path):
    decider = deciding(tmp_path, NOT_OF_VICTIMS)
    lane = Lane(sorted(decider.bundle.community.feeds))
    lane.router = PartitionRouter(TOPICS, 0, decider.plan_known)
    alert = filled_alert(1, "suspects")
    lane.route(alert)
    (record,) = [
        codec.decode(value, "ledger-entry")
        for _, value in lane.written[TOPICS.ledger]
        if codec.name_of(value) == "ledger-entry"
    ]
    record["expires_at"] = ms(record["expires_at"])
    holding, release = holding_of(record), make_release(alert)

    assert holding.present == alert.compartments.mask
    assert isinstance(redecide(release, "f3", holding, decider, lane.now), Handover)
    told = holding.__class__(**{**_fields(holding), "present": holding.present | VICTIMS})
    assert redecide(release, "f3", told, decider, lane.now) == Stay(Reason.RULE_FORBIDS)
    assert isinstance(redecide(release, "f1", told, decider, lane.now), Handover)


def _fields(holding):
    return {name: getattr(holding, name) for name in Holding.__dataclass_fields__}


def test_10_07_what_nobody_said_counts_as_filled():
    assert Facts().filled == ALL_COMPARTMENTS
    assert Holding(1, False, 0, b"", b"", {"f": Share(1, False)}).present == ALL_COMPARTMENTS


def test_10_07_an_exact_part_of_an_older_alert_counts_where_it_may_stand():
    value = old_alert(WRITTEN_OLD)
    _, _, slots_start = read_attributes(value, read_head(value)[3])
    slots = Slots(value, slots_start)

    exact = mask_of([Compartment.PLACES, Compartment.OWNERS, Compartment.SAFE_CONTACT])
    assert slots.present & exact == 0
    assert slots.layout.filled(slots.present) == slots.present | exact
    assert slots.layout.filled(mask_of([Compartment.CONTACT])) == mask_of(
        [Compartment.CONTACT, Compartment.SAFE_CONTACT]
    )


def test_10_07_route_counts_the_way_to_a_victim_in_an_older_alert(tmp_path):
    rules = NOT_OF_VICTIMS.replace('contains("victims")', 'contains("safe_contact")')
    decider = deciding(tmp_path, rules, community=SMALL_COMMUNITY.replace("north-a", OLD_UNIT))
    lane = Lane(sorted(decider.bundle.community.feeds))
    lane.router = PartitionRouter(TOPICS, 0, decider.plan_known)
    value = old_alert(WRITTEN_OLD)

    lane.take(
        SimpleNamespace(
            topic=TOPICS.alerts, partition=0, offset=1, headers=(intake_header(0, 1),),
            key=str(make_alert().label.alert_id).encode(), value=value,
        )
    )  # fmt: skip

    assert len(lane.written[TOPICS.feed("f1")]) == 1
    assert lane.written[TOPICS.feed("f3")] == []


OLD_UNIT = make_alert().label.originator

OLD_SCHEMA = "".join(
    line
    for line in (PACIFIC / "schema.cedarschema").read_text().splitlines(keepends=True)
    if '"filled"' not in line
)


def test_10_07_a_bundle_from_before_decides_as_it_did(tmp_path):
    rules = '@id("all") permit (principal, action, resource);'
    decider = deciding(tmp_path, rules, schema=OLD_SCHEMA)

    assert not decider.bundle.tells_filled
    assert load_bundle(PACIFIC).tells_filled
    plans = {id(decider.plan(VIEW, Facts(filled=mask))) for mask in (0, VICTIMS, ALL_COMPARTMENTS)}
    assert len(plans) == 1
    assert sees(decider.outcomes(VIEW, Facts())["f3"]) > {"receive", "victims"}


def test_10_07_a_rule_that_asks_what_its_schema_does_not_tell_is_refused(tmp_path):
    with pytest.raises(BundleInvalid, match="filled"):
        small_bundle(tmp_path / "bundle", NOT_OF_VICTIMS, schema=OLD_SCHEMA)


ASKED = {
    'resource.filled.contains("victims")': ["victims"],
    'resource.filled.containsAny(["victims", "contact"])': ["victims", "contact"],
    '!resource.filled.containsAll(["places"])': ["places"],
    'resource.minor == "NO" && !(resource.filled.contains("source"))': ["source"],
    'resource.tlp == "AMBER"': [],
    "resource.filled.isEmpty()": None,
    "resource.filled.contains(principal.kind)": None,
    'resource.filled == ["victims"]': None,
    '["victims"].containsAll(resource.filled)': None,
    "resource.filled.containsAny([principal.kind])": None,
    'resource == Lali::Alert::"alert"': None,
}


@pytest.mark.parametrize("condition", ASKED)
def test_10_07_alerts_are_told_apart_by_what_rules_ask_for(tmp_path, condition):
    rule = f'@id("r") permit (principal, action, resource) when {{ {condition} }};'
    named = ASKED[condition]
    expected = ALL_COMPARTMENTS if named is None else mask_of(Compartment(n) for n in named)

    assert told_apart(small_bundle(tmp_path / "bundle", rule).rules.rules) == expected


def test_10_07_a_name_that_is_no_part_is_an_error(tmp_path):
    bundle = small_bundle(tmp_path / "bundle", NOT_OF_VICTIMS.replace("victims", "victms"))

    assert "no code is called victms" in {each.text for each in lint(bundle, [])}


CASE = """
[[case]]
name = "described"
filled = FILLED
feed = "f3"
expect = { verdict = "WITHHOLD", rules = ["firewall"] }
label = { originator = "north-a" }
"""


def test_10_07_a_case_says_what_is_filled(tmp_path):
    def tried(filled):
        folder = write_bundle(tmp_path / "b", NOT_OF_VICTIMS, cases=CASE.replace("FILLED", filled))
        return [each.differences for each in try_cases(Decider(load_bundle(folder)))]

    assert tried('["suspects", "victims"]') == [()]
    assert tried('["suspects"]') == [("verdict is RELEASE", "rule firewall did not decide")]
    with pytest.raises(BundleInvalid, match="filled"):
        tried('["victms"]')


def test_10_07_the_dry_run_knows_what_the_draft_fills():
    def enforcing(alert):
        told = preview(alert, DECIDER, ms(DURING))
        rows = [row for row in told.receives if row.purpose == "IMMIGRATION_ENFORCEMENT"]
        return sum(row.feeds for row in rows)

    label = {
        "originator": "fiji-immigration", "tlp": "AMBER", "source_type": "AGENCY", "minor": "NO",
        "consent": "NOT_APPLICABLE", "at_risk": "NO", "in_transit": "NO",
        "countries_destination": ("FJ",),
    }  # fmt: skip
    alert = sample(**label)
    parts = alert.compartments.model_dump()
    bare = {**parts, "victims": None, "victim_profile": None, "safe_contact": None}
    without = type(alert).model_validate(alert.model_dump() | {"compartments": bare})

    assert alert.compartments.victims is not None
    assert (enforcing(alert), enforcing(without)) == (0, 1)


def test_10_07_a_counterexample_says_what_is_filled():
    pytest.importorskip("z3")
    from broker.policy.proof.properties import read_properties
    from broker.policy.proof.proving import prove
    from broker.policy.proof.telling import as_case, in_words
    from broker.policy.rules import RuleSet

    whole = load_bundle(PACIFIC)
    left = [r for r in whole.rules.rules if r.id != "enforcement-not-where-a-victim-is-described"]
    bundle = whole.__class__(
        **{**whole.__dict__, "rules": RuleSet(left, whole.rules.groups)},
    )

    (one,) = prove(bundle, read_properties(bundle)).refuted

    assert one.one.id == "enforcement-learns-of-no-victim-by-a-part"
    assert one.confirmed
    assert "are filled" in in_words(one.request, one.released, one.rules)
    kept = as_case(one.request, one.released, "kept")
    assert kept is not None
    assert 'filled = ["' in kept
