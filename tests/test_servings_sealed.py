"""What a gateway serves of sealed releases: less is sealed for less, and entrusted ones open."""

from types import SimpleNamespace

import pytest
from sealed import ALL, ENTRUSTED, OWN, opener, protection
from test_quiet_channel import AT, keys_in, looks, to_feed

from broker.clock import epoch_ms
from broker.errors import KeeperUnavailable, Rejected
from broker.gateway.problems import problem_of
from broker.gateway.serve import Servings
from broker.gateway.shelf import Shelved
from broker.model.compartment import COMPARTMENTS
from broker.model.decision import Outcome, Verdict
from broker.model.reason import Reason
from broker.model.release import ReleaseKind
from broker.pipeline.holding import Holding, Share
from broker.pipeline.holdings import Holdings
from broker.pipeline.open_release import read_verified

SHOWN = 0b0000_1010_0101


class _Holding(Holding):
    def view(self):
        return {"embargo_until": None}


def servings(feed, shown, opens=opener):
    outcome = Outcome(Verdict.RELEASE, shown, ("permits",))
    judge = SimpleNamespace(decide=lambda *_: SimpleNamespace(outcome=outcome))
    holdings = Holdings(None, None)
    holdings.seen_ms = epoch_ms()
    holdings._true_at[0] = float("inf")
    shares = {feed: Share(1, recalled=False)}
    found = _Holding(1, False, epoch_ms() + 3_600_000, b"", b"", shares)
    holdings._holdings[AT["alert_id"].bytes] = found
    return Servings(
        holdings, judge, {feed: opens(feed)}, epoch_ms, {feed: protection().resealer(feed)}
    )


async def serve(feed, shown, opens=opener):
    value = to_feed(ALL, ALL, feed)
    shelved = Shelved(feed, 0, 0, 1_000, AT["alert_id"], 1, "RELEASE", value)
    return await servings(feed, shown, opens).serve(shelved)


async def test_a_release_of_which_less_is_served_looks_like_one_that_never_held_more():
    served = await serve(OWN, SHOWN)

    assert looks(served.release.value) == looks(to_feed(SHOWN, SHOWN))
    assert keys_in(served.release.value) == keys_in(to_feed(SHOWN, SHOWN))
    assert read_verified(served.release.value, opener(OWN)).compartments.mask == SHOWN
    assert served.view.sealed


async def test_a_release_that_is_served_whole_is_served_as_it_lies_in_kafka():
    served = await serve(OWN, ALL)

    assert served.view.sealed
    assert keys_in(served.release.value) == [True] * len(COMPARTMENTS)


@pytest.mark.parametrize("shown", [SHOWN, ALL])
async def test_an_entrusted_release_is_opened(shown):
    served = await serve(ENTRUSTED, shown)

    assert not served.view.sealed
    assert served.view.compartments.mask == shown


class Fails:
    """Stands for an opener whose key does not fit."""

    def __init__(self, error):
        self.error = error

    def may_open(self, _parts):
        return True

    def open(self, _parts):
        raise self.error


async def test_what_should_open_and_does_not_is_shown_sealed():
    served = await serve(ENTRUSTED, SHOWN, lambda _feed: Fails(Rejected(Reason.SEAL_BROKEN)))

    assert served.view.sealed
    assert served.view.label is not None
    assert looks(served.release.value) == looks(to_feed(SHOWN, SHOWN, ENTRUSTED))


async def test_what_was_erased_is_passed_over():
    assert await serve(ENTRUSTED, ALL, lambda _feed: Fails(Rejected(Reason.ERASED))) is None


async def test_while_the_keys_are_away_nothing_is_passed_over():
    with pytest.raises(KeeperUnavailable) as raised:
        await serve(ENTRUSTED, ALL, lambda _feed: Fails(KeeperUnavailable("AWAY")))

    assert problem_of(raised.value).status == 503


async def test_a_recall_in_place_of_a_release_is_signed_for_its_feed():
    gateway = servings(OWN, ALL)
    gateway._signer = protection().recalls()
    withheld = Outcome(Verdict.WITHHOLD, 0, (), Reason.NO_RULE_PERMITS)
    gateway._decider = SimpleNamespace(decide=lambda *_: SimpleNamespace(outcome=withheld))
    value, added = to_feed(ALL, ALL, OWN), epoch_ms() * 1000
    shelved = Shelved(OWN, 0, 0, added, AT["alert_id"], 1, "RELEASE", value)

    served = await gateway.serve(shelved)

    assert served.view.kind is ReleaseKind.RECALL
    assert read_verified(served.release.value, opener(OWN)).doubt is None
    assert read_verified(served.release.value, opener(ENTRUSTED)).doubt is not None
