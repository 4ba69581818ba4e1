"""The dry run says nothing of a recipient that its originator may not know."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from previewing import BUNDLE, DECIDER, DURING, ORIGINATORS, SAMPLES, ms, sample

from broker.model.codes import RecipientClass
from broker.pipeline.preview import preview
from broker.policy.acquainted import Acquaintance, acquaintance, every_name
from broker.policy.decide import Decider
from broker.policy.directory import Directory

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
        h for h in hidden if re.search(rf"(?<![\w-]){re.escape(h)}(?![\w-])", text, re.IGNORECASE)
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


def test_a_rule_that_names_a_recipient_who_may_not_be_known_is_not_said():
    told = preview(SAMPLES["fishing-crew"], DECIDER, ms(DURING))
    (hub,) = [r for r in told.receives if r.recipient_class == "REGIONAL_COORDINATION"]
    assert hub.rules
    assert "ptccc-coordinates" not in {rule.id for rule in hub.rules}

    told = preview(sample(originator="fiji-tcu"), DECIDER, ms(DURING))
    (hub,) = [row for row in told.receives if row.feed == "ptccc-coordinate"]
    assert "ptccc-coordinates" in {rule.id for rule in hub.rules}
