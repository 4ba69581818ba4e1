"""Examples of the API's documentation; a test sends each of them to a running gateway."""

from typing import Any

ALERT_ID = "7b0c1f6e-33a8-4e4f-9a53-1f0d8c1f4d52"

DRAFT: dict[str, Any] = {
    "label": {
        "tlp": "AMBER",
        "source_type": "AGENCY",
        "urgency": "EXPECTED",
        "exploitation": ["FORCED_LABOUR"],
        "minor": "NO",
        "consent": "NOT_APPLICABLE",
        "countries_origin": ["VU"],
        "countries_transit": ["FJ"],
        "countries_destination": ["WS"],
        "conveyance_kinds": ["VESSEL"],
    },
    "compartments": {"summary": {"headline": "SYNTHETIC: crew of a longliner without papers"}},
}

PUBLISHED: dict[str, Any] = {"alert_id": ALERT_ID, "revision": 1, "state": "published"}
