"""A file of JSON Lines."""

from fuzz.harness import MARK, Target, refuse_values, scratch

from broker.testing import make_label
from connectors.intake.lali_json import read_lines


def read(data):
    file = scratch("alerts.jsonl")
    file.write_bytes(data)
    for found in read_lines(file):
        if found.refusal:
            refuse_values(found.refusal)


def seeds():
    label = str(sorted(make_label(alert_id=MARK, originated_at="", expires_at=""))).encode()
    line = b'{"label": ' + label.replace(b"'", b'"') + b', "persons": [{"pid": "p1"}]}'
    return {"two": line + b"\r\n\n" + line, "one-is-bad": b"{}\n{" + MARK.encode() + b"\n{}\n"}


TARGET = Target(read, seeds, most_bytes=512)
