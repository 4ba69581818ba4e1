"""Lali JSON and JSON Lines are read strictly, and one bad line never stops its neighbours."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.pipeline.publish import split
from broker.testing import make_alert
from connectors.intake.label_file import read_label_file, sidecar_of
from connectors.intake.lali_json import MAX_BYTES, MAX_DEPTH, parse, read_document, read_lines

SECRET = "Testimoala"


def _document(**changes):
    return json.dumps(make_alert().model_dump(mode="json") | changes).encode()


def _refused(document):
    with pytest.raises(Rejected) as refused:
        parse(document)
    assert SECRET not in str(refused.value)
    return refused.value.reason, refused.value.path


def test_an_alert_written_as_json_comes_back_whole():
    alert = make_alert()

    assert split(parse(alert.model_dump_json().encode())) == alert


def test_a_byte_order_mark_is_no_fault():
    assert parse(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    ("document", "reason", "path"),
    [
        (b"", Reason.JSON_SYNTAX, ""),
        (b"{", Reason.JSON_SYNTAX, ""),
        (b"{} {}", Reason.JSON_SYNTAX, ""),
        (b"[]", Reason.FIELD_INVALID, ""),
        (b'"text"', Reason.FIELD_INVALID, ""),
        (b"null", Reason.FIELD_INVALID, ""),
        (b'{"label": NaN}', Reason.NOT_FINITE, ""),
        (b'{"label": -Infinity}', Reason.NOT_FINITE, ""),
        (b'{"label": 1e999}', Reason.NOT_FINITE, ""),
        (b'{"label": "\xff"}', Reason.NOT_UTF8, ""),
        (b'{"label": {"originator": "\\ud800"}}', Reason.NOT_UTF8, "label.originator"),
        (b'{"\\ud800": 1}', Reason.NOT_UTF8, ""),
        (b'{"label": {}, "label": {}}', Reason.DUPLICATE_KEY, ""),
        (b'{"label": {"tlp": "RED", "tlp": "CLEAR"}}', Reason.DUPLICATE_KEY, "label"),
        (b'{"persons": [{}, {"pid": 1, "pid": 2}]}', Reason.DUPLICATE_KEY, "persons[1]"),
        (b'{"label": {"Testimoala": {"a": 1, "a": 2}}}', Reason.DUPLICATE_KEY, "label.?"),
        (b"[" * 100_000, Reason.DEPTH, ""),
        (b'{"a":' * (MAX_DEPTH + 1), Reason.DEPTH, ""),
        (b'{"label": ' + b"9" * 10_000 + b"}", Reason.JSON_SYNTAX, ""),
        (b" " * (MAX_BYTES + 1), Reason.OVERSIZED, ""),
    ],
)
def test_what_is_not_exactly_one_object_is_refused(document, reason, path):
    assert _refused(document) == (reason, path)


def test_brackets_and_quotes_within_text_do_not_count_as_depth():
    text = '[{"' * 20 + "\\"

    assert parse(json.dumps({"label": text}).encode()) == {"label": text}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_draft_or_a_refusal(document):
    try:
        draft = parse(document)
    except Rejected:
        return
    assert isinstance(draft, dict)


texts = st.text(st.characters(codec="utf-8"), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
labels = st.fixed_dictionaries(
    {"originator": st.just("fiji-police"), "tlp": json_values, "source_type": st.just("AGENCY")}
)


@given(st.fixed_dictionaries({"label": labels | json_values}, optional={"persons": json_values}))
def test_any_draft_is_an_alert_or_a_refusal(draft):
    try:
        alert = split(draft)
    except Rejected:
        return
    assert alert.label.originator == "fiji-police"


def test_one_bad_line_never_stops_its_neighbours(tmp_path: Path):
    file = tmp_path / "alerts.jsonl"
    lines = [_document(), b"{broken " + SECRET.encode(), b"", b"x" * (3 * MAX_BYTES), _document()]
    file.write_bytes(b"\r\n".join(lines))

    found = list(read_lines(file))

    assert [one.line for one in found] == [1, 2, 4, 5]
    assert [one.refusal.reason if one.refusal else None for one in found] == [
        None,
        Reason.JSON_SYNTAX,
        Reason.OVERSIZED,
        None,
    ]


def test_a_file_of_one_document_may_span_lines(tmp_path: Path):
    file = tmp_path / "alert.json"
    file.write_text(make_alert().model_dump_json(indent=2))

    (found,) = read_document(file)

    assert found.draft["label"]["tlp"] == "AMBER"


@pytest.mark.parametrize("read", [read_lines, read_document])
def test_a_file_that_is_not_there_is_unreadable(read, tmp_path: Path):
    with pytest.raises(Rejected) as refused:
        list(read(tmp_path / SECRET))

    assert refused.value.reason is Reason.FILE_UNREADABLE


def test_a_label_file_lies_beside_its_sheet(tmp_path: Path):
    sheet = tmp_path / "cases.csv"
    assert sidecar_of(sheet) is None

    (tmp_path / "cases.csv.label.toml").write_text('[label]\ntlp = "AMBER"\n')

    assert read_label_file(sidecar_of(sheet)) == {"label": {"tlp": "AMBER"}}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.label.toml", "[label", Reason.FILE_UNREADABLE),
        ("a.label.toml", "[persons]\nx = 1", Reason.FIELD_UNKNOWN),
        ("a.label.json", '{"label": {"tlp": 1, "tlp": 2}}', Reason.DUPLICATE_KEY),
        ("a.label.json", '{"documents": []}', Reason.FIELD_UNKNOWN),
    ],
)
def test_a_label_file_is_read_as_strictly(tmp_path: Path, name, text, reason):
    (tmp_path / name).write_text(text)

    with pytest.raises(Rejected) as refused:
        read_label_file(tmp_path / name)

    assert refused.value.reason is reason
