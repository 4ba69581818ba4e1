"""A3: what identifies a victim is found in every other compartment, and stops the alert."""

import contextlib
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed import FIJI, open_alert, sealed, unsealer
from test_children import zone

from broker.client.encoding import AlertEncoder
from broker.client.http.batches import outcomes_of
from broker.client.http.link import Answer
from broker.client.http.refusals import error_of
from broker.client.payload import Form, payload_of
from broker.errors import Rejected, Unconfirmed
from broker.model.alert import Alert
from broker.model.leaves import TEXT, leaves_of, path_of
from broker.model.warning import WarningCode as Code
from broker.pipeline.checked import accept
from broker.pipeline.content_check import check_content, refuse_content
from broker.pipeline.content_warnings import content_warnings
from broker.pipeline.publish import split
from broker.testing import NOON, make_alert, make_label
from broker.wire.alert_codec import decode_alert

NOW = int(NOON.timestamp() * 1000)
PHOTO = hashlib.sha256(b"a picture").hexdigest()
#: Another paper of the same person: her name and birth date, and another number.
NAMED_ZONE = f"{'P<FJITESTA<<MARAIA<SERUWAIA':<<44}\n" + zone("980314", "X9998887").split("\n")[1]
VICTIM = {
    "pid": "p1",
    "roles": ["VICTIM_POSSIBLE"],
    "names": ["Maraia Seruwaia Testa"],
    "aliases": ["Lusi"],
    "born_on": "1998-03-14",
    "minor": "NO",
    "phones": ["+6797012345", "+68512345"],
    "address": "12 Testa Road, Labasa, maraia.t@example.org",
    "photo_sha256": PHOTO,
    "documents": [
        {"kind": "PASSPORT", "number": "N 765-4321", "holder": "p1"},
        {"kind": "PASSPORT", "mrz": zone("980314", "K1112223"), "holder": "p1"},
        {"kind": "NATIONAL_ID", "number": "4711", "holder": "p1"},
    ],
}
PLACES = {
    "summary": lambda said: {"summary": {"headline": "A tip", "text": said}},
    "headline": lambda said: {"summary": {"headline": said}},
    "suspects": lambda said: {"suspects": {"persons": [_suspect(address=said)]}},
    "documents": lambda said: {"documents": {"items": [{"kind": "VISA", "number": said}]}},
    "owner": lambda said: {"owners": {"items": [{"owner": said}]}},
    "place": lambda said: {"places": {"items": [{"name": said}]}},
    "assessment": lambda said: {"assessment": {"text": f"We think so.\n{said}"}},
    "source": lambda said: {"source": {"handler": said}},
    "safe": lambda said: {"safe_contact": {"how": said}},
    "desk": lambda said: {"contact": {"desk": said}},
    "evidence": lambda said: {"evidence": {"items": [_evidence(custody_note=said)]}},
}
EXACT = [
    "N7654321", "n765 4321", "K1112223", "+679 701 2345", "701-2345", "00679 7012345",
    "MARAIA.T@EXAMPLE.ORG", zone("980314", "K1112223").split("\n")[1],
    "Maraia Seruwaia Testa, born 14 March 1998", "Testa Maraia Seruwaia 14/03/1998",
]  # fmt: skip
LIKELY = [
    "Maraia Seruwaia Testa", "maraia testa", "Seruwaia, Maraia", "Mārāia Seruwaia", "Lusi",
    "12345", "id 4711",
]  # fmt: skip
#: Of a family, a place, a number: nobody is told by these alone.
HARMLESS = [
    "Maraia", "Seruwaia Street", "N7654322", "+679 701 2346", "14 March 1998", "Lusitania",
    "K11122234", "14711", "mail to desk@example.org",
]  # fmt: skip


def _suspect(**fields):
    return {"pid": "s1", "roles": ["SUSPECT"], "names": ["SYNTHETIC Owner"]} | fields


def _evidence(**fields):
    return {"sha256": "0" * 64, "bytes": 1, "media_type": "image/jpeg"} | fields


def alert(compartments=None, victim=VICTIM, distribution=None, **label):
    """Return an alert as another program makes it, with nothing checked."""
    held = {"victims": {"persons": [victim]}, **(compartments or {})}
    return Alert.model_validate(
        {
            "label": make_label(originator=FIJI, **{"minor": "NO"} | label),
            "compartments": held,
            "distribution": {"retention_class": "YEARS_5"} | (distribution or {}),
        }
    )


def refusal(one):
    with pytest.raises(Rejected) as caught:
        refuse_content(one)
    return caught.value.reason.value, caught.value.path


@pytest.mark.parametrize("said", EXACT)
@pytest.mark.parametrize("place", PLACES)
def test_a03_what_can_be_nobody_else_is_refused_with_its_path(place, said):
    one = alert(PLACES[place](said))

    reason, path = refusal(one)

    assert reason == "VICTIM_IDENTIFIED_ELSEWHERE"
    (slot,) = PLACES[place](said)
    assert path.startswith(f"compartments.{slot}.")
    assert said not in path


@pytest.mark.parametrize("said", LIKELY)
@pytest.mark.parametrize("place", [name for name in PLACES if name != "documents"])
def test_a03_what_may_be_somebody_else_is_a_warning_to_confirm(place, said):
    one = alert(PLACES[place](said))

    refuse_content(one)
    with pytest.raises(Unconfirmed) as caught:
        check_content(one, confirmed=False)
    check_content(one, confirmed=True)

    (slot,) = PLACES[place](said)
    assert all(path.startswith(f"compartments.{slot}.") for path, _ in caught.value.found)
    for warning in content_warnings(one):
        text = {leaf.path: leaf.value for leaf in leaves_of(one)}[warning.path]
        assert warning.confirm
        assert text[warning.start : warning.end]


@pytest.mark.parametrize("said", HARMLESS)
@pytest.mark.parametrize("place", PLACES)
def test_a03_what_is_a_relatives_or_a_neighbours_stops_nothing(place, said):
    check_content(alert(PLACES[place](said)), confirmed=False)


def test_a03_the_same_person_as_victim_and_as_suspect():
    named = _suspect(names=["SERUWAIA TESTA Maraia"])
    same_day = alert({"suspects": {"persons": [named | {"born_on": "1998-03-14"}]}})
    other_day = alert({"suspects": {"persons": [named | {"born_on": "1998-03-15"}]}})

    where = "compartments.suspects.persons[0].names[0]"
    assert refusal(same_day) == ("VICTIM_IDENTIFIED_ELSEWHERE", where)
    assert [(w.code, w.path) for w in content_warnings(other_day)] == [
        (Code.VICTIM_NAME_ELSEWHERE, where)
    ]


def test_a03_one_suspect_has_the_name_and_another_the_birth_date():
    others = [_suspect(names=["Maraia Seruwaia Testa"]), _suspect(pid="s2", born_on="1998-03-14")]

    refuse_content(alert({"suspects": {"persons": others}}))


def test_a03_a_default_birth_date_makes_no_two_people_one():
    born = {"born_on": "1970-01-01"}
    one = alert({"suspects": {"persons": [_suspect(names=VICTIM["names"]) | born]}}, VICTIM | born)

    refuse_content(one)


@pytest.mark.parametrize(
    ("compartments", "path"),
    [
        ({"contact": {"desk": "Desk", "phone": "+6797012345"}}, "contact.phone"),
        ({"suspects": {"persons": [_suspect(phones=["+6797012345"])]}}, "persons[0].phones[0]"),
        ({"suspects": {"persons": [_suspect(photo_sha256=PHOTO)]}}, "persons[0].photo_sha256"),
        ({"documents": {"items": [{"kind": "OTHER", "number": "4711"}]}}, "items[0].number"),
        ({"documents": {"items": [{"kind": "PASSPORT", "mrz": zone("980314", "N7654321")}]}},
         "items[0].mrz"),
        ({"documents": {"items": [{"kind": "PASSPORT", "mrz": NAMED_ZONE}]}}, "items[0].mrz"),
        ({"indicators": {"venue": "N7654321"}}, "indicators.venue"),
    ],
)  # fmt: skip
def test_a03_fields_with_a_form_of_their_own_are_looked_at_too(compartments, path):
    reason, where = refusal(alert(compartments))

    assert reason == "VICTIM_IDENTIFIED_ELSEWHERE"
    assert path in where


def test_a03_a_picture_may_be_the_evidence_and_is_asked_about():
    one = alert({"evidence": {"items": [_evidence(sha256=PHOTO)]}})

    (warning,) = content_warnings(one)
    assert (warning.code, warning.path, warning.confirm) == (
        Code.VICTIM_PICTURE_ELSEWHERE,
        "compartments.evidence.items[0].sha256",
        True,
    )


def test_a03_no_text_of_the_model_is_left_out():
    """Each line that the models have, wherever it lies, is searched: new ones too."""
    whole = json.loads(make_alert(originator=FIJI).model_dump_json(exclude_none=True))
    whole["compartments"]["victims"]["persons"] = [VICTIM]
    whole["label"]["minor"] = "NO"
    found = 0
    for leaf in leaves_of(make_alert(originator=FIJI)):
        if leaf.kind is not TEXT or leaf.where[0] == "label" or "victims" in leaf.where:
            continue
        try:
            spoilt = Alert.model_validate(_with(whole, leaf.where, "N7654321"))
        except ValueError:
            continue  # a code, a digest or a phone number: no line
        found += 1
        assert refusal(spoilt) == ("VICTIM_IDENTIFIED_ELSEWHERE", path_of(leaf.where))
    assert found > 10


def _with(value, where, text):
    *parents, last = where
    root = json.loads(json.dumps(value))
    at = root
    for part in parents:
        at = at[part]
    at[last] = text
    return root


class _Record:
    """A record of an intake topic, dated by who wrote it."""

    timestamp, timestamp_type = 0, 0

    def __init__(self, value, key):
        self.value, self.key, self.headers = value, key, ()


@pytest.mark.parametrize("place", PLACES)
def test_a03_accept_opens_and_refuses_what_a_unit_sealed_itself(place):
    one = alert(PLACES[place]("N7654321"))
    record = _Record(sealed(one), str(one.label.alert_id).encode())

    with pytest.raises(Rejected, match="VICTIM_IDENTIFIED_ELSEWHERE at compartments"):
        accept(record, FIJI, NOW, unsealer())


def test_a03_accept_takes_what_its_publisher_confirmed_and_every_cancel():
    named = alert(PLACES["summary"]("Maraia Testa was seen"))
    cancel = alert(PLACES["summary"]("N7654321"), message_type="CANCEL")

    for one in (named, cancel):
        record = _Record(sealed(one), str(one.label.alert_id).encode())
        assert accept(record, FIJI, NOW, unsealer()).alert == decode_alert(
            open_alert(record.value).plain
        )


def test_a03_the_client_asks_before_it_sends_and_says_so_in_the_draft():
    encoder = AlertEncoder(FIJI, bytes(32), None)
    named = alert(PLACES["owner"]("Maraia Testa"))

    with pytest.raises(Unconfirmed):
        payload_of(named, encoder, Form.DRAFT)
    confirmed = json.loads(payload_of(named, encoder, Form.DRAFT, confirmed=True).value)
    plain = json.loads(payload_of(alert(), encoder, Form.DRAFT).value)

    assert confirmed["confirm_warnings"] is True
    assert "confirm_warnings" not in plain
    with pytest.raises(Rejected, match="VICTIM_IDENTIFIED_ELSEWHERE"):
        payload_of(alert(PLACES["owner"]("N7654321")), encoder, Form.SEALED, confirmed=True)


def test_a03_a_client_reads_what_the_gateway_found():
    faults = [
        {"path": "", "code": "WARNINGS_UNCONFIRMED"},
        {"path": "compartments.summary.text", "code": "VICTIM_NAME_ELSEWHERE"},
    ]
    problem = {"type": "x", "title": "x", "status": 422, "code": "WARNINGS_UNCONFIRMED"}
    result = {"alert_id": None, "state": "refused", "errors": faults}
    batch = {"published": 0, "refused": 1, "unavailable": 0, "results": [result]}
    payload = payload_of(alert(), AlertEncoder(FIJI, bytes(32), None), Form.DRAFT)

    one = error_of(422, json.dumps(problem | {"errors": faults}).encode(), None)
    (other,) = outcomes_of(
        [payload], Answer(status=207, headers={}, body=json.dumps(batch).encode())
    )

    for refused in (one, other):
        assert isinstance(refused, Unconfirmed)
        assert refused.found == (("compartments.summary.text", "VICTIM_NAME_ELSEWHERE"),)


def test_a03_a_draft_with_persons_is_searched_when_it_is_made():
    draft = {
        "label": {"originator": FIJI, "tlp": "AMBER", "source_type": "AGENCY"},
        "persons": [VICTIM | {"documents": []}, _suspect(phones=["+6797012345"])],
        "documents": [{"kind": "PASSPORT", "number": "N7654321", "holder": "s1"}],
    }

    with pytest.raises(
        Rejected, match=r"ELSEWHERE at compartments\.suspects\.persons\[0\]\.phones"
    ):
        split(draft)


def test_a02_a_label_that_knows_an_age_better_than_a_default_date_is_asked_about():
    doubtful = alert(victim=VICTIM | {"born_on": "1900-01-01"})
    unsaid = alert(victim={"pid": "p", "roles": ["VICTIM_POSSIBLE"]})

    assert [(w.code, w.path, w.confirm) for w in content_warnings(doubtful)] == [
        (Code.BIRTH_DATE_DOUBTFUL, "compartments.victims.persons[0].born_on", False),
        (Code.MINOR_NOT_SHOWN, "label.minor", True),
    ]
    assert [(w.code, w.confirm) for w in content_warnings(unsaid)] == [
        (Code.MINOR_NOT_SHOWN, False)
    ]


@given(
    st.lists(st.text(min_size=1, max_size=30), max_size=3),
    st.text(min_size=1, max_size=300),
    st.text(min_size=1, max_size=20),
)
def test_a03_no_content_breaks_the_search(names, text, number):
    """Accept waits for any other error than `Rejected`: there must be none."""
    person = VICTIM | {"names": names, "aliases": [number], "documents": []}
    person |= {"documents": [{"kind": "OTHER", "number": number, "holder": "p1"}]}
    try:
        one = alert(PLACES["summary"](text) | PLACES["owner"](number), person)
    except ValueError:
        return  # not as text may be
    with contextlib.suppress(Rejected):
        check_content(one, confirmed=False)
    content_warnings(one)


_NUMBERS = st.from_regex(r"[A-Z]{1,2}[0-9]{6,8}", fullmatch=True)
_FREE = [name for name in PLACES if name != "documents"]


@given(_NUMBERS, st.data())
def test_a03_no_writing_of_a_victims_number_passes(number, data):
    """Invariant a: what is closed in `victims` stands open nowhere, however it is written."""
    parts = data.draw(st.lists(st.sampled_from(["", " ", "-", "."]), min_size=12, max_size=12))
    case = data.draw(st.sampled_from([str.upper, str.lower]))
    said = "".join(f"{char}{part}" for char, part in zip(case(number), parts, strict=False))
    around = data.draw(st.sampled_from(["{}", "no. {}", "papers: {}, hers", "({})"]))
    person = VICTIM | {"documents": [{"kind": "PASSPORT", "number": number, "holder": "p1"}]}
    place = data.draw(st.sampled_from(_FREE))

    one = alert(PLACES[place](around.format(said)), person)

    assert refusal(one)[0] == "VICTIM_IDENTIFIED_ELSEWHERE"


@given(
    st.permutations(["Maraia", "Seruwaia", "Testa"]),
    st.sampled_from([str.upper, str.lower, str.title]),
    st.sampled_from(["14 March 1998", "1998-03-14", "14.03.98", "14/3/1998", "mars 14, 1998"]),
    st.sampled_from(_FREE),
)
def test_a03_no_writing_of_a_name_with_its_birth_date_passes(words, case, day, place):
    one = alert(PLACES[place](f"{case(' '.join(words))} (born {day})"))

    assert refusal(one)[0] == "VICTIM_IDENTIFIED_ELSEWHERE"
