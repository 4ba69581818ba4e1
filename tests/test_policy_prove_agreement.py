"""The solver's formulas against the engine that decides, on requests at random."""

import pytest
from policy_views import PACIFIC
from random_alerts import RandomAlerts

pytest.importorskip("z3")

from solver_bits import Bits

from broker.policy.actions import ACTIONS
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.policy.entities import reduce_view
from broker.policy.filled import filled_names
from broker.policy.proof.asking import seen_by
from broker.policy.proof.deciding import Deciding, named_groups
from broker.policy.proof.vocabulary import vocabulary
from broker.policy.proof.worlds import this_community
from broker.resources import shipped

#: Each alert is asked for every feed and action.
REQUESTS = 100_000


@pytest.mark.parametrize("folder", sorted(each.name for each in shipped("policies").iterdir()))
def test_solver_and_engine_agree_on_requests_at_random(folder):
    decider = Decider(load_bundle(PACIFIC.parent / folder))
    bundle = decider.bundle
    feeds = bundle.community.feeds
    alerts = RandomAlerts(decider, seed=11)
    drawn = [(alerts.view(), alerts.facts()) for _ in range(_alerts(len(feeds)))]
    asked = [
        (
            reduce_view(view),
            {"feed": feed, **facts._asdict(), "filled": filled_names(facts.filled)},
        )
        for view, facts in drawn
        for feed in feeds
    ]
    templates = [rule.template for rule in bundle.rules.rules]
    world = this_community(bundle.community, vocabulary(templates, [bundle.community]))
    deciding = Deciding(world, bundle.rules.rules, named_groups(bundle.schema, templates))
    bits = Bits(world, [(view, facts) for view, facts in asked])
    solved = {action: bits.of(deciding.released(action)) for action in ACTIONS}
    said = dict.fromkeys(ACTIONS, 0)
    bit = 1
    for view, facts in drawn:
        outcomes = decider.outcomes(view, facts)
        for feed in feeds:
            for action in seen_by(outcomes[feed]):
                said[action] |= bit
            bit <<= 1
    assert len(asked) * len(ACTIONS) >= min(REQUESTS, 20_000 * len(feeds))
    assert sum(count.bit_count() for count in said.values()) > len(asked) / 100
    assert [a for a in ACTIONS if solved[a] != said[a]] == []


def _alerts(feeds: int) -> int:
    return max(1500 if feeds < 10 else 0, REQUESTS // (feeds * len(ACTIONS)) + 1)
