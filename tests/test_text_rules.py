"""C35: one rule for all text, at every door; what was stored before it stays readable."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed import FIJI, open_alert, sealed

from broker.client.files import alerts_in
from broker.errors import Rejected
from broker.gateway.bodies import alerts_in as alerts_in_body
from broker.gateway.form import readings
from broker.gateway.form.mistakes import mistake_of
from broker.gateway.form.typed import typed_in
from broker.model.alert import Alert
from broker.model.leaves import TEXT, leaves_of
from broker.model.reason import Reason
from broker.model.release import ReleaseView
from broker.model.text import Reading, free_text, line_text, reading
from broker.pipeline.publish import split
from broker.testing import make_alert, make_release
from broker.wire.alert_codec import decode_alert, decode_release, encode_alert

LABEL = {"originator": FIJI, "tlp": "AMBER", "source_type": "AGENCY"}
#: One line: what is refused in it, and why.
LINES = {
    "A\x00B": "TEXT_CONTROL",
    "A\x1b[31mB": "TEXT_CONTROL",
    "A\tB": "TEXT_CONTROL",
    "A\x7fB": "TEXT_CONTROL",
    "A\x9bB": "TEXT_CONTROL",
    "A\ufffeB": "TEXT_CONTROL",
    "A\U000e0041B": "TEXT_CONTROL",
    "A\r\nB": "TEXT_LINE_BREAK",
    "A\nB": "TEXT_LINE_BREAK",
    "A\u2028B": "TEXT_LINE_BREAK",
    "A\x85B": "TEXT_LINE_BREAK",
    "A\u202egnp.B": "TEXT_DIRECTION",
    "A\u2066B": "TEXT_DIRECTION",
    " ": "TEXT_BLANK",
    "\u00a0\u3000": "TEXT_BLANK",
    "\u200b\u200d": "TEXT_BLANK",
    "\u3164": "TEXT_BLANK",
    "\u0301": "TEXT_BLANK",
}
#: Lines as people of the region and its visitors write them.
GOOD = ["ʻAna Māhina", "Nguyễn Thị Hoa", "सीता देवी", "ស្រី\u200bមុំ", "علی‌رضا", "王小明", "-", "👩‍👧"]


def headline(text):
    return {"label": LABEL, "compartments": {"summary": {"headline": text}}}


def refused(draft):
    with pytest.raises(Rejected) as caught:
        split(draft)
    return caught.value.reason.value, caught.value.path


@pytest.mark.parametrize(("text", "code"), LINES.items())
def test_c35_one_line_holds_one_line_that_can_be_seen(text, code):
    assert refused(headline(text)) == (code, "compartments.summary.headline")


@pytest.mark.parametrize("text", GOOD)
def test_c35_names_of_every_script_are_taken_as_they_are(text):
    composed = unicodedata.normalize("NFC", text)

    assert split(headline(text)).compartments.summary.headline == composed
    assert line_text(composed) == free_text(composed) == composed


def test_c35_every_line_of_the_model_has_the_rule():
    """No field is left out: each text of a full alert is spoilt in turn."""
    full = json.loads(make_alert().model_dump_json(exclude_none=True))
    lines = [leaf for leaf in leaves_of(make_alert()) if leaf.kind is TEXT]
    assert len(lines) > 20

    for leaf in lines:
        spoilt = json.loads(json.dumps(full))
        _put(spoilt, leaf.where, "A\x00B")
        reason, path = refused(spoilt)
        assert path == leaf.path
        assert reason in {"TEXT_CONTROL", "FIELD_INVALID", "CODE_UNKNOWN"}


def _put(value, where, text):
    *parents, last = where
    for part in parents:
        value = value[part]
    value[last] = text


def test_c35_free_text_has_lines_and_whatever_people_write_in_them():
    text = "One\r\ntwo\rthree\u2028four\tfive \u202bשלום\u202c"
    summary = {"headline": "x", "text": text}

    kept = split({"label": LABEL, "compartments": {"summary": summary}}).compartments.summary.text

    assert kept == "One\ntwo\nthree\nfour\tfive \u202bשלום\u202c"
    for bad, code in (("a\x00", "TEXT_CONTROL"), (" \n\t", "TEXT_BLANK"), ("\x0c", "TEXT_CONTROL")):
        summary = {"headline": "x", "text": bad}
        draft = {"label": LABEL, "compartments": {"summary": summary}}
        assert refused(draft) == (code, "compartments.summary.text")


def test_c35_a_name_is_one_sequence_of_bytes_however_it_was_typed():
    apart = unicodedata.normalize("NFD", "Māhina")

    assert split(headline(apart)).compartments.summary.headline == "Māhina"


def as_sealed_by_another_program(**summary):
    """Return the alert that a unit's own program makes, which knows none of these rules."""
    held = {"summary": {"headline": "A tip", **summary}}
    with reading(Reading.STORED):
        return make_alert(originator=FIJI, compartments=held)


@pytest.mark.parametrize(
    ("text", "code"),
    [*LINES.items(), (unicodedata.normalize("NFD", "Māhina"), "TEXT_NOT_COMPOSED")],
)
def test_c35_accept_opens_and_refuses_the_same(text, code):
    opened = open_alert(sealed(as_sealed_by_another_program(headline=text)))

    with pytest.raises(Rejected) as caught:
        decode_alert(opened.plain)

    found = caught.value.reason.value, caught.value.path
    assert found == (code, "compartments.summary.headline")


def test_c35_bytes_that_cannot_be_mended_have_line_feeds_only():
    with pytest.raises(Rejected, match="TEXT_CONTROL"):
        decode_alert(encode_alert(as_sealed_by_another_program(text="One\r\ntwo")))


@pytest.mark.parametrize("text", [*LINES, unicodedata.normalize("NFD", "Māhina")])
def test_c35_a_release_from_before_the_rule_is_read_as_it_is(text):
    view = decode_release(make_release(as_sealed_by_another_program(headline=text)).value)

    assert view.compartments.summary.headline == text
    again = ReleaseView.model_validate_json(view.model_dump_json())
    assert again == view
    assert line_text("A good line") == "A good line"
    with pytest.raises(ValueError, match="TEXT"):  # the reader left no door open
        free_text("\x00")


def test_c35_files_and_sheets_are_refused_with_their_place(tmp_path):
    document = tmp_path / "case.json"
    document.write_text(json.dumps(headline("A\nB")))
    sheet = tmp_path / "cases.csv"
    sheet.write_text(
        "prs_FirstName,con_Consent,prs_Birthdate,vic_TraffickingStatus,vic_TypeOfExploitation\n"
        "Te\x1bst,TRUE,1990-03-01,PossibleVictimOfTrafficking,ForcedLabour\n"
    )

    (one,) = alerts_in(document)
    (row,) = alerts_in(sheet, label=LABEL)

    assert str(one.refusal) == "TEXT_LINE_BREAK at compartments.summary.headline"
    assert str(row.refusal) == "TEXT_CONTROL at cell A2"


def test_c35_a_body_of_json_and_a_form_have_the_same_rule():
    _, (draft,) = alerts_in_body(json.dumps(headline("A\u202eB")).encode(), "application/json")
    assert refused(draft)[0] == "TEXT_DIRECTION"

    typed = typed_in({"headline": ["\u3164"], "text": ["a\x00b\u202ec\r\nd"], "place": ["x\ny"]})
    assert [typed.one(name) for name in ("headline", "text", "place")] == ["", "abc\nd", "x y"]
    assert readings.names("\u200b\nSYNTHETIC Owner\n") == ["SYNTHETIC Owner"]
    mistake = mistake_of(Rejected(Reason.TEXT_BLANK, "compartments.contact.desk"))
    assert (mistake.field, mistake.says) == ("channel", "Write something that can be read")


@given(st.text(max_size=40))
def test_c35_what_is_taken_is_taken_again_and_as_exact_bytes(text):
    """Whatever the written door lets in, the sealed door takes unchanged."""
    for rule in (line_text, free_text):
        try:
            kept = rule(text)
        except ValueError:
            continue
        with reading(Reading.EXACT):
            assert rule(kept) == kept


def test_c35_nothing_of_a_text_stands_in_the_refusal():
    with pytest.raises(Rejected) as caught:
        split(headline("CANARYNAME\x00"))
    assert "CANARY" not in str(caught.value)
    assert isinstance(as_sealed_by_another_program(), Alert)
