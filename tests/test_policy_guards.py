"""The rules hold without the guards, and the guards without the rules."""

import shutil

from pacific_decider import DECIDER, FEEDS, NOW
from policy_views import PACIFIC, ordinary, sees

from broker.policy.bundle import load_bundle
from broker.policy.cases import try_cases
from broker.policy.decide import Decider
from broker.policy.facts import Facts


def test_every_case_holds_and_every_rule_decides_one():
    tried = try_cases(DECIDER)
    assert [(t.case.name, t.differences) for t in tried if t.differences] == []
    decided = {r for t in tried for r in t.decision.outcome.rules + t.decision.outcome.held}
    assert set(DECIDER.bundle.rules.by_id) == decided
    assert not any(name.startswith("guard-") for name in decided)


def test_the_rules_stand_without_the_guards(monkeypatch):
    monkeypatch.setattr("broker.policy.decide.guard_against", lambda *_: None)
    bare = Decider(DECIDER.bundle)
    for status in ("EXERCISE", "UNKNOWN"):
        for feed, outcome in bare.outcomes(ordinary(status=status), NOW).items():
            assert not FEEDS[feed].operational or not sees(outcome)
    for tlp, facts in (("RED", NOW), ("UNKNOWN", NOW), ("AMBER", Facts(expired=True))):
        outcomes = bare.outcomes(ordinary(tlp=tlp), facts)
        assert not any(sees(outcome) for outcome in outcomes.values())


def test_the_guards_stand_without_the_rules(tmp_path):
    folder = tmp_path / "pacific"
    shutil.copytree(PACIFIC, folder)
    for file in (folder / "rules").iterdir():
        file.unlink()
    (folder / "rules" / "all.cedar").write_text('@id("p") permit (principal, action, resource);')
    careless = Decider(load_bundle(folder))
    for view, facts in (
        (ordinary(), Facts(expired=True)), (ordinary(), Facts(embargoed=True)),
        (ordinary(tlp="RED"), NOW), (ordinary(tlp="UNKNOWN"), NOW),
    ):  # fmt: skip
        assert not any(sees(o) for o in careless.outcomes(view, facts).values())
    drill = careless.outcomes(ordinary(status="EXERCISE"), NOW)
    assert {f for f, o in drill.items() if sees(o)} == {
        f for f in FEEDS if not FEEDS[f].operational
    }
