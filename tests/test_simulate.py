"""The simulator repeats itself exactly, marks every text, and expects what the codec finds."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import BaseModel

from broker.errors import Rejected
from broker.model.check_digits import imo_valid, mrz_valid
from broker.model.codes import MessageType, Purpose, RecipientClass, Status, Tlp
from broker.model.community import Feed, Unit
from broker.model.compartment import COMPARTMENTS
from broker.model.free_lines import free_lines
from broker.model.reason import Reason
from broker.simulate import (
    Cast,
    Expectation,
    Scenario,
    bench_alerts,
    canaries_in,
    canaries_of,
    past_start,
    revision_of,
)
from broker.simulate.canary import CANARY, texts_in
from broker.wire.alert_codec import decode_alert

START = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = [kind for kind in RecipientClass if kind is not RecipientClass.UNKNOWN]

#: Reasons that only the ledger can give: the bytes themselves are well formed.
BY_ROUTE = {Reason.REVISION_CONFLICT, Reason.REVISION_LOWER, Reason.ALREADY_CANCELLED}
#: Reasons that accept finds beside decoding.
BY_ACCEPT = {Reason.KEY_DIFFERS, Reason.ORIGINATOR_DIFFERS, Reason.EXPIRED_ON_ARRIVAL}

#: Fields that hold free text, wherever they occur.
FREE_TEXT = set(
    "names aliases address headline text place author reference organisation handler "
    "original_grade locator custody_note desk how name owner carrier number "
    "secure_channel call_sign mrz".split()
)


@dataclass
class Region:
    units: dict[str, Unit] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)


@pytest.fixture(scope="module")
def region():
    units = [_unit(kind) for kind in KINDS]
    feeds = [Feed(id=f"{u.id}-feed", unit=u.id, purpose=Purpose.INVESTIGATE) for u in units]
    return Region({u.id: u for u in units}, {f.id: f for f in feeds})


@pytest.fixture(scope="module")
def steps(region):
    return list(Scenario(seed=7, alerts=200, days=4, community=region, start=START))


def test_the_same_seed_gives_the_same_bytes(region, steps):
    again = list(Scenario(seed=7, alerts=200, days=4, community=region, start=START))

    assert steps == again


def test_another_seed_gives_other_alerts(region, steps):
    others = list(Scenario(seed=8, alerts=200, days=4, community=region, start=START))

    assert not {s.key for s in steps if s.key} & {s.key for s in others if s.key}


def test_steps_come_in_order_of_time(steps):
    assert all(earlier.at <= later.at for earlier, later in pairwise(steps))


def test_revisions_of_one_alert_come_in_order(steps):
    latest = Counter()
    for step in steps:
        if step.expectation is Expectation.ACCEPTED:
            revision = step.alert.label.revision

            assert revision == latest[step.key] + 1
            latest[step.key] = revision


def test_what_is_to_be_accepted_decodes_to_the_alert_itself(steps):
    accepted = [step for step in steps if step.expectation is Expectation.ACCEPTED]

    assert len(accepted) > 200
    for step in accepted:
        assert decode_alert(step.value) == step.alert
        assert step.alert.label.originator == step.originator
        assert step.key == str(step.alert.label.alert_id).encode()


def test_a_duplicate_repeats_an_accepted_step_byte_for_byte(steps):
    sent = set()
    duplicates = 0
    for step in steps:
        if step.expectation is Expectation.DUPLICATE:
            assert step.value in sent
            duplicates += 1
        sent.add(step.value)

    assert duplicates > 10


def test_every_poison_is_refused_for_the_reason_it_names(steps):
    poisons = [s for s in steps if s.reason and s.reason not in BY_ROUTE | BY_ACCEPT]

    assert len({step.kind for step in poisons}) == 14
    for step in poisons:
        with pytest.raises(Rejected) as refused:
            decode_alert(step.value)
        assert refused.value.reason is step.reason, step.kind


def test_what_route_must_refuse_is_well_formed(steps):
    for step in steps:
        if step.reason in BY_ROUTE:
            assert decode_alert(step.value) == step.alert


def test_a_conflict_has_a_known_revision_and_other_text(steps):
    accepted = {(s.key, s.alert.label.revision): s for s in steps if s.kind == "new"}
    conflicts = [step for step in steps if step.reason is Reason.REVISION_CONFLICT]

    assert conflicts
    for step in conflicts:
        original = accepted[step.key, step.alert.label.revision]
        assert original.value != step.value
        assert not set(canaries_of(original.alert)) & set(canaries_of(step.alert))


def test_every_free_text_in_every_compartment_carries_a_canary(steps):
    seen = set()
    for step in steps:
        for name in COMPARTMENTS:
            content = getattr(step.alert.compartments, name)
            if content is None:
                continue
            seen.add(name)
            if not free_lines(name):  # codes only
                continue
            assert any(CANARY.search(text) for text in texts_in(content.model_dump()))
            for text in _free_texts(content):
                assert CANARY.search(text), f"{name}: a text without a canary"

    assert seen == set(COMPARTMENTS)


def test_a_canary_names_alert_compartment_and_revision(steps):
    for step in steps:
        for canary, compartment in canaries_of(step.alert).items():
            _, alert, slot, _ = canary.replace("<", "-").split("-")
            assert alert.lower() == step.alert.label.alert_id.hex[:8]
            assert slot.lower() == compartment
            assert revision_of(canary) == step.alert.label.revision


def test_canaries_are_found_in_the_bytes(steps):
    for step in steps:
        if step.expectation is Expectation.ACCEPTED:
            assert canaries_in(step.value) == set(canaries_of(step.alert))


def test_no_label_holds_a_canary(steps):
    for step in steps:
        outside = step.alert.model_dump_json(exclude={"compartments"})
        assert not CANARY.search(outside)


def test_the_region_shows_all_that_policy_must_tell_apart(steps):
    labels = [step.alert.label for step in steps]

    assert {Status.ACTUAL, Status.EXERCISE, Status.TEST} <= {label.status for label in labels}
    assert {"YES", "NO", "UNKNOWN"} == {label.minor for label in labels}
    assert {Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED} <= {label.tlp for label in labels}
    assert {"GIVEN", "WITHDRAWN", "NOT_ASKED", "REFUSED"} <= {label.consent for label in labels}
    assert {"CIVIL_SOCIETY", "AGENCY"} <= {label.source_type for label in labels}
    assert {s.alert.distribution.embargo_until for s in steps} != {None}
    assert {step.kind for step in steps} >= {"new", "again", "update", "narrow", "cancel"}


def test_red_always_names_recipients(steps):
    for step in steps:
        if step.alert.label.tlp is Tlp.RED:
            assert step.alert.distribution.named_recipients


def test_a_cancel_says_nothing_new(steps):
    cancels = [s for s in steps if s.alert.label.message_type is MessageType.CANCEL]

    assert cancels
    assert all(step.alert.compartments.mask == 0 for step in cancels)


def test_no_number_is_real(steps):
    for step in steps:
        for item in _models(step.alert.compartments):
            for mrz in filter(None, [getattr(item, "mrz", None)]):
                assert not mrz_valid(mrz)
            for number in filter(None, [getattr(item, "imo_number", None)]):
                assert not imo_valid(number)


def test_an_ordinary_alert_is_about_fourteen_hundred_bytes(steps):
    sizes = [len(s.value) for s in steps if s.kind == "new"]

    assert 1_200 < sum(sizes) / len(sizes) < 1_800


def test_a_scenario_of_the_past_ends_before_now(region):
    now = datetime.now(UTC)
    scenario = Scenario(seed=1, alerts=150, days=2, community=region, start=past_start(now, 2))

    for step in scenario:
        assert step.at < now
        if step.reason is not Reason.EXPIRED_ON_ARRIVAL:
            assert step.alert.label.expires_at > now + timedelta(days=30)


def test_a_short_scenario_has_poison_too(region):
    short = list(Scenario(seed=3, alerts=40, community=region, start=START))

    assert len({s.kind for s in short if s.expectation is Expectation.QUARANTINED}) >= 17


def test_a_community_in_which_nobody_publishes_has_no_scenario():
    with pytest.raises(ValueError, match="publishes"):
        Cast([], [])


def test_bench_alerts_differ_in_id_and_in_as_many_labels_as_asked(region):
    cast = Cast.of(region)
    alerts = list(bench_alerts(500, cast=cast, at=datetime.now(UTC), labels=50))

    assert len({key for _, key, _ in alerts}) == 500
    decoded = [decode_alert(value) for _, _, value in alerts[:120]]
    assert len({_attributes(alert) for alert in decoded}) == 50
    assert [str(a.label.alert_id).encode() for a in decoded] == [key for _, key, _ in alerts[:120]]
    assert all(1_300 < len(value) < 1_700 for _, _, value in alerts)


def _attributes(alert):
    return alert.label.model_dump_json(exclude={"alert_id"})


def _unit(kind):
    name = kind.value.lower().replace("_", "-")
    return Unit(id=f"some-{name}", name=name, organisation="some", kind=kind, publishes=True)


def _models(value):
    if isinstance(value, BaseModel):
        yield value
        for _, inner in value:
            yield from _models(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _models(inner)


def _free_texts(content):
    for model in _models(content):
        for name, value in model:
            if name in FREE_TEXT:
                yield from texts_in(value)
