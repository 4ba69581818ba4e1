"""The AsyncAPI document says what the code does, in the standard's own form."""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import jsonschema
import pytest

from broker.asyncapi import asyncapi_document
from broker.cluster.jars import cache_folder
from broker.wire.access import Access
from broker.wire.contents import VALUES, TopicKind
from broker.wire.rights import Kind, Operation
from broker.wire.schema import catalogue
from broker.wire.topics import Topics

FILE = Path(__file__).parent.parent / "docs" / "asyncapi.json"
#: The standard's own JSON schemas (Apache-2.0), as npm has them.
SPECS = "@asyncapi/specs@6.11.1"
IDS = {"originator": "fiji-police", "feed": "ptccc-coordinate"}


@pytest.fixture(scope="module")
def document():
    return asyncapi_document(catalogue())


@pytest.fixture(scope="module")
def standard(tmp_path_factory):
    """The JSON schema of AsyncAPI 3.0.0."""
    kept = cache_folder() / "asyncapi-3.0.0.json"
    if not kept.exists():
        _fetch(kept, tmp_path_factory.mktemp("npm"))
    return json.loads(kept.read_text())


def _fetch(kept, folder):
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("not run: there is no npm to fetch the standard's schema with")
    done = subprocess.run(
        [npm, "pack", SPECS, "--silent"], cwd=folder, capture_output=True, timeout=120, check=False
    )
    archives = list(folder.glob("*.tgz"))
    if done.returncode or not archives:
        pytest.skip("not run: npm cannot fetch the standard's schema")
    with tarfile.open(archives[0]) as archive:
        found = archive.extractfile("package/schemas/3.0.0.json").read()
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(found)


def test_the_file_in_the_documents_is_current(document):
    assert json.loads(FILE.read_text()) == document


def test_it_is_valid_by_the_standards_own_schema(document, standard):
    validator = jsonschema.Draft7Validator(standard)
    assert [error.json_path for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize("spoil", ["channels", "operations", "info"])
def test_the_standards_schema_finds_what_is_wrong(document, standard, spoil):
    broken = {**document, spoil: {"x": {"action": "shout"}} if spoil != "info" else {}}
    assert list(jsonschema.Draft7Validator(standard).iter_errors(broken))


def test_every_reference_leads_somewhere(document):
    references = list(_references(document))
    assert len(references) > 50
    for reference in references:
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place


def _references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def test_channels_are_the_topics_that_are_created_with_their_settings(document):
    specs = Topics().specs([IDS["originator"]], [IDS["feed"]])
    channels = {
        channel["address"].format(**IDS): channel for channel in document["channels"].values()
    }
    assert channels.keys() == {spec.name for spec in specs}
    for spec in specs:
        binding = channels[spec.name]["bindings"]["kafka"]
        config = binding["topicConfiguration"]
        assert binding["partitions"] == spec.partitions
        assert config["cleanup.policy"] == [spec.config["cleanup.policy"]]
        assert config["max.message.bytes"] == int(spec.config["max.message.bytes"])
        days = spec.config.get("retention.ms")
        assert config.get("retention.ms") == (int(days) if days else None)


def test_operations_are_the_rights_that_are_granted(document):
    access = Access(
        Topics(), (IDS["originator"],), {IDS["feed"]: "ptccc"}, (IDS["originator"], "ptccc")
    )
    granted = set()
    for right in access.rights():
        if right.kind is Kind.TOPIC and right.operation in (Operation.READ, Operation.WRITE):
            who = right.principal.split(".")[1] if "role." in right.principal else "unit"
            action = "receive" if right.operation is Operation.READ else "send"
            granted.add((who, action, right.name))
    said = set()
    for operation in document["operations"].values():
        channel = document["channels"][operation["channel"]["$ref"].split("/")[-1]]
        who = operation["tags"][0]["name"]
        said.add((who, operation["action"], channel["address"].format(**IDS)))
    assert said == granted
    assert ("unit", "send", "alerts") not in said


def test_messages_hold_the_catalogues_schemas(document):
    schemas = document["components"]["schemas"]
    messages = document["components"]["messages"]
    for kind in TopicKind:
        named = document["channels"][kind]["messages"]
        wanted = [entry for entry in catalogue() if entry.name in VALUES[kind]]
        assert len(named) == len(wanted)
        assert wanted or kind is TopicKind.CLOCK  # its records hold nothing but their time
        for entry in wanted:
            name = f"{entry.name}-v{entry.version}"
            assert messages[name]["x-lali-schema-id"] == entry.schema_id
            assert schemas[name]["schema"] == entry.avro
