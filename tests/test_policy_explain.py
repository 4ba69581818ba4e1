"""`lali policy explain`: a rule, a feed, a part of an alert."""

import cedarpy
import pytest
from policy_views import PACIFIC

pytest.importorskip("z3")

from broker.policy.bundle import load_bundle
from broker.policy.cases import try_cases
from broker.policy.decide import Decider
from broker.policy.proof.matrix import Sees, matrix
from broker.policy.reading import nouns, phrases
from broker.policy.reading.known import known_of
from broker.policy.reading.phrases import NotPhrased
from broker.policy.reading.prose import NEVER, condition_of_rule, sentences
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


BUNDLES = pytest.mark.parametrize("folder", [PACIFIC, SMALL], ids=lambda folder: folder.name)


@BUNDLES
def test_every_condition_of_a_shipped_rule_has_words(folder):
    for rule in load_bundle(folder).rules.rules:
        said = list(sentences(condition_of_rule(rule.template)))
        assert said
        assert said != NEVER
        # In words, and codes: nothing of Cedar's own signs.
        assert not [line for line in said if set(line) & set('(){}[]&|!="')], (rule.id, said)


@BUNDLES
def test_every_attribute_that_a_shipped_rule_reads_has_a_noun_of_its_own(folder, monkeypatch):
    for module in (nouns, phrases):
        monkeypatch.setattr(module, "noun_of", nouns._NOUNS.__getitem__)
    for rule in load_bundle(folder).rules.rules:
        condition_of_rule(rule.template)  # KeyError: an attribute would be called by its path


@BUNDLES
def test_a_rule_that_decided_for_a_feed_is_never_left_out_of_what_is_said_of_it(folder):
    decider = Decider(load_bundle(folder))
    bundle, seen = decider.bundle, 0
    for tried in try_cases(decider):
        known = known_of(bundle.community.feeds[tried.case.feed], bundle)
        for name in tried.decision.outcome.rules:
            if name in bundle.rules.by_id:  # guards are no rules
                template = bundle.rules.by_id[name].template
                assert list(sentences(condition_of_rule(template, known))) != NEVER
                seen += 1
    assert seen > 5


def test_what_is_settled_for_a_feed_is_not_asked_again_and_what_cannot_be_is_left_out(lali):
    _, out, _ = lali("policy", "explain", "fiji-tcu-investigate", "--bundle", PACIFIC)
    assert "tcu-on-route gives it the alert with its label, " in out
    assert "the countries of origin include the recipient's country" in out
    assert "the recipient's kind" not in out.split("tcu-on-route")[1].split("\n\n")[0]
    assert "immigration-border" not in out


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('resource.at_risk == "YES"', "whether somebody is at risk is YES"),
        ('resource.at_risk != "YES"', "whether somebody is at risk is not YES"),
        ('["A"].contains(resource.tlp)', "the TLP marking is A"),
        ('!["A", "B"].contains(resource.tlp)', "the TLP marking is neither A nor B"),
        ('!["A", "B", "C"].contains(resource.tlp)', "the TLP marking is none of A, B or C"),
        ("resource.caveats.isEmpty()", "the caveats are not given"),
        ("!resource.onward_list.isEmpty()", "the alert's onward list is given"),
        ('resource.acts.containsAll(["A", "B"])', "the acts include A and B"),
        ("!context.expired", "the alert has not expired"),
        ("!(context.expired && context.operational)",
         "one of these holds:\n  - the alert has not expired\n"
         "  - the feed is for exercises or tests"),
        ("context.expired && false", "never"),
        ("context.expired || true", "always"),
    ],
)  # fmt: skip
def test_a_condition_in_words(written, words):
    assert "\n".join(sentences(condition_of_rule(rule_of(written)))) == f"- {words}"


def test_what_has_no_words_is_told_in_cedars_own_form():
    with pytest.raises(NotPhrased, match=r"if context.expired then"):
        condition_of_rule(rule_of("if context.expired then context.operational else false"))


def rule_of(condition):
    parsed = cedarpy.PolicySet.from_str(
        f"permit (principal, action, resource) when {{ {condition} }};"
    )
    (rule,) = parsed.to_pst().static_policies.values()
    return rule


def test_cedars_own_form_is_printed_where_it_is_asked_for(lali):
    _, out, _ = lali("policy", "explain", "expired", "--bundle", PACIFIC, "--cedar")
    assert "  - the alert has expired\nwhen: context.expired" in out
