"""Closed code lists that policy never reads, and the check that a code is in its list.

HTCDS codes keep the standard's own spelling (IOM, HTCDS 2.0, CC BY 4.0). Its field
definitions and its picklists differ; the lists here are their union.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator

CONTROLS = frozenset(
    "PhysicalThreats ThreatsLawEnforcement ThreatensChildrenFamily DebtBondage "
    "FalsePromises PhysicalAbuse SexualAbuse TakesEarnings RestrictsFinancialAccess "
    "RestrictsMedicalCare WithholdsNecessities PsychologicalAbuse PsychoactiveSubstance "
    "ExcessiveWorkingHours WithholdsDocuments RestrictsMovement UsesChildren Threats Other".split()
)
RECRUITMENT = frozenset(
    "AtAPlaceOfBusiness AtAnEducationalInstitution AtWork ThroughOnlineSocialNetworks "
    "ThroughAnOnlineAdvertisement ThroughATelevisionAdvert ThroughANewspaperAdvert "
    "ThroughFamilyOrFamilyEvents ThroughFriendsOrSocialEvents Other".split()
)
SEX_EXPLOITATION = frozenset(
    "Prostitution Pornography RemoteInteractiveServices PrivateSexualServices".split()
)
ROLES_IN_PROCESS = frozenset(
    "TravellingPartner Transporter RecruiterOrIntermediary BrokerTravelAgent "
    "TransferredIndividual HarbouredIndividual SoldIndividual BoughtIndividual "
    "ReceivedIndividual ControlledIndividual Smuggler Abuser Kidnapper Exploiter Other".split()
)
DOCUMENT_KINDS = frozenset("PASSPORT VISA SEAFARER NATIONAL_ID LAISSEZ_PASSER OTHER".split())
DOCUMENT_FLAGS = frozenset("LOST STOLEN HELD_BY_OTHER FORGED".split())
LEG_KINDS = frozenset("RECRUITMENT TRANSIT EXPLOITATION RETURN".split())
PRECISIONS = frozenset("EXACT DAY WEEK MONTH".split())
DIMENSIONS = frozenset(
    "DECEPTIVE_RECRUITMENT COERCIVE_RECRUITMENT RECRUITMENT_BY_ABUSE_OF_VULNERABILITY "
    "EXPLOITATION COERCION_AT_DESTINATION ABUSE_OF_VULNERABILITY_AT_DESTINATION".split()
)
STRENGTHS = frozenset("STRONG MEDIUM WEAK".split())

#: Kinds of law or agreement that an alert may be shared under. The list is ours; it stands in
#: clear on the wire, so there are no words of one's own in it.
LEGAL_BASES = frozenset(
    "PALERMO_ARTICLE_6 PALERMO_ARTICLE_9 PALERMO_ARTICLE_10 UNTOC_ARTICLE_18 UNTOC_ARTICLE_27 "
    "SMUGGLING_PROTOCOL CHILD_RIGHTS_CONVENTION MUTUAL_ASSISTANCE_TREATY "
    "PTCN_DECLARATION_OF_PARTNERSHIP PIDC_CONSTITUTION OCO_ARRANGEMENT MEMORANDUM "
    "NATIONAL_IMMIGRATION_ACT NATIONAL_POLICE_ACT NATIONAL_CUSTOMS_ACT "
    "NATIONAL_TRAFFICKING_ACT NATIONAL_CHILD_PROTECTION_ACT COURT_ORDER CONSENT "
    "VITAL_INTERESTS OTHER".split()
)

#: ISO 3166-1 alpha-2, officially assigned.
COUNTRIES = frozenset(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO "
    "BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ "
    "DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP "
    "GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG "
    "KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML "
    "MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE "
    "PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL "
    "SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM "
    "US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW".split()
)


#: The checks that `among` made: what one of them takes is a known code, and no text.
CLOSED: set[Callable[[Any], Any]] = set()


def among(codes: Iterable[str]) -> Callable[[Any], Any]:
    """Return a check that a code is in *codes*; it says CODE_UNKNOWN and not which code."""
    known = frozenset(codes)

    def check(code: Any) -> Any:
        if code not in known:
            raise ValueError("CODE_UNKNOWN")
        return code

    CLOSED.add(check)
    return check


Control = Annotated[str, AfterValidator(among(CONTROLS))]
Recruitment = Annotated[str, AfterValidator(among(RECRUITMENT))]
SexExploitation = Annotated[str, AfterValidator(among(SEX_EXPLOITATION))]
RoleInProcess = Annotated[str, AfterValidator(among(ROLES_IN_PROCESS))]
DocumentKind = Annotated[str, AfterValidator(among(DOCUMENT_KINDS))]
DocumentFlag = Annotated[str, AfterValidator(among(DOCUMENT_FLAGS))]
LegKind = Annotated[str, AfterValidator(among(LEG_KINDS))]
Precision = Annotated[str, AfterValidator(among(PRECISIONS))]
Dimension = Annotated[str, AfterValidator(among(DIMENSIONS))]
LegalBasis = Annotated[str, AfterValidator(among(LEGAL_BASES))]
Strength = Annotated[str, AfterValidator(among(STRENGTHS))]
