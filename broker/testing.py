"""Builders for tests, shipped for authors of connectors too. All values are visibly synthetic."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from broker.model.alert import Alert
from broker.model.compartment import ALL_COMPARTMENTS
from broker.model.release import Release
from broker.pipeline.project import Projector, encode_moment, recall
from broker.protect.recall_seal import RecallStatement
from broker.wire.alert_bytes import read_attributes, read_head
from broker.wire.alert_codec import encode_alert
from broker.wire.release_bytes import encode_acknowledge

#: A moment all builders count from, far from any real case.
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def make_label(**overrides: Any) -> dict[str, Any]:
    """Return a label as a person would write it, an ordinary fishing case."""
    label: dict[str, Any] = {
        "alert_id": uuid4(),
        "revision": 1,
        "originated_at": NOON,
        "expires_at": NOON + timedelta(days=1826),
        "originator": "fiji-immigration",
        "tlp": "AMBER",
        "source_type": "AGENCY",
        "urgency": "EXPECTED",
        "exploitation": ["FORCED_LABOUR"],
        "acts": ["RECRUITMENT", "TRANSPORTATION"],
        "means": ["DECEPTION"],
        "sectors": ["FISHING"],
        "minor": "NO",
        "consent": "NOT_APPLICABLE",
        "at_risk": "NO",
        "in_transit": "NO",
        "countries_origin": ["VU"],
        "countries_transit": ["FJ"],
        "countries_destination": ["WS"],
        "conveyance_kinds": ["VESSEL"],
    }
    return label | overrides


def make_compartments(mark: str = "SYNTHETIC") -> dict[str, Any]:
    """Return content for all compartments; every text carries *mark* and the slot."""

    def text(slot: str) -> str:
        return f"{mark}-{slot}"

    return {
        "summary": {"headline": text("summary"), "text": text("summary")},
        "indicators": {
            "observed": [{"code": text("indicators"), "dimension": "EXPLOITATION"}],
            "controls": ["WithholdsDocuments"],
        },
        "victim_profile": {"count": 2, "age_bands": ["AGE_24_26"], "needs": [text("profile")]},
        "victims": {
            "persons": [
                {
                    "pid": "p1",
                    "roles": ["VICTIM_POSSIBLE", "SUSPECT"],
                    "names": [text("victims")],
                    "documents": [{"kind": "PASSPORT", "number": text("victims")}],
                }
            ]
        },
        "suspects": {"persons": [{"pid": "p2", "roles": ["SUSPECT"], "names": [text("suspects")]}]},
        "documents": {"items": [{"kind": "VISA", "number": text("documents"), "holder": "p2"}]},
        "conveyances": {"items": [{"kind": "VESSEL", "name": text("conveyances")}]},
        "movement": {"legs": [{"kind": "TRANSIT", "locode": "FJSUV"}]},
        "assessment": {"text": text("assessment")},
        "source": {"organisation": text("source"), "text": text("source")},
        "evidence": {
            "items": [
                {
                    "sha256": "0" * 64,
                    "bytes": 1,
                    "media_type": "image/jpeg",
                    "locator": text("evidence"),
                }
            ]
        },
        "contact": {"desk": text("contact"), "phone": "+6799990000"},
        "places": {"items": [{"leg": 0, "name": text("places"), "address": text("places")}]},
        "owners": {"items": [{"conveyance": 0, "owner": text("owners")}]},
        "safe_contact": {"how": text("safe_contact")},
    }


def make_alert(
    *,
    distribution: dict[str, Any] | None = None,
    compartments: dict[str, Any] | None = None,
    mark: str = "SYNTHETIC",
    **label: Any,
) -> Alert:
    """Return an alert, of the longest life there is; keywords override fields of its label."""
    return Alert.model_validate(
        {
            "label": make_label(**label),
            "distribution": {"retention_class": "YEARS_5", **(distribution or {})},
            "compartments": make_compartments(mark) if compartments is None else compartments,
        }
    )


def make_release(alert: Alert, mask: int = ALL_COMPARTMENTS) -> Release:
    """Return the release of *alert* that shows the compartments in *mask*."""
    value = encode_alert(alert)
    start = read_head(value)[3]
    _, label_end, slots_at = read_attributes(value, start)
    moment = encode_moment(int(NOON.timestamp() * 1000))
    projector = Projector(value, alert.label.revision, label_end, slots_at, moment)
    return projector.project(mask, encode_acknowledge(None))


def make_recall(alert_id: UUID, revision: int) -> Release:
    """Return the recall that *revision* of an alert causes."""
    said = RecallStatement("", alert_id.bytes, revision, int(NOON.timestamp() * 1000))
    return recall(said, None)


def alert_id_of(number: int) -> UUID:
    """Return the same version 4 UUID for the same *number*, every time."""
    return UUID(int=(number << 80) | (4 << 76) | (2 << 62) | number)
