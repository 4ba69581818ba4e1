"""A file of JSON Lines."""

import json

from fuzz.harness import MARK, Target, refuse_values, scratch

from connectors.intake.lali_json import read_lines


def read(data):
    file = scratch("alerts.jsonl")
    file.write_bytes(data)
    for found in read_lines(file):
        if found.refusal:
            refuse_values(found.refusal)


def seeds():
    label = {"originator": "fiji-police", "tlp": "AMBER", "source_type": "AGENCY"}
    person = {"pid": "p1", "roles": ["VICTIM_POSSIBLE"], "names": [MARK]}
    line = json.dumps({"label": label, "persons": [person]}).encode()
    return {"two": line + b"\r\n\n" + line, "one-is-bad": b"{}\n{" + MARK.encode() + b"\n{}\n"}


TARGET = Target(read, seeds, most_bytes=512)
