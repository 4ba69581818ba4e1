"""Examples of the API's documentation; a test sends each of them to a running gateway."""

import json
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

#: A batch, one draft a line.
LINES: str = "".join(json.dumps({"label": DRAFT["label"]}) + "\n" for _ in range(2))

CONSENT: dict[str, Any] = {"consent": "WITHDRAWN"}

RECEIPTS: dict[str, Any] = {
    "receipts": [
        {"alert_id": ALERT_ID, "revision": 1, "state": "ACKNOWLEDGED"},
        {"alert_id": ALERT_ID, "revision": 1, "state": "REFUSED", "reason": "NOT_OURS"},
    ]
}

RECORDED: dict[str, Any] = {
    "results": [
        {"alert_id": ALERT_ID, "revision": 1, "recorded": True, "errors": []},
        {"alert_id": ALERT_ID, "revision": 1, "recorded": True, "errors": []},
    ]
}

STANDING: dict[str, Any] = {
    "alert_id": ALERT_ID,
    "state": "ACCEPTED",
    "revisions": [
        {"revision": 1, "state": "ACCEPTED", "at": "2026-06-01T12:00:00Z", "message_type": "ALERT"}
    ],
    "feeds": 8,
    "waiting": 0,
    "waiting_for": [],
    "recalled": 0,
    "recalls_taken": 0,
    "delivered": 2,
    "received": 2,
    "acknowledged": 1,
    "acted_upon": 0,
    "refused": 0,
}

FEEDS: dict[str, Any] = {
    "feeds": [{"feed": "samoa-tcu-investigate", "purpose": "INVESTIGATE", "operational": True}]
}


def body(example: dict[str, Any]) -> dict[str, Any]:
    """Return what adds *example* to the JSON that a route takes."""
    return {"requestBody": {"content": {"application/json": {"example": example}}}}


def answered(status: int, example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Return what adds *example* to the JSON that a route answers with *status*."""
    return {status: {"content": {"application/json": {"example": example}}}}
