"""A4: exact places and private names are parts of their own; A7: the legal basis is a code."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import Rejected
from broker.model.alert import Compartments
from broker.model.compartment import (
    ALL_COMPARTMENTS,
    COMPARTMENTS,
    EXACT_PART_OF,
    Compartment,
    compartments_in,
    mask_of,
    shown_unparted,
)
from broker.model.free_lines import free_lines, parts_with_free_lines
from broker.model.label import Distribution
from broker.model.reason import Reason
from broker.pipeline.project import Projector, encode_moment, narrow, read_release
from broker.pipeline.publish import split
from broker.policy.actions import FREE_LINES, groups_of
from broker.policy.bundle import load_bundle
from broker.policy.lint import lint
from broker.resources import shipped
from broker.testing import NOON, make_alert, make_label
from broker.wire import codec
from broker.wire.alert_bytes import read_attributes, read_head
from broker.wire.alert_codec import (
    SCHEMA_NAMES,
    commitment,
    decode_alert,
    decode_release,
    encode_alert,
    to_record,
)
from broker.wire.release_bytes import encode_acknowledge
from broker.wire.schema import catalogue

ROOM = "SYNTHETIC kept in Room 4, Blue Lagoon Guesthouse, Nadi"
AT = encode_moment(round(NOON.timestamp() * 1000))
OLD = next(e for e in catalogue() if (e.name, e.version) == ("alert", 2))
FIRST = {e.name: e for e in catalogue() if e.version == 1}
#: What was written with exact parts in their old places.
WRITTEN = {
    "movement": {"legs": [{"kind": "TRANSIT", "locode": "FJSUV", "place": ROOM}]},
    "conveyances": {"items": [{"kind": "VESSEL", "name": "Testa Maru 88", "owner": ROOM}]},
    "contact": {"desk": "SYNTHETIC desk", "safe_contact": ROOM},
}


def mask(*names):
    return mask_of(Compartment(name) for name in names)


def old_alert(contents=WRITTEN):
    """Return an alert of twelve slots as it was written before exact parts had their own."""
    record = codec.decode(encode_alert(make_alert(compartments={})), "alert")
    for name in COMPARTMENTS[:12]:
        salted = bytes(32)
        if name.value in contents:
            entry = FIRST[SCHEMA_NAMES[name]]
            salted += codec.encode_version(entry, OLD_FIELDS[name.value] | contents[name.value])
        slot = {"commitment": commitment(name.value, salted)}
        record["compartments"][name.value] = slot | {"content": salted if salted[32:] else None}
    return codec.encode_version(OLD, record)


OLD_FIELDS = {"contact": {"do_not_approach": False}, "movement": {}, "conveyances": {}}
WRITTEN_OLD = WRITTEN | {
    "conveyances": {"items": [{**WRITTEN["conveyances"]["items"][0], "past_flags": []}]}
}


def projected(value, seen):
    start = read_head(value)[3]
    _, label_end, slots_start = read_attributes(value, start)
    return Projector(value, 1, label_end, slots_start, AT).project(seen, encode_acknowledge(None))


def test_a04_what_is_written_in_the_old_places_becomes_parts_of_its_own():
    found = Compartments.model_validate(WRITTEN)

    assert found.places.items[0].model_dump() == {"leg": 0, "name": ROOM, "address": None}
    assert found.owners.items[0].model_dump() == {"conveyance": 0, "owner": ROOM}
    assert found.safe_contact.how == ROOM
    for name in EXACT_PART_OF:
        assert ROOM not in getattr(found, name).model_dump_json()


def test_a04_a_draft_is_parted_at_every_door_that_splits_one():
    label = {"originator": "fiji-police", "tlp": "AMBER", "source_type": "AGENCY"}
    alert = split({"label": label, "compartments": WRITTEN})

    assert {name.value for name in COMPARTMENTS if getattr(alert.compartments, name)} == {
        "movement", "conveyances", "contact", "places", "owners", "safe_contact",
    }  # fmt: skip


@pytest.mark.parametrize("field", ["name", "carrier", "number", "call_sign"])
def test_a04_a_sentence_is_no_name_that_a_register_has(field):
    item = {"kind": "VESSEL", field: ROOM}

    with pytest.raises(Rejected) as refused:
        split({"label": make_label(), "compartments": {"conveyances": {"items": [item]}}})

    assert refused.value.path == f"compartments.conveyances.items[0].{field}"
    assert ROOM not in str(refused.value)


@given(seen=st.integers(0, ALL_COMPARTMENTS))
@settings(max_examples=200)
def test_a04_no_byte_of_an_exact_part_leaves_with_its_route_register_or_desk(seen):
    value = encode_alert(make_alert(compartments=WRITTEN))

    release = projected(value, seen)

    exact = seen & mask("places", "owners", "safe_contact")
    assert (ROOM.encode() in release.value) == bool(exact)
    assert decode_release(release.value).compartments.mask == release.profile


@given(seen=st.integers(0, ALL_COMPARTMENTS), later=st.integers(0, ALL_COMPARTMENTS))
@settings(max_examples=200)
def test_a04_an_older_alert_shows_a_route_only_to_who_may_see_its_places(seen, later):
    value = old_alert(WRITTEN_OLD)

    release = projected(value, seen)

    may_see = set(compartments_in(seen))
    for whole, exact in EXACT_PART_OF.items():
        assert (whole in set(compartments_in(release.profile))) == ({whole, exact} <= may_see)
    assert (ROOM.encode() in release.value) == bool(release.profile)
    narrowed = narrow(read_release(release.value), later)
    assert narrowed.profile == shown_unparted(later) & release.profile
    assert (ROOM.encode() in narrowed.value) == bool(narrowed.profile)


def test_a04_an_older_alert_is_accepted_and_read_with_its_exact_parts_apart():
    value = old_alert(WRITTEN_OLD)

    alert = decode_alert(value)
    shown = decode_release(projected(value, ALL_COMPARTMENTS).value).compartments

    assert alert.compartments == shown == Compartments.model_validate(WRITTEN)


def test_a04_a_name_that_no_register_has_stays_readable_in_an_older_alert():
    item = {"kind": "VESSEL", "name": ROOM, "past_flags": []}
    value = old_alert({"conveyances": {"items": [item]}})

    found = decode_alert(value).compartments

    assert found.conveyances.items[0].name is None
    assert found.owners.items[0].owner == ROOM


def test_a04_an_exact_part_in_its_old_place_is_refused_in_an_alert_of_today():
    record = codec.decode(encode_alert(make_alert(compartments={})), "alert")
    salted = bytes(32) + codec.encode_version(FIRST["movement"], WRITTEN["movement"])
    record["compartments"]["movement"] = {
        "commitment": commitment("movement", salted),
        "content": salted,
    }

    with pytest.raises(Rejected) as refused:
        decode_alert(codec.encode("alert", record))

    assert (refused.value.reason, refused.value.path) == (
        Reason.SCHEMA_UNEXPECTED,
        "compartments.movement",
    )


def test_a04_every_free_line_lies_in_the_group_that_says_so():
    bundle = load_bundle(shipped("policies") / "pacific")
    groups = groups_of(bundle.schema, (FREE_LINES,))

    grouped = {name for name in COMPARTMENTS if FREE_LINES in groups[f"see_{name.value}"]}

    assert grouped == parts_with_free_lines()
    assert free_lines(Compartment.MOVEMENT) == free_lines(Compartment.INDICATORS) == ()
    assert "items.name" in free_lines(Compartment.PLACES)


def test_a04_a_part_with_a_free_line_outside_that_group_is_an_error_of_the_bundle(tmp_path):
    bundle = Path(tmp_path) / "bundle"
    pacific = shipped("policies") / "pacific"
    for file in pacific.rglob("*"):
        target = bundle / file.relative_to(pacific)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file():
            target.write_bytes(file.read_bytes())
    schema = bundle / "schema.cedarschema"
    schema.write_text(
        schema.read_text().replace(
            '"see_owners"\n    in [Action::"see_exact", Action::"see_free_lines"]',
            '"see_owners"\n    in [Action::"see_exact"]',
        )
    )

    texts = [finding.text for finding in lint(load_bundle(bundle), [])]

    assert any("see_owners is not in see_free_lines" in text for text in texts)


@pytest.mark.parametrize("basis", [ROOM, "Consent of SYNTHETIC Testi-Moala, 12 March", ""])
def test_a07_the_legal_basis_is_a_code_and_never_words(basis):
    draft = {"label": make_label(), "distribution": {"legal_basis": basis}, "compartments": {}}

    with pytest.raises(Rejected) as refused:
        split(draft)

    assert (refused.value.reason, refused.value.path) == (
        Reason.CODE_UNKNOWN,
        "distribution.legal_basis",
    )
    assert "SYNTHETIC" not in str(refused.value)


def test_a07_words_that_came_on_the_wire_are_refused_before_they_go_further():
    alert = make_alert(compartments={})
    record = codec.decode(encode_alert(alert), "alert")
    record["distribution"]["legal_basis"] = ROOM

    with pytest.raises(Rejected) as refused:
        decode_alert(codec.encode("alert", record))

    assert refused.value.path == "distribution.legal_basis"


def test_a07_a_code_is_taken_and_listed_for_every_door():
    code = "PALERMO_ARTICLE_10"

    assert Distribution(legal_basis=code).legal_basis == code
    assert json.loads(json.dumps(to_record(Distribution(legal_basis=code)))) is not None
