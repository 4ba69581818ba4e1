"""What may be served of a shelved release: the ledger and the bundle of now, and never blind."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from broker.clock import epoch_ms, steady_seconds
from broker.gateway.serve import PolicyFailed, Servings
from broker.gateway.shelf import Shelved
from broker.model.compartment import COMPARTMENTS, Compartment
from broker.model.decision import Outcome, Verdict
from broker.model.reason import Reason
from broker.model.release import ReleaseKind
from broker.pipeline.holding import Holding, Share
from broker.pipeline.holdings import Holdings, LedgerBehind
from broker.testing import alert_id_of, make_alert, make_recall, make_release

FEED = "a-feed"
ALERT = alert_id_of(3)
EVERYTHING = (1 << len(COMPARTMENTS)) - 1
PERMITTED = Outcome(Verdict.RELEASE, EVERYTHING, ("permits",))
HOUR_MS = 3_600_000


class _Holding(Holding):
    """An entry whose label is of no interest here: `Judge` decides without it."""

    def view(self):
        return {"embargo_until": None}


class Judge:
    """Stands for the decider: says what it is told to."""

    def __init__(self):
        self.outcome = PERMITTED

    def decide(self, _feed, _view, facts):
        expired = Outcome(Verdict.WITHHOLD, 0, (), Reason.EXPIRED)
        return SimpleNamespace(outcome=expired if facts.expired else self.outcome)


class Hub:
    def __init__(self):
        self.judge = Judge()
        self.holdings = Holdings(None, None)
        self.holdings.seen_ms = epoch_ms()
        self.holdings._true_at[0] = float("inf")
        self.ahead_ms = 0
        self.servings = Servings(
            self.holdings, self.judge, None, lambda: epoch_ms() + self.ahead_ms
        )
        self.hold(1)

    def hold(self, revision, *, recalled=False, cancelled=False):
        shares = {FEED: Share(revision, recalled)}
        expires = epoch_ms() + HOUR_MS
        found = _Holding(revision, cancelled, expires, b"", b"", shares)
        self.holdings._holdings[ALERT.bytes] = found

    async def served(self, release=None, **more):
        release = release or make_release(make_alert(alert_id=ALERT))
        shelved = Shelved(
            FEED, 0, 7, 1_000_000, release.alert_id, release.revision, release.kind.value,
            release.value,
        )  # fmt: skip
        return await self.servings.serve(replace(shelved, **more))


@pytest.fixture
def hub():
    return Hub()


async def test_what_is_permitted_is_served_whole(hub):
    served = await hub.served()

    assert served.view.kind is ReleaseKind.RELEASE
    assert served.view.compartments.victims is not None


async def test_what_is_permitted_in_part_is_narrowed(hub):
    only = 1 << COMPARTMENTS.index(Compartment.SUMMARY)
    hub.judge.outcome = replace(PERMITTED, compartments=only)
    served = await hub.served()

    assert set(served.view.compartments.model_dump(exclude_none=True)) == {"summary"}
    assert b"SYNTHETIC-victims" not in served.release.value
    assert b"SYNTHETIC-victims" not in served.body


@pytest.mark.parametrize("reason", [Reason.NO_RULE_PERMITS, Reason.RULE_FORBIDS, Reason.HELD])
async def test_what_is_permitted_no_longer_is_served_as_a_recall(hub, reason):
    hub.judge.outcome = Outcome(Verdict.WITHHOLD, 0, (), reason)
    served = await hub.served()

    assert (served.view.kind, served.view.revision) == (ReleaseKind.RECALL, 1)
    assert b"SYNTHETIC" not in served.release.value + served.body


async def test_when_the_bundle_errs_nothing_is_served_and_nothing_passed_over(hub):
    hub.judge.outcome = Outcome(Verdict.WITHHOLD, 0, (), Reason.POLICY_ERROR)

    with pytest.raises(PolicyFailed):
        await hub.served()


async def test_what_was_cancelled_recalled_or_superseded_is_passed_over(hub):
    for state in ({"cancelled": True}, {"recalled": True}):
        hub.hold(1, **state)
        assert await hub.served() is None
    hub.hold(2)
    assert await hub.served() is None


async def test_what_has_expired_is_passed_over_though_it_was_served_a_moment_ago(hub):
    assert await hub.served() is not None
    hub.ahead_ms = HOUR_MS
    hub.holdings.seen_ms += HOUR_MS

    assert await hub.served() is None


async def test_a_ledger_that_says_nothing_of_a_release_passes_it_over(hub):
    found = hub.holdings._holdings[ALERT.bytes]
    hub.holdings._holdings[ALERT.bytes] = replace(found, shares={})

    assert await hub.served() is None


async def test_a_recall_is_served_whatever_the_ledger_says(hub):
    hub.holdings._holdings.clear()
    hub.holdings.seen_ms = 0
    served = await hub.served(make_recall(ALERT, 2))

    assert (served.view.kind, served.view.revision) == (ReleaseKind.RECALL, 2)


async def test_a_gateway_that_is_cut_off_from_kafka_serves_no_release(hub):
    assert await hub.served() is not None
    hub.ahead_ms = 31_000  # and the ledger's end was not seen since

    with pytest.raises(LedgerBehind):
        await hub.served()


async def test_readers_share_what_was_read_and_a_change_of_mind_is_seen_at_once(hub):
    first = await hub.served()
    assert (await hub.served()).body is first.body
    hub.judge.outcome = replace(PERMITTED, compartments=0)
    second = await hub.served()

    assert second.view.compartments.summary is None
    hub.ahead_ms = 6_000
    hub.judge.outcome = PERMITTED
    assert (await hub.served()).body is not first.body


async def test_a11_a_ledger_of_before_a_pause_serves_nothing_until_it_is_read_on(hub):
    hub.holdings._true_at[0] = steady_seconds() - 60  # stopped, and going on: nothing was read

    with pytest.raises(LedgerBehind):
        await hub.served()


async def test_a11_what_was_recalled_while_its_answer_waited_is_not_shown(hub):
    served = await hub.served()
    late = replace(served, true_at=steady_seconds() - 60)

    await hub.servings.confirm([late])
    hub.hold(1, recalled=True)
    with pytest.raises(LedgerBehind):
        await hub.servings.confirm([late])


async def test_a11_what_became_less_while_its_answer_waited_is_not_shown_whole(hub):
    late = replace(await hub.served(), true_at=steady_seconds() - 60)
    hub.judge.outcome = replace(PERMITTED, compartments=1)

    with pytest.raises(LedgerBehind):
        await hub.servings.confirm([late])


async def test_a11_a_recall_is_shown_however_long_its_answer_waited(hub):
    served = await hub.served(make_recall(ALERT, 2))
    hub.holdings._true_at.clear()

    await hub.servings.confirm([served])
