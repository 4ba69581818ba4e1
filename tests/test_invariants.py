"""Invariants a and i of the design, of whatever is published, decided, repeated and cut off.

a: no byte of a withheld compartment reaches that recipient through any channel.
i: redelivery is idempotent; every accepted alert is released, withheld, quarantined or expired,
exactly once per feed.

The oracle counts words that stand in one compartment of one revision alone, and what each feed
was to be given; it shares no code with what cuts, narrows and serves.
"""

import asyncio
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from region import again
from routing import TOPICS, Lane, plan_for
from sealed import ENTRUSTED, OWN, opener, released
from sealed import OTHER as OTHERS
from sealed import sealed as sealed_alert

from broker.clock import epoch_ms, steady_seconds
from broker.errors import Rejected
from broker.gateway.items import summary, whole
from broker.gateway.serve import Servings
from broker.gateway.shelf import Shelved
from broker.model.compartment import ALL_COMPARTMENTS, COMPARTMENTS
from broker.model.decision import Outcome, Verdict
from broker.model.reason import Reason
from broker.model.release import ReleaseKind
from broker.pipeline.holding import holding_of
from broker.pipeline.holdings import Holdings
from broker.pipeline.open_release import read_verified
from broker.pipeline.project import read_release
from broker.pipeline.redecide import Handover, redecide
from broker.pipeline.route import PartitionRouter
from broker.stix import objects_of
from broker.testing import NOON, alert_id_of, make_alert, make_compartments
from broker.wire import codec
from broker.wire.alert_codec import decode_release
from broker.wire.ledger_codec import Entry, read_ledger

FEEDS = ("alpha", "beta", "gamma")
FEW = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
#: What is written into each compartment that holds free words.
WORDS = {name: name for name in COMPARTMENTS if name not in ("movement", "victim_profile")}
WORDS["victim_profile"] = "profile"
#: Without words of its own, or left out where what it belongs to is.
UNSURE = ("movement", "places", "owners")
NOW = int(NOON.timestamp() * 1000)


def canaries(revision):
    """Return the word that stands in each compartment of one revision, and nowhere else."""
    return {name: f"CNRY{revision}-{word}".encode() for name, word in WORDS.items()}


def bits(mask):
    return {name for place, name in enumerate(COMPARTMENTS) if mask >> place & 1}


def words_in(*channels):
    return {
        (revision, name)
        for data in channels
        for revision in range(1, 9)
        for name, word in canaries(revision).items()
        if word in data
    }


def revision_of(number, kept, **label):
    """Return a revision with content in *kept* alone, every word of it marked."""
    written = make_compartments(f"CNRY{number}")
    content = {name: written[name] for name in bits(kept)}
    content.pop("places", None) if "movement" not in content else None
    content.pop("owners", None) if "conveyances" not in content else None
    alert = make_alert(alert_id=alert_id_of(1), compartments=content)
    return again(alert, number, **({"message_type": "ALERT"} if number == 1 else {}), **label)


class Rules:
    """Stands for the bundle of today: shows what it is told to."""

    def __init__(self, mask):
        shows = Outcome(Verdict.RELEASE, mask, ("shows",))
        hides = Outcome(Verdict.WITHHOLD, 0, (), Reason.NO_RULE_PERMITS)
        self.outcome = shows if mask is not None else hides

    def decide(self, _feed, _view, _facts):
        return SimpleNamespace(outcome=self.outcome)


MASKS = st.integers(0, ALL_COMPARTMENTS)
GIVEN = st.dictionaries(st.sampled_from(FEEDS), MASKS)
STEPS = st.lists(st.tuples(GIVEN, MASKS), min_size=1, max_size=4)


def routed(steps):
    """Return a lane through which the revisions went, each decided as its step says."""
    lane = Lane(FEEDS, now=NOW)
    for number, (gave, kept) in enumerate(steps, 1):
        lane.take((lane.record(revision_of(number, kept)), gave))
    return lane


def last_holding(lane):
    read = [read_ledger(key, value) for key, value in lane.written["ledger"]]
    return holding_of([each for each in read if isinstance(each, Entry)][-1].fields)


@given(steps=STEPS)
@FEW
def test_invariant_a_a_feed_holds_the_words_that_it_was_given_and_no_others(steps):
    lane = routed(steps)
    for feed in FEEDS:
        stored = b"\n".join(value for _, value in lane.written[f"feed.{feed}"])
        allowed = {
            (number, name)
            for number, (gave, kept) in enumerate(steps, 1)
            if feed in gave
            for name in bits(gave[feed] & kept)
        }
        found = words_in(stored)
        assert found <= allowed
        # No vacuous truth: what was given and is there with a word of its own was released.
        assert found >= {
            each for each in allowed if each[1] not in ("movement", "places", "owners")
        }


@given(steps=STEPS, today=st.none() | MASKS)
@FEW
def test_invariant_a_a_connector_is_handed_what_was_given_and_is_given_today(steps, today):
    lane = routed(steps)
    holding = last_holding(lane)
    for feed in FEEDS:
        for _, value in lane.written[f"feed.{feed}"]:
            release = read_release(value)
            verdict = redecide(release, feed, holding, Rules(today), NOW)
            if not isinstance(verdict, Handover):
                continue
            gave, kept = steps[release.revision - 1]
            was_given = gave.get(feed, 0) & kept if release.kind is ReleaseKind.RELEASE else 0
            shown = bits(was_given & (today or 0))
            view = decode_release(verdict.release.value, with_record=True)
            channels = [
                verdict.release.value,
                view.model_dump_json().encode(),
                orjson.dumps(objects_of(feed, view)),
            ]
            assert words_in(*channels) <= {(release.revision, name) for name in shown}
            assert release.kind is ReleaseKind.RECALL or today is not None


@given(steps=STEPS, today=st.none() | MASKS)
@FEW
def test_invariant_a_a_reader_of_the_gateway_is_shown_no_more(steps, today):
    lane = routed(steps)
    holdings = Holdings(None, None)
    holdings.seen_ms = epoch_ms()
    holdings._true_at[0] = steady_seconds() + 3600
    holdings._holdings[alert_id_of(1).bytes] = last_holding(lane)
    servings = Servings(holdings, Rules(today), None, epoch_ms)
    for feed in FEEDS:
        for place, (_, value) in enumerate(lane.written[f"feed.{feed}"]):
            release = read_release(value)
            shelved = Shelved(
                feed, 0, place, place, UUID(bytes=release.identity), release.revision,
                release.kind.value, value,
            )  # fmt: skip
            served = asyncio.run(servings.serve(shelved))
            if served is None:
                continue
            gave, kept = steps[release.revision - 1]
            shown = bits(gave.get(feed, 0) & kept & (today or 0))
            found = words_in(
                whole(served, "c"), summary(served, "c"), served.release.value,
                orjson.dumps(objects_of(feed, served.view)), repr(served).encode(),
            )  # fmt: skip
            assert found <= {(release.revision, name) for name in shown}


@given(kept=MASKS, masks=st.fixed_dictionaries({OWN: MASKS, OTHERS: MASKS, ENTRUSTED: MASKS}))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_invariant_a_no_key_of_a_feed_opens_what_it_was_not_given(kept, masks):
    """Sealed: neither its bytes nor its keys, and nothing of a feed opens another's."""
    alert = revision_of(1, kept)
    found = released(sealed_alert(alert), masks)
    for feed, value in found.items():
        assert words_in(value) == set()
        view = read_verified(value, opener(feed), with_record=True)
        may_see = {(1, name) for name in bits(masks[feed] & kept)}
        assert words_in(view.model_dump_json().encode()) <= may_see
        for other in masks.keys() - {feed}:
            with pytest.raises(Rejected, match="SEAL_BROKEN"):
                read_verified(value, opener(other))


# Invariant i


class Timed(Lane):
    """A lane whose rules give nothing of what has expired."""

    def _plan(self, view, facts):
        return plan_for({} if facts.expired else self.masks, self.feeds)

    def crash(self, *records):
        """Build the transaction, and end before it is written: another takes over."""
        kept = {topic: list(pairs) for topic, pairs in self.written.items()}
        self.take(*records)
        self.written.clear()
        self.written.update(kept)
        self.take_over()

    def take_over(self):
        """Let another router take over, with the ledger as it was written."""
        self.router = PartitionRouter(TOPICS, 0, self._plan)
        for key, value in self.written["ledger"]:
            self.router.ledger.restore(key, value)


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 2),  # which alert
        st.sampled_from(["ALERT", "UPDATE", "UPDATE", "CANCEL", "SAME NUMBER", "OTHER UNIT"]),
        GIVEN,
        st.booleans(),  # expired before it is routed
        st.sampled_from(["", "", "duplicate"]),
    ),
    min_size=1,
    max_size=8,
)


def published(lane, actions):
    """Return the records that accept writes of *actions*, each with what it is given."""
    last, found = Counter(), []
    for which, kind, gave, expired, more in actions:
        number = last[which] + (kind not in ("SAME NUMBER", "OTHER UNIT") or not last[which])
        last[which] = max(last[which], number)
        alert = make_alert(alert_id=alert_id_of(which + 1))
        # One that expired was routed late: accept had it in time.
        expires = NOON + (timedelta(days=-1) if expired else timedelta(days=20))
        label = {"message_type": "UPDATE" if number > 1 else "ALERT", "expires_at": expires,
                 "originated_at": NOON - timedelta(days=2)}  # fmt: skip
        if kind == "CANCEL":
            label["message_type"] = "CANCEL"
        if kind == "OTHER UNIT":
            label["originator"] = "samoa-immigration"
        record = lane.record(again(alert, number, **label))
        found.append((record, gave))
        if more:
            same = lane.record(alert)
            same.key, same.value = record.key, record.value
            found.append((same, gave))
    return found


@given(actions=ACTIONS, data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_invariant_i_whatever_is_repeated_or_cut_off_has_one_end_and_reaches_a_feed_once(
    actions, data
):
    once, often = Timed(FEEDS, now=NOW), Timed(FEEDS, now=NOW)
    records = published(often, actions)
    for each in records:
        once.take(each)
    place = 0
    while place < len(records):
        size = data.draw(st.integers(1, 3), label="in one transaction")
        group = records[place : place + size]
        what = data.draw(st.sampled_from(["", "crash", "accept repeats", "takes over"]))
        if what == "crash":
            often.crash(*group)
        if what == "takes over":
            often.take_over()
        often.take(*group)
        if what == "accept repeats":  # it had not committed its own offset
            first = data.draw(st.integers(0, place))
            often.take(*records[first : place + size])
        place += size

    # Written again, an entry has the same id: who reads it knows it for one.
    ids = {(entry["source_offset"], entry["entry_id"]) for entry in often.entries()}
    assert Counter(offset for offset, _ in ids) == {record.offset: 1 for record, _ in records}
    assert {e["kind"] for e in often.entries()} <= {"DECIDED", "DUPLICATE", "QUARANTINED"}
    for feed in FEEDS:
        received = Counter(held(often, feed))
        assert set(received.values()) <= {1}
        assert held(often, feed) == held(once, feed)
    assert outcome_of(often) == outcome_of(once)
    expected = releases_of(often.entries(), {r.offset: (r, g) for r, g in records})
    assert Counter((f, *place) for f in FEEDS for place in only_releases(often, f)) == expected


def held(lane, feed):
    """Return what stands in a feed: alert, revision and kind, in order for each alert."""
    views = [codec.decode(value, "release") for _, value in lane.written[f"feed.{feed}"]]
    places = [(bytes(view["alert_id"]), view["revision"], view["kind"]) for view in views]
    return sorted(places, key=lambda place: place[0])  # stable


def only_releases(lane, feed):
    return [(alert, revision) for alert, revision, kind in held(lane, feed) if kind == "RELEASE"]


def outcome_of(lane):
    return {e["source_offset"]: (e["kind"], e["reason"]) for e in lane.entries()}


def releases_of(entries, records):
    """Return who was to receive what: what was decided, was not over, and was given."""
    expected = Counter()
    decided = {entry["entry_id"]: entry for entry in entries}
    for entry in decided.values():
        record, gave = records[entry["source_offset"]]
        label = codec.decode(record.value, "alert")["label"]
        over = label["expires_at"].timestamp() * 1000 <= NOW
        if entry["kind"] == "DECIDED" and entry["message_type"] != "CANCEL" and not over:
            expected.update((feed, bytes(label["alert_id"]), label["revision"]) for feed in gave)
    return expected
