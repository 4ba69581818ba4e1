"""The file beside a sheet that holds its label; the first byte says TOML or JSON."""

import json

from fuzz.harness import MARK, Target, scratch

from connectors.intake.label_file import read_label_file

TOML = f"""
[label]
originator = "fiji-police"
tlp = "AMBER"
exploitation = ["FORCED_LABOUR"]
originated_at = 2026-06-01T12:00:00Z
[distribution]
legal_basis = '''{MARK}'''
[compartments.summary]
headline = "{MARK}"
"""


def read(data):
    file = scratch("cases.csv.label.json" if data[:1] == b"{" else "cases.csv.label.toml")
    file.write_bytes(data)
    read_label_file(file)


def seeds():
    draft = {"label": {"originator": "fiji-police"}, "distribution": {"legal_basis": MARK}}
    return {"toml": TOML.encode(), "json": json.dumps(draft).encode()}


TARGET = Target(read, seeds, most_bytes=256)
