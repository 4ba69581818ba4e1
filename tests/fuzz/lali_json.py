"""One document of Lali JSON, through to the alert that it describes."""

import json

from fuzz import samples
from fuzz.harness import MARK, Target
from fuzz.keys import UNIT

from broker.pipeline.publish import split
from broker.testing import NOON
from connectors.intake.lali_json import parse


def read(data):
    split(parse(data), lambda: NOON)


def seeds():
    people = {
        "label": {"originator": UNIT, "tlp": "AMBER", "source_type": "AGENCY"},
        "persons": [{"pid": "p1", "roles": ["VICTIM_POSSIBLE"], "names": [MARK]}],
        "documents": [{"kind": "PASSPORT", "number": MARK, "holder": "p1"}],
    }
    whole = {name: a.model_dump_json().encode() for name, a in samples.alerts().items()}
    return whole | {"persons": json.dumps(people).encode()}


TARGET = Target(read, seeds, most_bytes=512)
