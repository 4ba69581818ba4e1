"""`lali schema check`: a copy of the schemas with one fault planted; each is found and named."""

import json
import shutil

import pytest
from planted_schemas import add, evolve, field, plant

from broker.cli import schema as commands
from broker.resources import shipped
from broker.wire.schema import Catalogue, catalogue, read_catalogue
from broker.wire.schema_check import check_catalogue, incompatibilities
from broker.wire.schema_page import schema_page

SCHEMAS = shipped("schemas")
LATEST = [entry for entry in catalogue() if entry is catalogue().latest(entry.name)]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(SCHEMAS, tmp_path / "schemas")


def where(name):
    return f"{name} v{catalogue().latest(name).version}"


def findings(folder):
    return check_catalogue(read_catalogue(folder))


def test_the_schemas_that_ship_have_no_fault(folder):
    assert check_catalogue(catalogue()) == []
    assert findings(folder) == []


def test_an_optional_field_may_be_added(folder):
    evolve(folder, "receipt", add(name="planted", type=["null", "string"], default=None))

    assert findings(folder) == []


def test_samples_are_tried_against_the_schemas_of_the_folder(folder):
    plant(folder, "receipt", lambda avro: field(avro, "reference").update(type="int"))
    plant(folder, "summary", lambda avro: avro["fields"].remove(field(avro, "headline")))
    plant(folder, "alert", lambda avro: _symbols(avro, "Tlp").remove("AMBER"))

    told = findings(folder)

    for name in ("receipt", "summary", "alert"):
        assert any(f.startswith(f"{where(name)}: ") and ".json: " in f for f in told), name


def _symbols(avro, name):
    """Return the symbols of the enum *name*, wherever it stands in *avro*."""
    if isinstance(avro, list):
        return next(filter(None, (_symbols(part, name) for part in avro)), None)
    if not isinstance(avro, dict):
        return None
    if avro.get("name") == name and "symbols" in avro:
        return avro["symbols"]
    return _symbols(list(avro.values()), name)


EVOLUTIONS = {
    "a required field added": (
        "new",
        add(name="planted", type="string"),
        "reader_field_missing_default_value",
    ),
    "a required field removed": (
        "old",
        lambda avro: avro["fields"].remove(field(avro, "reference")),
        "reader_field_missing_default_value",
    ),
    "a text that became a number": (
        "both",
        lambda avro: field(avro, "reference").update(type="int"),
        "type_mismatch",
    ),
    "a number that grew": (
        "old",
        lambda avro: field(avro, "revision").update(type="long"),
        "type_mismatch",
    ),
    "another record's name": ("both", lambda avro: avro.update(name="Other"), "name_mismatch"),
}


@pytest.mark.parametrize("name", EVOLUTIONS)
def test_a_version_that_the_other_cannot_read_is_named(folder, name):
    which, change, kind = EVOLUTIONS[name]
    before = catalogue().latest("receipt").version
    after = evolve(folder, "receipt", change)

    found = [finding for finding in findings(folder) if "cannot read" in finding]

    starts = {
        "new": [f"receipt: v{after} cannot read v{before}: {kind}"],
        "old": [f"receipt: v{before} cannot read v{after}: {kind}"],
    }
    starts["both"] = starts["new"] + starts["old"]
    assert len(found) == len(starts[which]), found
    assert all(any(f.startswith(start) for f in found) for start in starts[which]), found


@pytest.mark.parametrize("entry", LATEST, ids=lambda entry: entry.name)
def test_every_schema_can_read_itself(entry):
    assert incompatibilities(entry.avro, entry.avro) == []


def test_a_field_of_an_alert_that_nothing_owns_is_named(folder):
    plant(folder, "alert", add(name="notes", type=["null", "string"], default=None))

    expected = "alert: no compartment, label or distribution owns the field notes"
    assert expected in findings(folder)


def swap(avro):
    avro["fields"].sort(key=lambda field: field["name"] not in ("label", "compartments"))


def test_routing_fields_that_do_not_come_first_are_found(folder):
    plant(folder, "alert", swap)

    assert any(f.startswith("alert: label and distribution come first") for f in findings(folder))


def turn_label(avro):
    head = avro["fields"][0]["type"]["fields"]
    head[0], head[1] = head[1], head[0]


def test_a_label_that_begins_otherwise_is_found(folder):
    plant(folder, "alert", turn_label)

    expected = "alert: a label begins with alert_id, revision, originated_at, expires_at"
    assert expected in findings(folder)


def turn_slots(slots):
    slots[2]["name"], slots[3]["name"] = slots[3]["name"], slots[2]["name"]


@pytest.mark.parametrize("change", [turn_slots, list.pop], ids=["two turned", "one gone"])
def test_slots_out_of_order_or_missing_are_found(folder, change):
    plant(folder, "alert", lambda avro: change(field(avro, "compartments")["type"]["fields"]))

    assert "alert: the slots are not the compartments in their order" in findings(folder)


def test_a_compartment_without_a_schema_is_named():
    without = Catalogue([entry for entry in catalogue() if entry.name != "victims"])

    assert check_catalogue(without) == ["victims: a compartment without a schema"]


def test_a_schema_that_refers_to_itself_is_named(folder):
    plant(folder, "receipt", add(name="before", type=["null", "Receipt"], default=None))

    assert f"{where('receipt')}: refers to itself: Receipt" in findings(folder)


def test_a_map_is_refused(folder):
    plant(folder, "receipt", add(name="more", type={"type": "map", "values": "string"}))

    assert any(f.startswith(f"{where('receipt')}: maps are not used") for f in findings(folder))


@pytest.mark.parametrize("entry", list(catalogue()), ids=lambda e: f"{e.name} v{e.version}")
def test_an_edited_file_is_named_even_for_a_blank(folder, entry):
    file = folder / entry.file.relative_to(SCHEMAS)
    file.write_text(file.read_text() + " ")

    expected = "the file was edited after its digest was pinned: make a new version"
    assert findings(folder) == [f"{entry.name} v{entry.version}: {expected}"]


def test_a_schema_without_samples_is_named(folder):
    shutil.rmtree(folder / "receipt" / "samples")

    assert findings(folder) == [f"{where('receipt')}: no sample"]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("receipt", "{", "JSONDecodeError"),
        ("receipt", "{}", ""),
        ("alert", "{}", "FIELD_MISSING"),
        ("victims", '{"persons": [{"pid": "p1", "roles": ["SUSPECT"]}]}', "NOT_A_VICTIM"),
        ("summary", '{"headline": "SYNTHETIC", "SYNTHETIC": 1}', "FIELD_UNKNOWN"),
    ],
)
def test_a_sample_that_is_not_what_the_schema_says_is_named(folder, name, text, fault):
    (folder / name / "samples" / "planted.json").write_text(text)

    told = [f for f in findings(folder) if f.startswith(f"{where(name)}: planted.json: {fault}")]

    assert len(told) == 1
    assert "SYNTHETIC" not in told[0]


def test_an_id_or_a_file_that_appears_twice_is_refused(folder):
    rows = folder / "catalogue.toml"
    text = rows.read_text()
    first = text[text.index("[[schema]]") :].split("\n\n")[0]

    rows.write_text(f"{text}\n{first.replace('alert', 'again')}\n".replace("again/", "alert/"))
    with pytest.raises(ValueError, match="schema_id appears twice"):
        read_catalogue(folder)
    rows.write_text(f"{text}\n{first.replace('id = ', 'id = 90')}\n")
    with pytest.raises(ValueError, match="file appears twice"):
        read_catalogue(folder)


def test_the_command_prints_each_finding_and_fails(folder, capsys):
    with pytest.raises(SystemExit) as clean:
        commands.check(schemas=folder)
    shutil.rmtree(folder / "receipt" / "samples")
    with pytest.raises(SystemExit) as faulty:
        commands.check(schemas=folder, json=True)

    assert (clean.value.code, faulty.value.code) == (0, 1)
    printed = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert printed == {
        "schemas": len(list(catalogue())),
        "findings": [f"{where('receipt')}: no sample"],
    }


def test_the_page_is_what_the_command_writes(tmp_path, folder):
    page = SCHEMAS.parent / "docs" / "schema.md"
    commands.docs(out=tmp_path / "written.md")

    assert page.read_text() == (tmp_path / "written.md").read_text() == schema_page(catalogue())


def test_a_stale_page_is_found(folder, capsys):
    page = folder.parent / "docs" / "schema.md"
    page.parent.mkdir()
    page.write_text("stale")

    with pytest.raises(SystemExit) as checked:
        commands.check(schemas=folder)
    with pytest.raises(SystemExit) as compared:
        commands.docs(out=page, check=True)

    assert (checked.value.code, compared.value.code) == (1, 1)
    assert "docs/schema.md is stale: run `lali schema docs`" in capsys.readouterr().out
    assert page.read_text() == "stale"
