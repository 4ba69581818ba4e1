"""Alerts with a summary, what is found in it, and summaries that identify nobody."""

from broker.model.alert import Alert, Compartments
from broker.model.content import Person, Role, Summary, Victims
from broker.model.label import Label
from broker.pipeline.identifying import identifying

OKINAS = "ʻʼ‘’'`"
FIJI = {"countries_destination": ["FJ"], "countries_origin": ["TO", "NZ"]}

#: Summaries as duty officers write them: numbers, places and dates that identify nobody.
HARMLESS = [
    "Crew of 12 without pay for 14 months; owed about 25 000 pa'anga each, 300,000 in all.",
    "Longliner, IMO 9074729, MMSI 572123456, call sign 3DVQ, last port Suva 2026-05-28.",
    "Flight FJ 911 on 3 June 2026, 14:35, seats 21A to 21F booked together.",
    "Visas class 482 for 40 workers; sponsor paid USD 250000 and FJD 3 250 000.",
    "Container TGHU1234567 fitted with bunks and a heater. Manifest says frozen fish.",
    "Vessel expected at Port Vila between 1 and 3 May. Master keeps all passports.",
    "Girls aged 14 to 16 seen at a lodging near the wharf on Friday nights.",
    "A recruiter in Mumbai promises hotel work at 1,200 a month and asks 5,000 up front.",
    "Camp in Western Province, 60 km inland; no road. Wages held back since January 2026.",
    "Domestic worker not seen outside for months. Employer is a contractor.",
    "Three children travel with an adult who is no relative; papers look altered.",
    "See also alert 00000005-610c-4000-8000-00000005610c, case 2026/0417.",
    "Police at the port are told. Do not approach; contact the desk first.",
    "Reported 2026-06-01 02:00 UTC. Position about 17.7 S 178.1 E, course 270, 9.5 knots.",
    "About 1 in 3 of the 2500 workers signed a second contract on arrival (grade C3).",
    "SYNTHETIC: WORKERS TOLD OF BEATINGS. MASTER OF THE SHIP IS ARMED.",
    "Found 3 (2026-02-11), again 12 (2026-05); see cases 2022-36056 and 2022-101-27.",
    "Hull is green and white, name painted over. Flag changed from Panama in 2025.",
    "Rev. 2: the truck was seen again at the mill; 6 men, 2 women, 1 child on board.",
]  # fmt: skip


def label(**fields):
    return Label.model_validate(
        {
            "alert_id": "00000000-0000-4000-8000-000000000001",
            "originated_at": "2026-06-01T00:00:00Z",
            "expires_at": "2026-08-01T00:00:00Z",
            "originator": "fiji-police",
            "tlp": "AMBER",
            "source_type": "AGENCY",
        }
        | fields
    )


def person(*names, pid="v1", role=Role.VICTIM_POSSIBLE, **fields):
    return Person.model_validate({"pid": pid, "roles": (role,), "names": names} | fields)


def found_in(text, *victims, headline="A tip", label_fields=None, **compartments):
    """Return codes and the characters they point at, of an alert with this summary."""
    alert = Alert(
        label=label(**(label_fields or {})),
        compartments=Compartments(
            summary=Summary(headline=headline, text=text),
            victims=Victims(persons=victims) if victims else None,
            **compartments,
        ),
    )
    found = identifying(alert)
    assert all(warning.path == "compartments.summary.text" for warning in found)
    return {(warning.code, text[warning.start : warning.end]) for warning in found}


def codes_in(text, *victims, **more):
    return {code for code, _ in found_in(text, *victims, **more)}


def warnings_of(text, **compartments):
    held = Compartments(summary=Summary(headline="A tip", text=text), **compartments)
    return identifying(Alert(label=label(**FIJI), compartments=held))
