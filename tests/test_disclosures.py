"""What the audit log says a reader was shown is what it was shown: neither more nor less."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_servings import ALERT, FEED, PERMITTED, Hub

from broker.audit.log import read_entry
from broker.clock import steady_seconds
from broker.gateway.database import Database
from broker.gateway.disclosures import Disclosures
from broker.gateway.problems import Problem
from broker.gateway.shelf import Shelf
from broker.model.decision import Outcome, Verdict
from broker.model.reason import Reason
from broker.testing import make_alert, make_release
from broker.wire.partition import partition_of
from broker.wire.topics import Topics

TOPICS = Topics("", partitions=1)
FORBIDDEN = Outcome(Verdict.WITHHOLD, 0, ("forbids",), Reason.RULE_FORBIDS)
BUNDLE_A, BUNDLE_B = b"a" * 32, b"b" * 32


class Log:
    """Stands for the audit log."""

    def __init__(self):
        self.entries = []
        self.meanwhile = lambda: None

    async def write(self, entries):
        self.entries += [read_entry(value) for _, value in entries]
        self.meanwhile()


class Desk:
    """A gateway's way from shelf to reader, without Kafka."""

    def __init__(self, folder):
        self.hub, self.log = Hub(), Log()
        self.shelf = Shelf(Database(folder), TOPICS, [FEED])
        release = make_release(make_alert(alert_id=ALERT))
        key = str(ALERT).encode()
        record = SimpleNamespace(
            topic=TOPICS.feed(FEED), partition=partition_of(key, 1), offset=0,
            timestamp=1_000, key=key, value=release.value,
        )  # fmt: skip
        self.shelf.take([record])
        (self.shelved,) = self.shelf.after(FEED, {}, 10)

    async def show(self, outcome, bundle, credential="key:desk", door="HTTP"):
        """Show the release under *outcome*; return what was shown."""
        self.hub.judge.outcome = outcome
        served = await self.hub.servings.serve(self.shelved)
        disclosures = Disclosures(self.log, self.shelf, self.hub.servings, bundle, lambda: 1_000)
        await disclosures.record([served], door, credential)
        release = served.release
        return (release.kind, release.revision, release.profile, bundle)

    def recorded(self):
        return [
            (e.release_kind, e.revision, e.compartments, e.bundle_digest) for e in self.log.entries
        ]


async def test_a08_what_is_shown_whole_after_a_recall_has_an_entry_of_its_own(tmp_path):
    desk = Desk(tmp_path)
    first = await desk.show(FORBIDDEN, BUNDLE_A)
    again = await desk.show(FORBIDDEN, BUNDLE_A)
    whole = await desk.show(PERMITTED, BUNDLE_B)

    assert first == again
    assert (first[0], whole[0]) == ("RECALL", "RELEASE")
    assert desk.recorded() == [first, whole]
    assert len({entry.entry_id for entry in desk.log.entries}) == 2


def test_a08_every_disclosure_has_its_entry_and_every_entry_its_disclosure(tmp_path_factory):
    """Invariant h, of what readers are shown: whatever bundles say, one after the other."""
    outcomes = st.one_of(
        st.just(FORBIDDEN),
        st.integers(0, 0xFFF).map(lambda mask: Outcome(Verdict.RELEASE, mask, ("permits",))),
    )

    @given(st.lists(st.tuples(outcomes, st.sampled_from([BUNDLE_A, BUNDLE_B])), max_size=8))
    def holds(steps):
        import asyncio

        async def shown():
            desk = Desk(tmp_path_factory.mktemp("shelf"))
            return [await desk.show(*step) for step in steps], desk.recorded()

        seen, recorded = asyncio.run(shown())
        assert set(recorded) == set(seen)
        assert len(recorded) == len(set(recorded))

    holds()


async def test_a11_what_was_recalled_while_it_was_recorded_is_not_shown(tmp_path):
    desk = Desk(tmp_path)

    def paused():
        desk.hub.hold(1, recalled=True)
        desk.hub.holdings._true_at[0] = float("inf")

    desk.log.meanwhile = paused
    desk.hub.holdings._true_at[0] = steady_seconds()
    served = await desk.hub.servings.serve(desk.shelved)
    late = type(served)(
        served.shelved, served.release, served.view, served.body, steady_seconds() - 60
    )
    disclosures = Disclosures(desk.log, desk.shelf, desk.hub.servings, BUNDLE_A, lambda: 1_000)

    with pytest.raises(Problem) as refused:
        await disclosures.record([late], "HTTP", "key:desk")

    assert refused.value.status == 503


async def test_11_09_whoever_of_a_unit_reads_has_an_entry(tmp_path):
    desk = Desk(tmp_path)
    for credential in ("key:first", "key:second", "key:first"):
        for door in ("HTTP", "TAXII"):
            await desk.show(PERMITTED, BUNDLE_A, credential, door)

    assert [entry.credential for entry in desk.log.entries] == ["key:first", "key:second"]
    assert len({entry.entry_id for entry in desk.log.entries}) == 2
