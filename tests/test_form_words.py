"""The form says everything in words: no code of the alert, the policy or the audit log shows."""

import re
from typing import get_args
from uuid import uuid4

import pytest

from broker.gateway.form import plain_words, questions
from broker.gateway.form.following import told
from broker.gateway.form.review import answers_of
from broker.gateway.form.typed import typed_in
from broker.model import codes
from broker.model.compartment import Compartment
from broker.model.reason import Reason
from broker.model.standing import AlertStanding, State
from broker.model.warning import WarningCode

CODE = re.compile(r"[A-Z]{2,}_?[A-Z]*")
COUNTS = ("feeds", "recalled", "delivered", "received", "acknowledged", "acted_upon", "refused")


def standing(state, **counted):
    counts = {name: counted.get(name, 0) for name in COUNTS}
    return AlertStanding(alert_id=uuid4(), state=state, revisions=(), **counts)


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_has_words(state):
    word, says = told(standing(state, feeds=3, acknowledged=1))
    assert says
    assert not CODE.search(" ".join([word, *says]))


def test_what_became_of_a_report_is_told_by_its_furthest_step():
    steps = {
        "Accepted": {},
        "Passed on": {"feeds": 2},
        "Being looked at": {"feeds": 2, "acknowledged": 1},
        "Acted upon": {"feeds": 2, "acknowledged": 1, "acted_upon": 1},
    }
    for word, counted in steps.items():
        assert told(standing("ACCEPTED", **counted))[0] == word
    says = told(standing("ACCEPTED", feeds=2, refused=1, acted_upon=1))[1]
    assert "One recipient said that it is not for them." in says
    assert "2 recipients may see it, as policy allows each." in says


def test_every_part_and_every_kind_of_recipient_has_words():
    assert set(plain_words.PARTS) == set(Compartment)
    assert set(plain_words.RECIPIENTS) == set(codes.RecipientClass)


def test_every_warning_about_the_text_has_words():
    for code in WarningCode:
        if code.value.endswith("_IN_SUMMARY"):
            assert plain_words.found_in_text(code)


def test_every_reason_for_a_refusal_has_words():
    for reason in Reason:
        assert len(plain_words.refusal(reason.value).split()) > 5


def test_every_choice_stands_for_a_code_of_the_alert():
    known = {
        "kinds": codes.Exploitation, "sector": codes.Sector, "source": codes.SourceType,
        "moved": codes.Answer, "child": codes.Answer, "consent": codes.Consent,
        "conveyance": codes.ConveyanceKind, "scope": codes.RecipientClass,
    }  # fmt: skip
    for name, enumeration in known.items():
        choices = questions.SINGLES.get(name) or questions.SEVERALS[name]
        assert {each.value for each in choices} - {""} <= {each.value for each in enumeration}


def test_the_review_repeats_every_answer_in_words():
    chosen = {
        name: [each.value for each in choices if each.value][:1]
        for name, choices in {**questions.SINGLES, **questions.SEVERALS}.items()
    }
    found = typed_in({**chosen, **{name: ["x"] for name in questions.TEXTS}})
    answers = answers_of(found)
    assert len(answers) == len(chosen) + len(questions.TEXTS)
    assert not CODE.search(" ".join(answer.said for answer in answers))
