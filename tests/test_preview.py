"""The dry run: what an originator is told of recipients, and what it is warned of."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.gateway.preview import PREVIEWED
from broker.model.alert import Alert
from broker.model.codes import RecipientClass
from broker.model.preview import Preview
from broker.model.warning import WarningCode as Code
from broker.pipeline.label_warnings import reach_warnings, time_warnings
from broker.pipeline.preview import preview
from broker.pipeline.publish import split
from broker.policy.acquainted import Acquaintance, acquaintance, every_name, known_names
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider, view_of
from broker.policy.directory import Directory
from broker.policy.facts import Facts
from broker.resources import shipped
from connectors.intake import lali_json

BUNDLE = load_bundle(shipped("policies") / "pacific")
DECIDER = Decider(BUNDLE)
SAMPLES = {
    path.stem: split(lali_json.parse(path.read_bytes()))
    for path in sorted((shipped("schemas") / "alert" / "samples").glob("*.json"))
}
DURING = datetime(2026, 6, 2, tzinfo=UTC)


def ms(moment):
    return int(moment.timestamp() * 1000)


def sample(name="fishing-crew", *, distribution=None, **label):
    """Return a sample with other fields of label and distribution."""
    alert = SAMPLES[name]
    return Alert.model_validate(
        {
            "label": alert.label.model_dump() | label,
            "distribution": alert.distribution.model_dump() | (distribution or {}),
            "compartments": alert.compartments.model_dump(),
        }
    )


# What an originator may know (docs/decisions/0013).

NAMED, DESCRIBED, COUNTED = Acquaintance


@pytest.mark.parametrize(
    ("originator", "recipient", "seen_as"),
    [
        ("fiji-police", "fiji-police", NAMED),
        ("fiji-police", "fiji-tcu", NAMED),
        ("fiji-police", "fiji-immigration", DESCRIBED),
        ("fiji-police", "samoa-police", DESCRIBED),
        ("fiji-tcu", "samoa-tcu", NAMED),
        ("fiji-tcu", "ptccc", NAMED),
        ("fiji-tcu", "samoa-police", DESCRIBED),
        ("fiji-immigration", "samoa-immigration", NAMED),
        ("oco", "unodc", NAMED),
        ("lagoon-house", "lagoon-house", NAMED),
        ("lagoon-house", "reef-helpline", COUNTED),
        ("lagoon-house", "fiji-child-protection", COUNTED),
        ("lagoon-house", "fiji-tcu", COUNTED),
        ("fiji-child-protection", "lagoon-house", NAMED),
        ("nobody", "fiji-tcu", COUNTED),
        ("fiji-tcu", "nobody", COUNTED),
    ],
)
def test_who_appears_how(originator, recipient, seen_as):
    assert acquaintance(BUNDLE.community, originator, recipient) is seen_as


def test_a_unit_of_an_agency_that_is_civil_society_counts_and_so_does_the_reverse():
    units = dict(BUNDLE.community.units)
    society = RecipientClass.CIVIL_SOCIETY
    units["fiji-tcu"] = units["fiji-tcu"].model_copy(update={"kind": society})
    units["lagoon-house"] = units["lagoon-house"].model_copy(update={"kind": RecipientClass.POLICE})
    directory = replace(BUNDLE.community, units=units)

    assert acquaintance(directory, "fiji-tcu", "samoa-tcu") is COUNTED
    assert acquaintance(directory, "lagoon-house", "reef-helpline") is COUNTED


# Nothing about a recipient that may not be known occurs in an answer.

ORIGINATORS = sorted(BUNDLE.community.publishers())
COMMUNITIES = sorted(BUNDLE.community.communities)
SHARED = st.lists(st.sampled_from(COMMUNITIES), max_size=2, unique=True).map(tuple)


@st.composite
def directories(draw):
    """Return the Pacific community with memberships and organisations dealt anew."""
    community = BUNDLE.community
    organisations = {
        name: each.model_copy(update={"communities": draw(SHARED)})
        for name, each in community.organisations.items()
    }
    houses = st.sampled_from(sorted(organisations))
    units = {
        name: each.model_copy(
            update={
                "communities": draw(SHARED),
                "organisation": draw(st.one_of(st.just(each.organisation), houses)),
            }
        )
        for name, each in community.units.items()
    }
    return Directory(community.communities, organisations, units, community.feeds)


def hidden_from(directory, originator):
    """Return what must not be said to *originator*, straight from the decision's table."""
    asks = directory.units[originator]
    own = asks.organisation
    kinds = {asks.kind, directory.organisations[own].kind}
    hidden = set()
    for unit in directory.units.values():
        shared = directory.names_of(asks) & directory.names_of(unit)
        if unit.organisation == own:
            continue
        if RecipientClass.CIVIL_SOCIETY in kinds or not shared:
            hidden |= {unit.id, unit.name}
            hidden |= {feed.id for feed in directory.feeds.values() if feed.unit == unit.id}
    return hidden


def names_said(answer, hidden):
    text = re.sub(r"\s+", " ", answer)
    return {
        h for h in hidden if re.search(rf"(?<![\w-]){re.escape(h)}(?![\w])", text, re.IGNORECASE)
    }


@settings(max_examples=60)
@given(directories(), st.sampled_from(ORIGINATORS), st.sampled_from(sorted(SAMPLES)), st.data())
def test_no_id_of_a_recipient_that_may_not_be_known_occurs_in_the_answer(
    directory, originator, name, data
):
    listed = st.lists(st.sampled_from(sorted(every_name(BUNDLE.community))), max_size=3)
    wishes = {
        "releasable_to": data.draw(listed),
        "not_releasable_to": data.draw(listed),
        "named_recipients": data.draw(listed),
    }
    alert = sample(name, originator=originator, distribution=wishes)
    decider = Decider(replace(BUNDLE, community=directory))

    told = preview(alert, decider, ms(DURING))

    assert names_said(told.model_dump_json(), hidden_from(directory, originator)) == set()


@pytest.mark.parametrize("originator", ORIGINATORS)
@pytest.mark.parametrize("name", SAMPLES)
def test_an_answer_counts_every_feed_once_and_says_what_the_engine_decides(name, originator):
    alert = sample(name, originator=originator)
    view = view_of(alert.label, alert.distribution)
    outcomes = DECIDER.outcomes(view, Facts())

    told = preview(alert, DECIDER, ms(DURING))

    released = {feed: o for feed, o in outcomes.items() if o.verdict == "RELEASE"}
    assert told.feeds == sum(row.feeds for row in told.receives) == len(released)
    assert sum(row.feeds for row in told.withheld) == len(outcomes) - len(released)
    for row in told.receives:
        held = {n.value for n in (*row.sees, *row.withheld)}
        assert held == {n for n, c in alert.compartments if c is not None}
        assert row.reason is None
        if row.feed is not None:
            assert row.acknowledge_within_seconds == released[row.feed].acknowledge_within_seconds
    for row in told.withheld:
        assert (row.sees, row.withheld) == ((), ())


def test_an_agency_reads_rules_with_their_reasons():
    told = preview(SAMPLES["fishing-crew"], DECIDER, ms(DURING))

    (border,) = [row for row in told.receives if row.feed == "samoa-immigration-border"]
    assert border.unit == "samoa-immigration"
    rules = {rule.id: rule for rule in border.rules}
    assert rules["immigration-border"].effect == "permit"
    assert "refer, do not detain" in rules["immigration-border"].why
    (tcu,) = [row for row in told.receives if (row.recipient_class, row.country) == ("TCU", "WS")]
    assert (tcu.feed, tcu.unit, tcu.purpose) == (None, None, "INVESTIGATE")
    assert "tcu-on-route" in {rule.id for rule in tcu.rules}


def test_a_rule_that_names_a_recipient_who_may_not_be_known_is_not_said():
    told = preview(SAMPLES["fishing-crew"], DECIDER, ms(DURING))
    (hub,) = [r for r in told.receives if r.recipient_class == "REGIONAL_COORDINATION"]
    assert hub.rules
    assert "ptccc-coordinates" not in {rule.id for rule in hub.rules}

    told = preview(sample(originator="fiji-tcu"), DECIDER, ms(DURING))
    (hub,) = [row for row in told.receives if row.feed == "ptccc-coordinate"]
    assert "ptccc-coordinates" in {rule.id for rule in hub.rules}


def test_civil_society_learns_classes_and_numbers_and_no_rule():
    told = preview(SAMPLES["tip-without-consent"], DECIDER, ms(DURING))

    others = [row for row in (*told.receives, *told.withheld) if row.feed is None]
    assert {row.unit for row in told.withheld if row.feed} == {"lagoon-house"}
    assert sum(row.feeds for row in others) > 30
    for row in others:
        said = row.model_dump(exclude_none=True)
        assert said["rules"] == ()
        assert not {"country", "purpose", "reason", "acknowledge_within_seconds"} & set(said)
    classes = [row.recipient_class for row in told.receives]
    assert len(classes) == len(set(classes))
    assert "victims" not in {slot for row in told.receives for slot in row.sees}


def test_holds_and_obligations_are_told():
    told = preview(SAMPLES["minor-in-transit"], DECIDER, ms(DURING))
    rows = (*told.receives, *told.withheld)

    assert {row.acknowledge_within_seconds for row in rows} >= {1800, 7200}
    held = {rule.id for row in rows for rule in row.rules if rule.effect == "hold"}
    assert held == {"tcu-sees-minors-when-two-approve"}


def test_an_embargo_withholds_until_the_moment_that_is_asked_for():
    alert = sample(distribution={"embargo_until": "2026-06-05T00:00:00Z"})

    now, then = (preview(alert, DECIDER, ms(DURING + timedelta(days=days))) for days in (0, 4))

    assert (now.feeds, {row.reason for row in now.withheld}) == (0, {"EMBARGOED"})
    assert then.feeds == preview(SAMPLES["fishing-crew"], DECIDER, ms(DURING)).feeds > 0
    assert [w.code for w in now.warnings] == [Code.EMBARGOED]
    assert then.warnings == ()


def test_the_documented_example_is_an_answer():
    assert Preview.model_validate(PREVIEWED).feeds == 4


# Warnings of the label.


def warned(alert, moment=DURING, known=None):
    names = every_name(BUNDLE.community) if known is None else known
    found = [
        *time_warnings(alert.label, alert.distribution, ms(moment)),
        *reach_warnings(alert, DECIDER, names),
    ]
    return {(warning.code, warning.path) for warning in found}


def test_no_sample_gives_a_warning_beside_the_one_that_is_about_it():
    expected = {"tip-without-consent": {(Code.CONSENT_UNKNOWN_WITHHOLDS, "label.consent")}}
    for name, alert in SAMPLES.items():
        assert warned(alert) == expected.get(name, set()), name


ENDS = "label.expires_at"
EMBARGO = "distribution.embargo_until"


@pytest.mark.parametrize(
    ("label", "wishes", "expected"),
    [
        ({"expires_at": DURING}, {}, {(Code.EXPIRED, ENDS)}),
        ({"expires_at": DURING + timedelta(hours=23)}, {}, {(Code.EXPIRES_SOON, ENDS)}),
        ({"expires_at": DURING + timedelta(hours=24)}, {}, set()),
        ({}, {"embargo_until": "2026-08-30T02:00:00Z"}, {(Code.EMBARGO_AFTER_EXPIRY, EMBARGO)}),
        ({}, {"embargo_until": "2026-08-30T01:59:59Z"}, {(Code.EMBARGOED, EMBARGO)}),
        ({}, {"embargo_until": DURING}, set()),
        (
            {"tlp": "RED"},
            {},
            {
                (Code.RED_WITHOUT_NAMED_RECIPIENTS, "distribution.named_recipients"),
                (Code.REACHES_NOBODY, "label"),
            },
        ),
        ({"tlp": "UNKNOWN"}, {}, {(Code.REACHES_NOBODY, "label")}),
        ({"tlp": "AMBER_STRICT"}, {}, {(Code.REACHES_NOBODY, "label")}),
        ({"purposes": ["STATISTICS"]}, {}, {(Code.REACHES_NOBODY, "label")}),
        (
            {"tlp": "AMBER_STRICT", "originator": "samoa-tcu"},
            {},
            {(Code.REACHES_ONLY_ORIGINATOR, "label")},
        ),
    ],
)
def test_times_and_labels_that_reach_nobody_are_warned_of(label, wishes, expected):
    assert warned(sample(distribution=wishes, **label)) == expected


def test_an_age_that_is_not_known_is_warned_of_only_where_it_withholds():
    minor = {(Code.MINOR_UNKNOWN_WITHHOLDS, "label.minor")}
    assert warned(sample(minor="UNKNOWN")) == minor
    assert warned(sample(minor="YES")) == set()
    alert = sample(minor="UNKNOWN")
    summary_alone = alert.compartments.model_dump(include={"summary"})
    bare = Alert.model_validate(alert.model_dump() | {"compartments": summary_alone})
    aware = warned(sample("exercise", minor="UNKNOWN"))

    assert aware == set()  # a drill shows its feed everything
    tcu_only = {"releasable_to": ["samoa-tcu"]}
    wished = bare.distribution.model_dump() | tcu_only
    assert warned(Alert.model_validate(bare.model_dump() | {"distribution": wished})) == set()


@pytest.mark.parametrize(
    ("consent", "scope", "expected"),
    [
        ("NOT_ASKED", [], {(Code.CONSENT_UNKNOWN_WITHHOLDS, "label.consent")}),
        ("UNKNOWN", [], {(Code.CONSENT_UNKNOWN_WITHHOLDS, "label.consent")}),
        ("REFUSED", [], set()),
        ("GIVEN", [], {(Code.CONSENT_SCOPE_WITHHOLDS, "distribution.consent_scope")}),
        ("GIVEN", ["TCU"], set()),
    ],
)
def test_consent_that_is_missing_is_warned_of_and_a_refusal_is_not(consent, scope, expected):
    tip = sample("tip-without-consent", consent=consent, distribution={"consent_scope": scope})
    assert warned(tip) == expected


def test_what_an_agency_saw_itself_needs_no_consent_and_gives_no_warning():
    assert warned(sample(consent="NOT_ASKED")) == set()


def test_names_that_reach_nobody_are_warned_of_by_their_place():
    wishes = {
        "releasable_to": ["samoa-tcu", "samoa-tuc", "pifs", "ptcn"],
        "not_releasable_to": ["samoa-police", "samoa-polise"],
        "named_recipients": ["samoa-tcu", "ptcn", "pifs"],
    }
    assert warned(sample(distribution=wishes)) == {
        (Code.RECIPIENT_UNKNOWN, "distribution.releasable_to[1]"),
        (Code.RECIPIENT_RECEIVES_NOTHING, "distribution.releasable_to[2]"),
        (Code.RECIPIENT_UNKNOWN, "distribution.not_releasable_to[1]"),
        (Code.RECIPIENT_NOT_A_UNIT, "distribution.named_recipients[1]"),
        (Code.RECIPIENT_RECEIVES_NOTHING, "distribution.named_recipients[2]"),
    }


def test_a_name_that_may_not_be_known_and_receives_nothing_is_as_one_that_is_not():
    known = known_names(BUNDLE.community, "fiji-police")
    assert "tonga-tcu" not in known
    for field in ("releasable_to", "not_releasable_to", "named_recipients"):
        answers = [
            warned(sample(distribution={field: ["samoa-tcu", name]}), known=known)
            for name in ("tonga-tcu", "absent-unit", "unodc-body", "referral-network")
        ]
        assert answers[0] == answers[1] == answers[2] == answers[3]
        assert (Code.RECIPIENT_UNKNOWN, f"distribution.{field}[1]") in answers[0]


def test_a_cancel_goes_to_its_holders_and_gives_no_warning():
    assert warned(sample(message_type="CANCEL", tlp="UNKNOWN")) == set()


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_no_warning_says_a_value(name, data):
    ids = st.from_regex(r"[a-z]{6,12}-zz[0-9]{2}", fullmatch=True)
    wishes = {
        field: data.draw(st.lists(ids, max_size=3))
        for field in ("releasable_to", "not_releasable_to", "named_recipients")
    }
    alert = sample(name, distribution=wishes)

    told = json.dumps(preview(alert, DECIDER, ms(DURING)).model_dump(mode="json"))

    assert [value for values in wishes.values() for value in values if value in told] == []


def test_every_warning_is_in_the_document():
    page = (Path(__file__).parent.parent / "docs/publishing.md").read_text()
    assert [code for code in Code if f"`{code}`" not in page] == []
