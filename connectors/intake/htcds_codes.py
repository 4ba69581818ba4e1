"""Picklists of HTCDS 2.0 as Lali's codes, with the spellings that its own files differ in.

A cell may hold codes or the labels of the form, several parted by semicolons, commas or
spaces. Codes are compared without case, spaces and punctuation. What is in no list is
refused: a code that nobody knows could be the one that protects.
"""

import re
from collections.abc import Iterable

from broker.errors import Rejected
from broker.model import codelists
from broker.model.codes import Consent, Exploitation, Sector
from broker.model.content import Gender, Role
from broker.model.reason import Reason
from connectors.intake.country_names import COUNTRY_CODES
from connectors.intake.htcds_columns import normal

Picklist = dict[str, str]
_MARKS = re.compile(r"[\W_]+")
#: Most words in a label of the form.
_LONGEST_LABEL = 20


def _listed(codes: Iterable[str], **others: str) -> Picklist:
    known = {normal(code): code for code in codes}
    return known | {normal(name): code for name, code in others.items()}


#: A victim until shown otherwise: somebody who was found to be none, or about whom nothing is
#: said, is still in a case file of victims, and stays protected.
STATUS: Picklist = {
    "possiblevictimoftrafficking": Role.VICTIM_POSSIBLE,
    "actualvictimoftrafficking": Role.VICTIM_CONFIRMED,
    "notavictimoftrafficking": Role.UNKNOWN,
}

#: The one checkbox, as its state. Unticked is not the same as never asked, and both withhold.
CONSENT: Picklist = {
    **dict.fromkeys(("true", "yes", "1"), Consent.GIVEN),
    **dict.fromkeys(("false", "no", "0"), Consent.REFUSED),
}

GENDER: Picklist = {
    "feminine": Gender.FEMININE,
    "masculine": Gender.MASCULINE,
    "transgenderfeminine": Gender.TRANSGENDER_FEMININE,
    "transgendermasculine": Gender.TRANSGENDER_MASCULINE,
    "nonconforming": Gender.NON_CONFORMING,
    "nonspecifiedunknown": Gender.UNKNOWN,
    "notspecifiedunknown": Gender.UNKNOWN,
}

CITIZENSHIP: Picklist = {code.casefold(): code for code in codelists.COUNTRIES} | {
    normal(name): code for name, code in COUNTRY_CODES.items()
}

#: The field list writes each with a prefix, spells two differently, and has three more than
#: the spreadsheet and the form.
CONTROLS: Picklist = _listed(
    codelists.CONTROLS,
    PsychoactiveSubstances="PsychoactiveSubstance",
    ThreatOfLawEnforcement="ThreatsLawEnforcement",
    ThreatsOfLawEnforcement="ThreatsLawEnforcement",
)
CONTROLS |= {f"methodsofcontrol{key}": code for key, code in CONTROLS.items()}

RECRUITMENT: Picklist = _listed(codelists.RECRUITMENT)
SEX_EXPLOITATION: Picklist = _listed(codelists.SEX_EXPLOITATION)
ROLES_IN_PROCESS: Picklist = _listed(codelists.ROLES_IN_PROCESS)

DECIDED_BY: Picklist = _listed(
    "Police NGO CourtOrProsecution NonPoliceGovernmentalOrganization Other".split()
)
CASE_STATUS: Picklist = _listed("Active FollowUp Closed ClosedReferred".split())

EXPLOITATION: Picklist = {
    normal(code.value): code.value for code in Exploitation if code is not Exploitation.UNKNOWN
} | {"forcedmilitarybynonstateactors": Exploitation.FORCED_MILITARY}

#: ISIC sections by letter; the form's labels are the section's name without it.
_SECTIONS: dict[Sector, tuple[str, ...]] = {
    Sector.AGRICULTURE_FORESTRY: (
        "A_AgricultureForestryAndFishing",
        "Crop and animal production, hunting and related service activities",
    ),
    Sector.FISHING: (
        "Fishing and aquaculture",
        "Marine fishing or acquaculture",
        "Marine fishing or aquaculture",
        "Freshwater fishing or aquaculture",
    ),
    Sector.LOGGING: ("Forestry and logging",),
    Sector.MINING: ("B_MiningAndQuarrying",),
    Sector.MANUFACTURING: ("C_Manufacturing",),
    Sector.UTILITIES: ("D_ElectricityGasSteamAndAirConditioningSupply",),
    Sector.WATER_AND_WASTE: (
        "E_WaterSupplySewerageWasteManagement",
        "Water supply; sewerage, waste management and remediation",
    ),
    Sector.CONSTRUCTION: ("F_Construction",),
    Sector.TRADE: (
        "G_WholesaleAndRetailTradeRepairOfMotorVehicles",
        "Wholesale and retail trade; repair of motor vehicles and motorcycles",
    ),
    Sector.TRANSPORT: (
        "H_TransportationAndStorage",
        "Land transport and transport via pipelines",
        "Water transport",
        "Air transport",
        "Warehousing and support activities for transportation",
        "Postal and courier activities",
    ),
    Sector.ACCOMMODATION_AND_FOOD: (
        "I_AccommodationAndFoodServiceActivities",
        "Primarily accommodation",
        "Primarily food",
        "Primarily beverages",
    ),
    Sector.INFORMATION: ("J_InformationAndCommunication",),
    Sector.FINANCE: ("K_FinancialAndInsuranceActivities",),
    Sector.REAL_ESTATE: ("L_RealEstateActivities",),
    Sector.PROFESSIONAL: ("M_ProfessionalScientificAndTechnicalActivities",),
    Sector.ADMINISTRATIVE: ("N_AdministrativeAndSupportServiceActivities",),
    Sector.PUBLIC_ADMINISTRATION: (
        "O_PublicAdministrationAndDefence",
        "Public administration and defence; compulsory social security",
    ),
    Sector.EDUCATION: ("P_Education",),
    Sector.HEALTH: ("Q_HumanHealthAndSocialWorkActivities",),
    Sector.ARTS_AND_ENTERTAINMENT: ("R_ArtsEntertainmentAndRecreation",),
    Sector.OTHER_SERVICES: ("S_OtherServiceActivities",),
    Sector.DOMESTIC_WORK: (
        "T_ActivitiesOfHouseholdsAsEmployers",
        "Activities of households as employers; undifferentiated goods- and services- "
        "producing activities of households for own use",
    ),
    Sector.EXTRATERRITORIAL: (
        "U_ActivitiesOfExtraterritorialOrganizations",
        "Activities of extraterritorial organizations and bodies",
    ),
}

INDUSTRY: Picklist = {
    normal(re.sub("^[A-U]_", "", name)): sector
    for sector, names in _SECTIONS.items()
    for name in names
}
INDUSTRY |= {
    normal(name): sector for sector, names in _SECTIONS.items() for name in names if name[1] == "_"
}


def pick_all(cell: str, picklist: Picklist) -> tuple[str, ...]:
    """Return the codes in *cell*, each once, in order.

    Raises:
        Rejected: CODE_UNKNOWN; which one is not said.
    """
    found: list[str] = []
    for part in _parts(cell, picklist, (";|\n|\\|", ",", r"\s+")):
        found += [] if part in found else [part]
    return tuple(found)


def pick(cell: str, picklist: Picklist) -> str | None:
    """Return the one code in *cell*, or None for an empty one.

    Raises:
        Rejected: CODE_UNKNOWN.
    """
    if not cell:
        return None
    code = picklist.get(normal(cell))
    if code is None:
        raise Rejected(Reason.CODE_UNKNOWN)
    return code


def tick(cell: object) -> bool:
    """Return whether a choice's own column says that it was chosen.

    Raises:
        Rejected: CODE_UNKNOWN: it says neither.
    """
    said = str(cell if cell is not None else "").strip().casefold()
    if said in ("", "0", "0.0", "false", "no"):
        return False
    if said in ("1", "1.0", "true", "yes"):
        return True
    raise Rejected(Reason.CODE_UNKNOWN)


def _labels_in(text: str, picklist: Picklist) -> list[str] | None:
    """Return the codes of labels that stand one behind the other, parted by blanks alone.

    Survey tools write the labels of several choices so. The fewest labels that make up the
    whole are meant: of two readings the one with the longer labels.
    """
    words = [word for each in _MARKS.split(text) if (word := normal(each))]
    best: list[list[str] | None] = [[]]
    for end in range(1, len(words) + 1):
        readings = [
            [*before, code]
            for start in range(max(0, end - _LONGEST_LABEL), end)
            if (before := best[start]) is not None
            and (code := picklist.get("".join(words[start:end])))
        ]
        best.append(min(readings, key=len, default=None))
    return best[-1]


def _parts(cell: str, picklist: Picklist, separators: tuple[str, ...]) -> Iterable[str]:
    # Some labels hold commas or a semicolon, so the whole is tried before its parts.
    if not cell.strip():
        return
    if code := picklist.get(normal(cell)):
        yield code
    elif (labels := _labels_in(cell, picklist)) is not None:
        yield from labels
    elif not separators:
        raise Rejected(Reason.CODE_UNKNOWN)
    else:
        for part in re.split(separators[0], cell):
            yield from _parts(part, picklist, separators[1:])
