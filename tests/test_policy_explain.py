"""`lali policy explain`: a rule, a feed, a part of an alert."""

import pytest
from policy_views import PACIFIC

pytest.importorskip("z3")

from broker.policy.bundle import load_bundle
from broker.policy.proof.matrix import Sees, matrix
from broker.resources import shipped

SMALL = shipped("policies") / "three-agencies"
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")


def test_the_matrix_says_always_sometimes_and_never():
    found = matrix(load_bundle(SMALL))
    assert found["border-risk"]["see_victims"] is Sees.NEVER
    assert found["border-risk"]["see_movement"] is Sees.ALWAYS
    assert found["border-risk"]["see_suspects"] is Sees.SOMETIMES


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("border-recognises", "why: The border desk learns what arrives"),
        ("border-risk", "always: indicators, conveyances, movement"),
        ("victims", "never: border-risk"),
    ],
)
def test_it_explains_rules_feeds_and_parts(lali, name, said):
    code, out, err = lali("policy", "explain", name, "--bundle", SMALL)
    assert (code, err) == (0, "")
    assert said in out


def test_what_is_unknown_is_refused(lali):
    code, _, err = lali("policy", "explain", "nobody", "--bundle", PACIFIC)
    assert code == 2
    assert "no rule, active feed or part" in err
