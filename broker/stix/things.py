"""Conveyances, places and evidence: infrastructure, locations and files."""

from broker.model.codelists import COUNTRIES
from broker.model.compartment import Compartment
from broker.model.content import Conveyance, Conveyances, Evidence, EvidenceItem, Leg, Movement
from broker.stix.definition import Travel, extension
from broker.stix.frame import Frame, StixObject, keyed, words
from broker.stix.identifiers import observable_id
from broker.stix.shared import country

#: Registered types that evidence comes in. STIX takes registered ones only; any other type is
#: in the extension.
MEDIA_TYPES = frozenset(
    "application/json application/pdf application/rtf application/zip audio/aac audio/mp4 "
    "audio/mpeg audio/ogg image/bmp image/gif image/heic image/jpeg image/png image/svg+xml "
    "image/tiff image/webp message/rfc822 text/csv text/html text/plain video/mp4 video/mpeg "
    "video/ogg video/quicktime".split()
)


def infrastructures(frame: Frame, conveyances: Conveyances) -> list[StixObject]:
    """Return vessels, flights and vehicles, the countries of their flags, and the relations."""
    found = []
    for key, item in keyed((_conveyance_key(item), item) for item in conveyances.items):
        made = _infrastructure(frame, key, item)
        for code, why in _flags(item).items():
            found += [country(code), frame.related(made, country(code), why)]
        found.append(made)
    return found


def locations(frame: Frame, movement: Movement) -> list[StixObject]:
    """Return the ports of a route whose country is known, each once."""
    found: dict[str, StixObject] = {}
    for leg in movement.legs:
        code = _country_of(leg)
        if code and leg.locode:
            key = f"movement {code} {leg.locode} "
            found.setdefault(key, _place(frame, key, code, leg))
        elif code:
            found.setdefault(code, country(code))
    return list(found.values())


def files(frame: Frame, evidence: Evidence) -> list[StixObject]:
    """Return what is known of attachments; equal ones once."""
    made = [_file(frame, item) for item in evidence.items]
    return list({each["id"]: each for each in made}.values())


def _conveyance_key(item: Conveyance) -> str:
    # What names it best, so that later revisions that know more keep its id.
    name = item.imo_number or item.mmsi or item.number or item.call_sign or item.name or ""
    return f"conveyance {item.kind} {name}"


def _infrastructure(frame: Frame, key: str, item: Conveyance) -> StixObject:
    numbers = {
        "IMO": item.imo_number, "MMSI": item.mmsi, "call sign": item.call_sign,
        "number": item.number,
    }  # fmt: skip
    aliases = [f"{label} {number}" for label, number in numbers.items() if number]
    kind = words(item.kind)
    told = {
        "carrier": item.carrier,
        "on": item.on.isoformat() if item.on else None,
    }
    description = "; ".join([kind, *(f"{label} {said}" for label, said in told.items() if said)])
    return frame.made(
        "infrastructure", key,
        {"compartment": Compartment.CONVEYANCES, "conveyance": _travel(item)},
        name=item.name or (aliases[0] if aliases else f"{kind}, not named"),
        description=description,
        infrastructure_types=["unknown"],
        aliases=aliases,
    )  # fmt: skip


def _travel(item: Conveyance) -> Travel:
    return Travel.model_construct(**dict(item))


def _flags(item: Conveyance) -> dict[str, str]:
    flags = dict.fromkeys(item.past_flags, "past flag")
    return flags | ({item.flag: "flag"} if item.flag else {})


def _country_of(leg: Leg) -> str | None:
    if leg.country:
        return leg.country
    code = leg.locode[:2] if leg.locode else None
    return code if code in COUNTRIES else None


def _place(frame: Frame, key: str, code: str, leg: Leg) -> StixObject:
    return frame.made(
        "location", key, {},
        name=leg.locode,
        description=f"UN/LOCODE {leg.locode}",
        country=code,
    )  # fmt: skip


def _file(frame: Frame, item: EvidenceItem) -> StixObject:
    # The id of an observable follows from hash and extension, and it has no versions. So the
    # extension names alert, feed and revision: no two contents ever have one id.
    view = frame.view
    hashes = {"SHA-256": item.sha256}
    parts = extension(
        compartment=Compartment.EVIDENCE, evidence=item, feed=frame.feed,
        alert_id=view.alert_id, revision=view.revision,
    )  # fmt: skip
    made = {
        "type": "file",
        "spec_version": "2.1",
        "id": observable_id("file", hashes=hashes, extensions=parts),
        "hashes": hashes,
        "size": item.bytes,
        "mime_type": item.media_type if item.media_type in MEDIA_TYPES else None,
        "object_marking_refs": frame.marking_refs,
        "extensions": parts,
    }
    return {name: value for name, value in made.items() if value is not None}
