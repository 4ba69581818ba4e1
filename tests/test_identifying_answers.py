"""Any alert, the heaviest too, gets its answer: places in its text, and no value."""

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from summaries import label, person, warnings_of

from broker.model.alert import Alert, Compartments
from broker.model.content import Summary, Victims
from broker.model.text import Reading, reading
from broker.model.warning import WarningCode as Code
from broker.pipeline.identifying import identifying


def test_a_warning_points_at_the_characters_and_says_no_value():
    sione = person("Sione Fakaʻosi", documents=({"kind": "PASSPORT", "number": "SYN-000777"},))
    alert = Alert(
        label=label(),
        compartments=Compartments(
            summary=Summary(headline="Sione Faka‘osi", text="Papers: syn 000777."),
            victims=Victims(persons=(sione,)),
        ),
    )

    name, number = identifying(alert)

    assert name.model_dump() == {
        "code": Code.NAME_IN_SUMMARY,
        "path": "compartments.summary.headline",
        "start": 0,
        "end": 14,
        "change": None,
    }
    assert (number.code, number.path) == (
        Code.DOCUMENT_NUMBER_IN_SUMMARY,
        "compartments.summary.text",
    )
    assert (number.start, number.end) == (8, 18)


@given(st.text(max_size=400), st.lists(st.text(min_size=1, max_size=40), max_size=3))
def test_no_text_and_no_name_makes_it_fail(text, names):
    assume(text)
    with reading(Reading.STORED):  # of what was accepted before there was a rule, too
        victim = person(*names, documents=({"kind": "OTHER", "number": text[:200]},))
        warnings = warnings_of(text, victims=Victims(persons=(victim,)))
    for warning in warnings:
        assert 0 <= warning.start < warning.end <= len(text)


#: What once took minutes: many names, numbers and addresses against a text made for it.
HEAVY = {
    Code.NAME_IN_SUMMARY: "Ccc Bbb1 Aaa1 " * 570,
    Code.DOCUMENT_NUMBER_IN_SUMMARY: "1 " * 4000,
    Code.PHONE_IN_SUMMARY: "+67991 00001 9123456 " * 380,
    Code.EMAIL_IN_SUMMARY: "a@a.aa" * 1300,
    Code.DATE_OF_BIRTH_IN_SUMMARY: "2011 03 14 " * 720,
    Code.ADDRESS_IN_SUMMARY: "w " * 4000,
}


@pytest.mark.parametrize("code", HEAVY)
def test_the_heaviest_alert_gets_its_answer(code):
    people = tuple(
        person(
            *(f"Aaa{i} Bbb{j} Ccc" for j in range(20)),
            pid=f"v{i}",
            born_on=date(2011, 3, 14),
            phones=(f"+67991{i:05}",),
            address=("w " * 99).strip(),
            documents=({"kind": "OTHER", "number": "1" * (i % 190 + 5)},),
        )
        for i in range(500)
    )
    found = warnings_of(HEAVY[code], victims=Victims(persons=people))

    assert code in {warning.code for warning in found}
