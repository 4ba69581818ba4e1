"""The envelope: one report for each alert and feed, in as many versions as there are revisions."""

from collections.abc import Sequence
from typing import Any

from broker.model.codes import Answer, Status
from broker.model.label import Label
from broker.stix.frame import Frame, StixObject, hyphened, timestamp, words
from broker.stix.shared import BROKER_ID

#: ISO 639-3 to the codes that STIX's `lang` takes (RFC 5646 has the shortest code only).
LANGUAGES = {
    "eng": "en", "fra": "fr", "zho": "zh", "hin": "hi", "spa": "es", "por": "pt", "ind": "id",
    "vie": "vi", "jpn": "ja", "kor": "ko", "tha": "th",
}  # fmt: skip


def report(frame: Frame, label: Label, refs: Sequence[str]) -> StixObject:
    """Return the report on a release.

    Args:
        frame: Of the release.
        label: Its label.
        refs: Ids of everything that is shown with it.
    """
    shown = frame.view.compartments
    summary = shown.summary
    headline = summary.headline if summary else _headline(label)
    drill = "" if label.status is Status.ACTUAL else f"{label.status.value}: "
    return frame.made(
        "report", "report", _parts(frame),
        name=drill + headline,
        description=_description(frame),
        lang=LANGUAGES.get(summary.language) if summary else "en",
        report_types=["threat-report"],
        published=timestamp(label.originated_at),
        labels=_labels(frame, label),
        external_references=_reference(frame),
        object_refs=list(refs),
    )  # fmt: skip


def recalled_report(frame: Frame) -> StixObject:
    """Return the version of the report that takes it back, and says nothing else."""
    return frame.made(
        "report", "report", _parts(frame),
        name="Recalled: stop using this alert and ask its originator",
        report_types=["threat-report"],
        published=frame.modified,
        revoked=True,
        external_references=_reference(frame),
        object_refs=[BROKER_ID],
    )  # fmt: skip


def _reference(frame: Frame) -> list[dict[str, str]]:
    return [{"source_name": "lali", "external_id": str(frame.view.alert_id)}]


def _headline(label: Label) -> str:
    kinds = ", ".join(words(kind) for kind in label.exploitation if kind != "UNKNOWN")
    return f"Suspected human trafficking: {kinds or 'form of exploitation unknown'}"


def _description(frame: Frame) -> str | None:
    if frame.view.sealed:
        return "The content is sealed. The feed's own key opens the record in the extension."
    summary = frame.view.compartments.summary
    return summary.text if summary else None


def _parts(frame: Frame) -> dict[str, Any]:
    view = frame.view
    shown = view.compartments
    return {
        "kind": view.kind,
        "feed": frame.feed,
        "alert_id": view.alert_id,
        "revision": view.revision,
        "released_at": view.released_at,
        "acknowledge_within_seconds": view.acknowledge_within_seconds,
        "sealed": view.sealed or None,
        "record": view.record if view.sealed else None,
        "label": view.label,
        "summary": shown.summary,
        "movement": shown.movement,
    }


def _labels(frame: Frame, label: Label) -> list[str]:
    """Return the label's codes as words to filter by; an UNKNOWN says nothing."""
    coded = {
        "status": (label.status,) if label.status is not Status.ACTUAL else (),
        "urgency": (label.urgency,),
        "severity": (label.severity,),
        "action": (label.permitted_action,),
        "caveat": label.caveats,
        "exploitation": label.exploitation,
        "sector": label.sectors,
        "conveyance": label.conveyance_kinds,
        "origin": label.countries_origin,
        "transit": label.countries_transit,
        "destination": label.countries_destination,
    }
    found = [
        f"{name}:{hyphened(code)}"
        for name, codes in coded.items()
        for code in dict.fromkeys(codes)
        if code != "UNKNOWN"
    ]
    answers = {"minor": label.minor, "at-risk": label.at_risk, "in-transit": label.in_transit}
    found += [name for name, answer in answers.items() if answer is Answer.YES]
    contact = frame.view.compartments.contact
    warning = ["do-not-approach"] if contact and contact.do_not_approach else []
    return ["human-trafficking", *warning, *found]
