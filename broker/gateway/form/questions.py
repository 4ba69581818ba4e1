"""The questions of the form, in plain words, and the codes that their answers stand for."""

from typing import NamedTuple

from broker.model.codes import RecipientClass


class Choice(NamedTuple):
    """One answer that can be chosen.

    Attributes:
        value: As the form sends it; where nothing else is said, the code of the model.
        says: What people read.
        more: What it means for who will see the report.
    """

    value: str
    says: str
    more: str = ""


KINDS = (
    Choice("FORCED_LABOUR", "Made to work, or not free to leave work"),
    Choice("SEXUAL_EXPLOITATION", "Made to have sex, or used in prostitution or pictures"),
    Choice("SERVITUDE", "Kept to work in a home"),
    Choice("CHILD_LABOUR", "A child made to work"),
    Choice("FORCED_MARRIAGE", "Married against their will"),
    Choice("FORCED_BEGGING", "Made to beg or steal"),
    Choice("FORCED_ADOPTION", "A child given away or sold"),
    Choice("OTHER", "Something else, or not sure"),
)

SIGNS = (
    Choice("WithholdsDocuments", "Passport or papers are kept from them"),
    Choice("RestrictsMovement", "They may not go out, or are watched"),
    Choice("TakesEarnings", "They are not paid, or pay is taken"),
    Choice("DebtBondage", "They owe money they cannot pay off"),
    Choice("FalsePromises", "The work or place is not what was promised"),
    Choice("Threats", "They or their families are threatened"),
    Choice("PhysicalAbuse", "They are hurt"),
    Choice("ExcessiveWorkingHours", "Very long hours, no rest days"),
    Choice("WithholdsNecessities", "Too little food, water or sleep"),
)

SECTORS = (
    Choice("", "Not known"),
    Choice("FISHING", "Fishing boat"),
    Choice("AGRICULTURE_FORESTRY", "Farm"),
    Choice("LOGGING", "Logging"),
    Choice("MINING", "Mine"),
    Choice("CONSTRUCTION", "Building site"),
    Choice("MANUFACTURING", "Factory"),
    Choice("ACCOMMODATION_AND_FOOD", "Hotel, bar or restaurant"),
    Choice("DOMESTIC_WORK", "A home"),
    Choice("TRADE", "Shop"),
    Choice("OTHER", "Other"),
)

SOURCES = (
    Choice("CIVIL_SOCIETY", "We saw it, or somebody told us"),
    Choice("VICTIM", "The person it happened to told us"),
    Choice("HOTLINE", "By a call or message to our helpline"),
)

DANGER = (
    Choice("NOW", "Yes, now"),
    Choice("SOON", "Not this minute, but soon"),
    Choice("NO", "No"),
    Choice("PAST", "No, it is over"),
    Choice("UNKNOWN", "We do not know"),
)

YES_NO = (Choice("YES", "Yes"), Choice("NO", "No"), Choice("UNKNOWN", "We do not know"))

CHILD = (
    Choice("YES", "Yes"),
    Choice("UNKNOWN", "Perhaps, or we do not know",
           "We treat everybody as a child until somebody knows better."),
    Choice("NO", "No, all are 18 or older"),
)  # fmt: skip

CONSENT = (
    Choice("GIVEN", "Yes, they agreed",
           "The kinds of recipients that you tick below may see who they are, and your text."),
    Choice("REFUSED", "They said no",
           "Nobody sees names, your text or how to reach anyone. Boat, place, route and signs "
           "still go out, so think whether those alone would show who it is."),
    Choice("NOT_ASKED", "We have not asked them",
           "As if they had said no. You can ask them later and report again."),
    Choice("NOT_CAPABLE", "They could not be asked",
           "Out of reach, too unwell, or it would put them at risk. As if they had said no."),
    Choice("GUARDIAN_GIVEN", "A parent or guardian agreed for a child",
           "As if they agreed themselves. Do not choose this if the guardian may be involved."),
    Choice("NOT_APPLICABLE", "No person is known, only a boat, place or business",
           "Boat, place, route and signs go out; your text does not."),
)  # fmt: skip

AGREED = frozenset({"GIVEN", "GUARDIAN_GIVEN"})

SCOPES = (
    Choice("POLICE", "Police", "Duty desks that protect, and units that investigate."),
    Choice("CHILD_PROTECTION", "Child protection", "Only where a child may be involved."),
    Choice("CIVIL_SOCIETY", "Shelters and helpers",
           "Only where all are 18 or older. They never see anything about suspects."),
    Choice("IMMIGRATION", "Border officers",
           "To refer people to help when they arrive. They never see names of people affected, "
           "and those who detain or deport receive nothing of this."),
    Choice("REGIONAL_COORDINATION", "The regional crime centre",
           "To join cases across countries. It never sees who the people affected are."),
)  # fmt: skip

#: What each choice of SCOPES agrees to.
CLASSES = {each.value: (RecipientClass(each.value),) for each in SCOPES} | {
    "POLICE": (RecipientClass.POLICE, RecipientClass.TCU)
}

CONVEYANCES = (
    Choice("", "None, or not known"),
    Choice("VESSEL", "Boat or ship"),
    Choice("VEHICLE", "Car, bus or truck"),
    Choice("FLIGHT", "Aeroplane"),
    Choice("ON_FOOT", "On foot"),
)

AGES = (
    Choice("", "Not known"),
    Choice("AGE_0_8", "8 or younger"),
    Choice("AGE_9_17", "9 to 17"),
    Choice("AGE_18_20", "18 to 20"),
    Choice("AGE_21_23", "21 to 23"),
    Choice("AGE_24_26", "24 to 26"),
    Choice("AGE_27_29", "27 to 29"),
    Choice("AGE_30_38", "30 to 38"),
    Choice("AGE_39_47", "39 to 47"),
    Choice("AGE_48_PLUS", "48 or older"),
)

GENDERS = (
    Choice("", "Not said"),
    Choice("FEMININE", "Woman or girl"),
    Choice("MASCULINE", "Man or boy"),
    Choice("TRANSGENDER_FEMININE", "Trans woman or girl"),
    Choice("TRANSGENDER_MASCULINE", "Trans man or boy"),
    Choice("NON_CONFORMING", "Another gender"),
)

NEEDS = (
    Choice("SHELTER", "A safe place to stay"),
    Choice("MEDICAL", "A doctor or nurse"),
    Choice("INTERPRETER", "An interpreter"),
)

#: Fields with free text or a name, and how long each may be, characters.
TEXTS = {
    "headline": 150, "text": 4000, "place": 90, "employer": 90, "seen_on": 10,
    "country": 60, "origin": 200, "transit": 200, "conveyance_name": 100,
    "conveyance_number": 40, "count": 6, "suspects": 800, "phone": 30, "channel": 150,
    "safe_contact": 200,
    "name_1": 150, "citizenship_1": 60, "name_2": 150, "citizenship_2": 60,
}  # fmt: skip

#: Of these, the ones with more than one line.
MANY_LINES = frozenset({"text", "suspects"})

#: Fields of which one answer is chosen.
SINGLES = {
    "source": SOURCES, "danger": DANGER, "moved": YES_NO, "child": CHILD, "consent": CONSENT,
    "conveyance": CONVEYANCES, "sector": SECTORS, "age_1": AGES, "age_2": AGES,
    "gender_1": GENDERS, "gender_2": GENDERS, "do_not_approach": (Choice("YES", "Yes"),),
}  # fmt: skip

#: Fields of which several answers may be chosen.
SEVERALS = {"kinds": KINDS, "signs": SIGNS, "scope": SCOPES, "needs": NEEDS}

#: How many people can be described one by one.
PEOPLE = (1, 2)


def words_of(field: str, value: str) -> str:
    """Return what people read for the answer *value* of *field*."""
    choices = SINGLES.get(field) or SEVERALS[field]
    return next((each.says for each in choices if each.value == value), value)
