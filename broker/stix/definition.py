"""The property extension: what Lali says that STIX has no place for, and its definition.

Each object carries the part of the release that it stands for, with Lali's own names and
codes. The parts of all objects together are the whole release: nothing is lost in STIX.
"""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema

from broker.model import content
from broker.model.base import Base64, Id, Model, Moment
from broker.model.compartment import Compartment
from broker.model.label import Label
from broker.model.release import ReleaseKind
from broker.stix.shared import BROKER_ID, CREATED

EXTENSION_ID = "extension-definition--6a3f0e4c-59b7-4d0e-8f53-2c9d1b7e4a86"
VERSION = "1.1.0"

#: Where the definition lies in `schemas/`, and below the TAXII server.
SCHEMA_FILE = "property-extension.json"
DEFINITION_FILE = "extension-definition.json"


class Travel(content.Conveyance):
    """A conveyance; STIX wants names of three letters and more."""

    on: date | None = Field(
        None, serialization_alias="travels_on", description="Day of the voyage or flight."
    )


class Extension(Model):
    """The part of a release that one STIX object stands for."""

    extension_type: Literal["property-extension"] = "property-extension"
    kind: ReleaseKind | None = Field(None, description="On the report: RELEASE or RECALL.")
    feed: Id | None = Field(None, description="On the report: the feed whose view this is.")
    alert_id: UUID | None = Field(None, description="On the report and on files.")
    revision: int | None = Field(None, description="On the report and on files.")
    released_at: Moment | None = Field(None, description="On the report.")
    acknowledge_within_seconds: int | None = Field(
        None, description="On the report: the recipient must acknowledge within this time."
    )
    sealed: bool | None = Field(
        None, description="On the report: the content is in `record`, which only the feed opens."
    )
    record: Base64 | None = Field(None, description="The framed release, base64, if sealed.")
    label: Label | None = Field(None, description="On the report: the label, whole.")
    compartment: Compartment | None = Field(
        None, description="The compartment that this object shows a part of."
    )
    summary: content.Summary | None = Field(None, description="On the report.")
    movement: content.Movement | None = Field(None, description="On the report: the route.")
    victim_profile: content.VictimProfile | None = Field(None, description="On a group.")
    person: content.Person | None = Field(None, description="On an individual.")
    conveyance: Travel | None = Field(None, description="On an infrastructure.")
    indicators: content.Indicators | None = Field(None, description="On a note.")
    document: content.Document | None = Field(None, description="On a note.")
    assessment: content.Assessment | None = Field(None, description="On a note.")
    source: content.Source | None = Field(None, description="On a note.")
    contact: content.Contact | None = Field(None, description="On a note.")
    places: content.Places | None = Field(None, description="On a note.")
    owners: content.Owners | None = Field(None, description="On a note.")
    safe_contact: content.SafeContact | None = Field(None, description="On a note.")
    evidence: content.EvidenceItem | None = Field(None, description="On a file.")


def extension(**parts: Any) -> dict[str, Any]:
    """Return the extension with *parts*, as a value of `extensions`."""
    made = Extension.model_construct(**parts)
    dumped = made.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
    return {EXTENSION_ID: _without_empty({"extension_type": "property-extension"} | dumped)}


def extension_definition() -> dict[str, Any]:
    """Return the STIX object that defines the extension."""
    return {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": EXTENSION_ID,
        "created_by_ref": BROKER_ID,
        "created": CREATED,
        "modified": CREATED,
        "name": "Lali alert",
        "description": "Alerts of suspected human trafficking: label, persons, conveyances, "
        "documents, route, indicators, evidence and contact, with the codes of HTCDS 2.0, the "
        "Palermo Protocol, ILO, CAP 1.2, IEP 2.0 and the Admiralty scale.",
        "schema": f"The JSON Schema (draft 2020-12) that ships with Lali as schemas/stix/"
        f"{SCHEMA_FILE}, and that every TAXII server of Lali serves as /taxii2/{SCHEMA_FILE}.",
        "version": VERSION,
        "extension_types": ["property-extension"],
    }


def extension_schema() -> dict[str, Any]:
    """Return the JSON Schema of the extension."""
    schema = Extension.model_json_schema(mode="serialization")
    schema["required"] = ["extension_type"]
    head = {"$schema": GenerateJsonSchema.schema_dialect, "$id": f"urn:lali:stix:{EXTENSION_ID}"}
    return {**head, **schema, "title": "Lali alert", "version": VERSION}


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_empty(each) for name, each in value.items() if each != []}
    return value
