"""The dry run: what an originator is told of who would receive an alert."""

from datetime import timedelta

import pytest
from previewing import DECIDER, DURING, ORIGINATORS, SAMPLES, ms, sample

from broker.gateway.preview import PREVIEWED
from broker.model.preview import Preview
from broker.model.warning import WarningCode as Code
from broker.pipeline.preview import preview
from broker.policy.decide import view_of
from broker.policy.facts import Facts


@pytest.mark.parametrize("originator", ORIGINATORS)
@pytest.mark.parametrize("name", SAMPLES)
def test_an_answer_counts_every_feed_once_and_says_what_the_engine_decides(name, originator):
    alert = sample(name, originator=originator)
    view = view_of(alert.label, alert.distribution)
    outcomes = DECIDER.outcomes(view, Facts(filled=alert.compartments.mask))

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


def test_civil_society_learns_classes_and_numbers_and_no_rule():
    told = preview(SAMPLES["tip-without-consent"], DECIDER, ms(DURING))

    others = [row for row in (*told.receives, *told.withheld) if row.feed is None]
    assert {row.unit for row in told.receives if row.feed} == {"lagoon-house"}
    assert not [row for row in told.withheld if row.feed]
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
