"""An alert that policy gives to more than its own text says is told before it is sent."""

import pytest
from pacific_decider import COMMUNITY, DECIDER

from broker.gateway.form.pages import _ENVIRONMENT
from broker.gateway.form.review import _questions, _remarks
from broker.gateway.form.typed import typed_in
from broker.model.warning import AlertWarning
from broker.model.warning import WarningCode as Code
from broker.pipeline.label_warnings import reach_warnings
from broker.pipeline.stated_audience import stated_in
from broker.policy.acquainted import every_name, known_names
from broker.testing import make_alert

NAMES = every_name(COMMUNITY)
HEADLINE = "compartments.summary.headline"


def told(text, known=NAMES, **alert):
    """Return what is said of a *text*: its words, and the field to change."""
    content = {"summary": {"headline": text, "language": "eng"}}
    found = reach_warnings(make_alert(compartments=content, **alert), DECIDER, known)
    beyond = [each for each in found if each.code is Code.MORE_THAN_TEXT_SAYS]
    assert all(each.path == HEADLINE for each in beyond)
    return [(text[each.start : each.end], each.change) for each in beyond]


ONLY, NOT = "distribution.releasable_to", "distribution.not_releasable_to"


@pytest.mark.parametrize(
    ("text", "said", "change"),
    [
        ("Seen at the port, for the police of Fiji only.", "for the police of Fiji only", ONLY),
        ("Only for Fiji police, please", "Only for Fiji police", ONLY),
        ("FOR POLICE EYES ONLY: a boat", "FOR POLICE EYES ONLY", ONLY),
        ("for police and customs only", "for police and customs only", ONLY),
        ("Not for immigration until Monday", "Not for immigration", NOT),
        ("do not tell Samoa police of this", "do not tell Samoa police", NOT),
        ("Must not be shared with Samoa", "Must not be shared with Samoa", NOT),
        ("TLP:RED, a boat", "TLP:RED", "label.tlp"),
        ("tlp amber+strict", "tlp amber+strict", "label.tlp"),
        ("Not for court. A boat.", "Not for court", "label.caveats"),
        ("ORCON", "ORCON", "label.caveats"),
        ("not for deportation", "not for deportation", "label.caveats"),
        ("Do not pass it on", "not pass it on", "label.caveats"),
    ],
)
def test_22_a_text_for_fewer_than_receive_it_is_told_with_the_field(text, said, change):
    assert told(text) == [(said, change)]


@pytest.mark.parametrize(
    ("text", "alert"),
    [
        ("TLP:RED, a boat", {"tlp": "RED", "distribution": {"named_recipients": ["samoa-tcu"]}}),
        ("TLP:GREEN, a boat", {}),
        ("Not for court", {"caveats": ["NO_COURT"]}),
        ("Do not pass it on", {"distribution": {"onward": "FORBIDDEN"}}),
        ("for Samoa only", {"distribution": {"releasable_to": ["country-ws"]}}),
        ("Not for Samoa", {"distribution": {"not_releasable_to": ["country-ws"]}}),
        ("Not for shelters", {"status": "EXERCISE"}),
        # Nobody receives it: a warning of its own.
        ("for the police of Fiji only", {"purposes": ["STATISTICS"]}),
        # Not about who sees it.
        ("The police only came at night", {}),
        ("She was paid for three days only", {}),
        ("Not for police only: shelters can help", {}),
        ("They only work for us and for me", {}),
        ("a camp for police families of Fiji only", {}),
    ],
)
def test_22_what_the_label_says_too_or_a_text_does_not_say_is_not_told(text, alert):
    assert told(text, **alert) == []


def test_22_civil_society_learns_of_no_country_by_writing_its_name():
    tip = {"originator": "lagoon-house", "purposes": ["COORDINATE"], "tlp": "GREEN"}
    own = known_names(COMMUNITY, "lagoon-house")

    assert told("Not for police of Samoa", own, **tip) == []
    assert told("do not tell Samoa police", own, **tip) == []
    assert told("only for Fiji", own, **tip) == []
    assert told("only for child protection", own, **tip) == [("only for child protection", ONLY)]


@pytest.mark.parametrize(
    ("code", "path", "change", "asked"),
    [
        (Code.REACHES_NOBODY, "label", "label.countries_destination", ("country",)),
        (Code.REACHES_NOBODY, "label", "label.tlp", ()),
        (Code.CONSENT_SCOPE_WITHHOLDS, "distribution.consent_scope", None, ("scope",)),
        (Code.MINOR_UNKNOWN_WITHHOLDS, "label.minor", None, ("child",)),
        (Code.ROUTE_COUNTRY_NOT_REACHED, "label.countries_destination", None, ()),
        (Code.ROUTE_COUNTRY_NOT_REACHED, "label.countries_transit[0]", "label.minor", ("child",)),
        (Code.MORE_THAN_TEXT_SAYS, HEADLINE, "distribution.releasable_to", ("headline",)),
    ],
)
def test_22_the_form_names_the_question_that_decides_the_field(code, path, change, asked):
    assert _questions(AlertWarning(code=code, path=path, change=change)) == asked


def test_22_the_page_shows_the_question_beside_the_remark():
    change, place = "label.countries_destination", "distribution.consent_scope"
    warnings = [
        AlertWarning(code=Code.REACHES_NOBODY, path="label", change=change),
        AlertWarning(code=Code.CONSENT_SCOPE_WITHHOLDS, path=place),
        AlertWarning(code=Code.REACHES_ONLY_ORIGINATOR, path="label", change="label.tlp"),
    ]
    values = {"typed": typed_in({}), "remarks": list(_remarks(warnings)), "token": "t"}
    empty = ("error", "findings", "readers", "nobody_learns", "to_confirm", "answers")
    template = _ENVIRONMENT.get_template("review.html")

    said = template.render(**values, **dict.fromkeys(empty, ()), visitor=None, here="")

    assert "would receive this report. Look again at: <strong>Country</strong>." in said
    assert "Look again at: <strong>Who may see it</strong>." in said
    assert '<p class="note">As it stands, only you would receive this report.</p>' in said


def test_22_a_text_made_to_be_slow_to_read_is_read():
    for part in ("for ", "not for the ", "only for " + "x" * 40 + " ", "not tell a" + " " * 9):
        assert list(stated_in(part * 2000, {})) == []
