"""A5: who held a compartment that an update no longer gives gets a recall, then what remains."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from region import again
from routing import Lane

from broker.audit.balance import balance
from broker.audit.log import AuditLog, read_entry
from broker.model.compartment import ALL_COMPARTMENTS
from broker.pipeline.holding import Holding, Share
from broker.pipeline.project import recall
from broker.pipeline.redecide import Handover, Stay, confirmed
from broker.protect.recall_seal import RecallStatement
from broker.stix.frame import Frame
from broker.testing import alert_id_of, make_alert
from broker.wire import codec
from broker.wire.alert_codec import decode_release
from broker.wire.plan_codec import decode_plan

SUMMARY, VICTIMS, CONTACT = 1, 1 << 3, 1 << 11
FEEDS = ("alpha", "beta", "gamma")


def _without(alert, slot):
    fields = alert.model_dump()
    fields["compartments"][slot] = None
    return type(alert).model_validate(fields)


def test_a05_a_holder_that_may_see_less_gets_a_recall_and_then_what_remains():
    lane, alert = Lane(), make_alert()
    lane.masks = {"alpha": SUMMARY | VICTIMS, "beta": SUMMARY}
    lane.route(alert)

    lane.masks = {"alpha": SUMMARY, "beta": SUMMARY}
    lane.route(again(alert, 2, consent="WITHDRAWN"))

    assert lane.feed("alpha") == [
        (1, "RELEASE", SUMMARY | VICTIMS),
        (1, "RECALL", 0),
        (2, "RELEASE", SUMMARY),
    ]
    assert lane.feed("beta") == [(1, "RELEASE", SUMMARY), (2, "RELEASE", SUMMARY)]
    assert lane.entries()[-1]["recalled"] == ["alpha"]


def test_a05_a_compartment_that_its_originator_left_empty_is_taken_back_too():
    lane, alert = Lane(), make_alert()
    lane.masks = {"alpha": ALL_COMPARTMENTS, "beta": SUMMARY}
    lane.route(alert)

    lane.route(_without(again(alert, 2), "victims"))

    assert [kind for _, kind, _ in lane.feed("alpha")] == ["RELEASE", "RECALL", "RELEASE"]
    assert [kind for _, kind, _ in lane.feed("beta")] == ["RELEASE", "RELEASE"]


def test_a05_in_one_transaction_the_recall_stands_between_both_revisions():
    lane, alert = Lane(), make_alert()
    wide, less = {"alpha": SUMMARY | CONTACT, "beta": SUMMARY | CONTACT}, {"alpha": CONTACT}

    lane.take(
        (lane.record(alert), wide), (lane.record(again(alert, 2)), less),
        (lane.record(again(alert, 3)), wide),
    )  # fmt: skip

    assert lane.feed("alpha") == [
        (1, "RELEASE", SUMMARY | CONTACT),
        (1, "RECALL", 0),
        (2, "RELEASE", CONTACT),
        (3, "RELEASE", SUMMARY | CONTACT),
    ]
    assert lane.feed("beta") == [
        (1, "RELEASE", SUMMARY | CONTACT),
        (2, "RECALL", 0),
        (3, "RELEASE", SUMMARY | CONTACT),
    ]


_MASKS = st.dictionaries(st.sampled_from(FEEDS), st.integers(0, ALL_COMPARTMENTS))
_STEPS = st.lists(st.tuples(_MASKS, st.booleans()), min_size=1, max_size=6)


@given(steps=_STEPS, together=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a05_whoever_obeys_recalls_in_order_keeps_only_what_the_last_revision_gives(
    steps, together
):
    """Invariants a and c: nothing is left with a holder that the newest decision denies it."""
    lane, alert = Lane(FEEDS), make_alert(alert_id=alert_id_of(7))
    records = []
    for number, (masks, cancels) in enumerate(steps, 1):
        kind = "CANCEL" if cancels and number == len(steps) and number > 1 else "UPDATE"
        records.append((lane.record(again(alert, number, message_type=kind)), masks))
    for group in [records] if together else [[each] for each in records]:
        lane.take(*group)

    last = {} if kind == "CANCEL" else steps[-1][0]
    present = alert.compartments.mask
    for feed in FEEDS:
        places = [(revision, what == "RECALL") for revision, what, _ in lane.feed(feed)]
        assert places == sorted(set(places))
        assert _kept(lane.feed(feed)) == (last[feed] & present if feed in last else None)
    _assert_books_balance(lane, len(steps))


def _kept(received):
    """Return what a holder has that deletes on a recall, and never on a release."""
    kept = None
    for _, kind, profile in received:
        kept = None if kind == "RECALL" else (kept or 0) | profile
    return kept


def _assert_books_balance(lane, count):
    """The audit log names every recall: it says what stands in each feed, and no more."""
    log = AuditLog(entries=[read_entry(value) for _, value in lane.written["audit"]])
    plans = (decode_plan(value) for _, value in lane.written["plans"])
    log.plans = {plan.digest: plan for plan in plans}
    stands = [
        (feed, alert_id_of(7), revision, kind)
        for feed in FEEDS
        for revision, kind, _ in lane.feed(feed)
    ]
    books = balance({entry.source for entry in log.entries}, log, Counter(stands))
    assert books.holds, books
    assert books.released + books.withheld + books.recalled == count * len(FEEDS)


def test_a05_an_unsigned_recall_of_what_is_superseded_is_confirmed_by_the_ledger():
    said = RecallStatement("alpha", alert_id_of(1).bytes, 1, 0)
    taken_back = recall(said, None)

    def held(revision, *, recalled=False):
        return Holding(revision, False, 0, b"", b"", {"alpha": Share(revision, recalled)})

    assert isinstance(confirmed(taken_back, "alpha", held(2)), Handover)
    assert isinstance(confirmed(taken_back, "alpha", held(1, recalled=True)), Handover)
    assert isinstance(confirmed(taken_back, "alpha", held(1)), Stay)
    assert isinstance(confirmed(taken_back, "beta", held(2)), Stay)


def test_a05_the_ledger_holds_what_a_narrowed_feed_has_afterwards():
    lane, alert = Lane(), make_alert()
    lane.masks = {"alpha": SUMMARY | VICTIMS}
    lane.route(alert)
    lane.masks = {"alpha": SUMMARY}
    lane.route(again(alert, 2))

    record = codec.decode(lane.written["ledger"][-2][1], "ledger-entry")

    assert [(h["feed"], h["revision"], h["profile"]) for h in record["holders"]] == [
        ("alpha", 2, SUMMARY)
    ]


def test_a05_a_reader_of_stix_finds_what_remains_newer_than_its_recall():
    lane, alert = Lane(), make_alert()
    lane.masks = {"alpha": SUMMARY | VICTIMS}
    lane.route(alert)
    lane.now += 5_000
    lane.masks = {"alpha": SUMMARY}
    lane.route(again(alert, 2, consent="WITHDRAWN"))

    views = [decode_release(value) for _, value in lane.written["feed.alpha"]]
    moments = [Frame("alpha", view).modified for view in views]

    assert [view.kind for view in views] == ["RELEASE", "RECALL", "RELEASE"]
    assert moments == sorted(set(moments))
